"""Bars: their lengths, their sides, and names that stay text."""

from __future__ import annotations

import re

from mach_tf.explanations.bars_html import bars_html


def test_bars_are_as_long_as_their_magnitude():
    text = bars_html("t", None, None, [("small", 1.0), ("large", -4.0)])
    assert text.index("large") < text.index("small") and "width:25.0%" in text and "width:100.0%" in text
    assert "width" in bars_html("zero", 1.0, 0.0, [("a", 0.0)])


def test_bars_for_and_against_are_on_their_own_sides():
    text = bars_html("t", None, None, [("up", 3.0), ("down", -3.0)])
    up, down = re.findall(r"<tr.*?</tr>", text)
    sides = re.compile(r"<div style='display:flex;justify-content:flex-end'>(.*?)</div></td><td[^>]*>(.*?)</td>")
    assert [bool(side) for side in sides.search(up).groups()] == [False, True]
    assert [bool(side) for side in sides.search(down).groups()] == [True, False]


def test_the_rest_is_added_up_and_names_are_escaped():
    text = bars_html("a & b", 1.0, 0.5, [(f"<{i}>", float(i)) for i in range(12)])
    assert "2 others that raise" in text and "+1.0000" in text and "&lt;11&gt;" in text and "a &amp; b" in text
    assert "score 1, baseline 0.5<br>the first 10 of 12 features are 98% of all attributions" in text


def test_the_bars_of_the_others_have_the_scale_of_the_features():
    text = bars_html("t", None, None, [("large", 2.0), *[("small", 1.0)] * 9, *[("down", -1.0)] * 8])
    assert "8 others that lower" in text and text.count("width:25.0%") == 1 and text.count("width:100.0%") == 1


def test_endless_names_and_control_characters_are_shown_by_signs():
    text = bars_html("t\0", None, None, [("x" * 1_000_000, 1.0), ("a\x1b\nb", 2.0)])
    assert len(text) < 5_000 and "a␛␊b" in text and "t␀" in text and "999,880 characters" in text
