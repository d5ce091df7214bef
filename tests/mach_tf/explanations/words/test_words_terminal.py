"""Colours and signs, broken lines, and texts that cannot reach the terminal's controls."""

from __future__ import annotations

import re
import unicodedata

import numpy as np
import pytest

from mach_tf.explanations.words.word_attributions import WordAttributions
from mach_tf.explanations.words.words_terminal import words_terminal
from tests.mach_tf.explanations.words.sample import explained_text

_CODE = re.compile(r"\x1b\[[0-9;]*m")


def _words(*texts, values, **options):
    return WordAttributions(explained_text(*texts, **options), np.array(values, float), 0.0)


def test_numbers_say_what_colours_say():
    words = _words("Cats, not dogs and so on.", values=[2.0, 0.001, -1.0, 0.2, 0.0, 0.0])
    assert words_terminal(words, False, 80) == "Cats[+2], not dogs[-1] and[+0.2] so on."
    assert words_terminal(words, True, 80) == (
        "\x1b[1;38;5;231;48;5;25mCats\x1b[0m[+2], not \x1b[1;4;38;5;166mdogs\x1b[0m[-1] \x1b[38;5;33mand\x1b[0m[+0.2] so on."
    )


def test_with_and_without_colours_reads_the_same():
    generator = np.random.default_rng(0)
    for width in (10, 40, 100):
        values = generator.normal(size=60)
        words = _words("Ein langer, sehr (langer) Text: 漢字. " * 10, values=values)
        plain = words_terminal(words, False, width)
        assert "\x1b" not in plain and _CODE.sub("", words_terminal(words, True, width)) == plain
        assert re.sub(r"\[[^]]*\]|\s", "", plain) == re.sub(r"\s", "", words.text.texts[0].decode())
        assert len(re.findall(r"\[[+-]", plain)) == 12
        for line in plain.splitlines():
            assert len(line) + line.count("漢") + line.count("字") <= width or " " not in line


def test_only_words_that_lower_the_score_are_underlined():
    generator = np.random.default_rng(1)
    values = generator.normal(size=50)
    shown = words_terminal(_words("w " * 50, values=values), True, 80)
    codes = re.findall(r"\x1b\[([0-9;]+)m", shown.replace("\x1b[0m", ""))
    strong = np.abs(values) >= 0.08 * np.abs(values).max()
    assert ["4" in code.split(";")[:2] for code in codes] == (values[strong] < 0).tolist()


def test_fields_have_names():
    words = _words("a", "", "b", values=[1.0, 1.0], names=["title", "empty", "text"])
    assert words_terminal(words, False, 80) == "title: a[+1]\ntext: b[+1]"


@pytest.mark.parametrize("colours", [False, True])
@pytest.mark.parametrize("text", ["\x1b]0;x\x07 \x1b[2J", "\x9b31m a", "a\r\nb\rc\b\b", "\u202eabc", "\x00"])
def test_control_characters_do_not_reach_the_terminal(text, colours):
    shown = words_terminal(_words(text, values=np.ones(len(explained_text(text)))), colours, 80)
    left = {c for c in _CODE.sub("", shown) if unicodedata.category(c) == "Cc"}
    assert left <= {"\n"} and "\u202e" not in shown


@pytest.mark.parametrize("text", ["x" * 1_000_000, "ab " * 300_000])
def test_endless_texts_are_cut(text):
    words = explained_text(text)
    shown = [
        words_terminal(WordAttributions(words, np.ones(len(words)), 0.0), colours, 80) for colours in (False, True)
    ]
    assert len(shown[1]) < 50_000 and "characters" in shown[1] and _CODE.sub("", shown[1]) == shown[0]
