"""The text in the report: coloured per label, read by pointer and keyboard, folded when long, and text whatever it holds."""

from __future__ import annotations

import json
import re

import numpy as np
import pytest

from mach_tf.explanations.explanation import Explanation, FeatureAttribution
from mach_tf.explanations.reporting.label_support import Neighbours
from mach_tf.explanations.reporting.point_explanation import ExplainedLabel, PointExplanation
from mach_tf.explanations.reporting.report import Report
from mach_tf.explanations.words.word_attributions import WordAttributions
from tests.helpers import pages
from tests.mach_tf.explanations.words.sample import explained_text

HOSTILE = "<script>alert(1)</script> </p><img src=x onerror=alert(2)> a\x1b[31m\x00 &lt;b&gt; \u202egnirts"
CATS = "Cats purr, dogs do not."


def page(*texts, values=(1.0, 0.25, -0.5, 0.001, 0.0), names=None, rest=0.0):
    """A report of one point whose first label has these values, and whose second has their negatives."""
    text = explained_text(*texts, names=names)
    values = np.resize(values, len(text))
    explained = []
    for label, sign in ((0, 1), (1, -1)):
        words = WordAttributions(text, sign * values, rest)
        features = [FeatureAttribution(0, "cats", 0.5, 1.0, False, 0)]
        explanation = Explanation(0, label, ("cats", "dogs")[label], 1.0, 0.0, 0.0, features, words)
        neighbours = Neighbours(np.zeros(0, np.int64), [])
        explained.append(ExplainedLabel(explanation, label + 1, np.array([0]), np.array([1.0]), neighbours))
    report = Report(["cats", "dogs"], "logit_mean", None, 3)
    report.add(PointExplanation(0, [0], [(0, 1.0), (1, 0.5)], explained, text=text))
    return report.html("t", [])


def data_of(text):
    return json.loads(re.search(r'id="data">(.*?)</script>', text, re.DOTALL)[1])["points"][0]


def test_the_data_are_pieces_and_their_values():
    point = data_of(page("(a b)", "c", "", names=["x", "y", "z"], rest=0.5))
    assert point["text"] == [["x", ["(", "a", " ", "b", ")"]], ["y", ["", "c", ""]], ["z", [""]]]
    words = {"values": [1.0, 0.25, -0.5], "hidden": ["", "", ""], "rest": "+0.5 belongs to no word of this text."}
    assert point["explanations"][0]["words"] == words
    assert point["explanations"][1]["words"]["values"] == [-1.0, -0.25, 0.5]


def test_what_is_not_shown_is_summed():
    point = data_of(page("ab " * 10_000, values=(0.5,)))
    ((_, pieces),) = point["text"]
    shown = len(pieces) // 2
    (note,) = point["explanations"][0]["words"]["hidden"]
    characters, words, total = re.findall(r"[+\d][\d,.e+]*", note)
    assert shown + int(words.replace(",", "")) == 10_000 and 3_000 < shown < 4_000
    assert len("".join(pieces)) + int(characters.replace(",", "")) == 30_000
    assert float(total) == pytest.approx((10_000 - shown) / 2, rel=1e-2)


@pytest.mark.parametrize("text", [HOSTILE, "x" * 1_000_000, " " * 1_000_000, "ab " * 300_000])
def test_no_text_makes_a_large_or_an_unsafe_page(text):
    whole = page(text)
    assert len(whole) < 250_000 and "<img" not in whole and not {"\0", "\x1b", "\u202e"} & {*whole}
    assert whole.count("<script") == 2


def _open(browser, tmp_path, text, **options):
    pages.open_page(browser, tmp_path, text, **options)  # a page of a few points opens the first
    return browser.find_elements("css selector", ".words")


def test_words_are_coloured_for_each_label(browser, tmp_path):
    first, second = _open(browser, tmp_path, page(CATS))
    assert first.find_element("css selector", ".text").text == CATS
    kinds = [
        [
            (w.text, w.get_attribute("class"), w.get_attribute("title"))
            for w in box.find_elements("css selector", ".text .word")
        ]
        for box in (first, second)
    ]
    assert kinds[0] == [
        ("Cats", "word for", "+1.00"),
        ("purr", "word for", "+0.250"),
        ("dogs", "word against", "\u22120.500"),
        ("do", "word", "+0.00100"),
    ]
    assert [kind for _, kind, _ in kinds[1]] == ["word against", "word against", "word for", "word"]
    styles = "const s = getComputedStyle(arguments[0]); return [s.borderBottomStyle, s.backgroundColor]"
    words = first.find_elements("css selector", ".text .word")
    (cats, purr, dogs, do) = [browser.execute_script(styles, word) for word in words]
    assert (cats[0], purr[0], dogs[0], do[0]) == ("solid", "solid", "dashed", "none")
    assert float(cats[1].split()[-1][:-1]) > float(purr[1].split()[-1][:-1])
    assert browser.get_log("browser") == []


def test_the_arrow_keys_read_the_numbers(browser, tmp_path):
    from selenium.webdriver.common.keys import Keys

    box = _open(browser, tmp_path, page(CATS))[0]
    read = box.find_element("css selector", ".read")
    assert read.text == "raises or lowers the score"
    reachable = box.find_elements("css selector", ".text [tabindex='0']")
    assert [word.text for word in reachable] == ["Cats"]
    reachable[0].send_keys(Keys.ARROW_LEFT)
    assert read.text == "Cats +1.00 raises the score"
    for key, expected in (
        (Keys.ARROW_RIGHT, "purr +0.250 raises"),
        (Keys.END, "dogs \u22120.500 lowers"),
        (Keys.HOME, "Cats"),
    ):
        active = browser.switch_to.active_element
        active.send_keys(key)
        assert read.text.startswith(expected)
        assert browser.switch_to.active_element.get_attribute("aria-describedby") == read.get_attribute("id")
    browser.switch_to.active_element.send_keys(Keys.TAB)
    assert read.text == "raises or lowers the score"


def test_the_pointer_reads_the_numbers(browser, tmp_path):
    from selenium.webdriver import ActionChains

    box = _open(browser, tmp_path, page(CATS))[1]
    dogs = box.find_elements("css selector", ".text .word")[2]
    ActionChains(browser).move_to_element(dogs).perform()
    assert box.find_element("css selector", ".read").text == "dogs +0.500 raises the score"


def test_hostile_text_is_shown_as_it_is(browser, tmp_path):
    box = _open(browser, tmp_path, page(HOSTILE))[0]
    assert box.find_element("css selector", ".text").text == HOSTILE.replace("\x1b", "␛").replace("\0", "␀").replace(
        "\u202e", "<U+202E>"
    )
    assert box.find_elements("css selector", "img, script") == [] and browser.get_log("browser") == []


def test_a_long_text_folds_and_unfolds(browser, tmp_path):
    short = _open(browser, tmp_path, page(CATS))[0]
    assert not short.find_element("css selector", ".unfold").is_displayed()
    box = _open(browser, tmp_path, page("many words " * 300))[0]
    body, button = box.find_element("css selector", ".text"), box.find_element("css selector", ".unfold")
    folded = body.size["height"]
    button.click()
    assert body.size["height"] > 2 * folded and button.text == "Fold the text"
    button.click()
    assert body.size["height"] == folded and button.get_attribute("aria-expanded") == "false"


def test_texts_are_listed_searched_and_have_fields_and_a_rest(browser, tmp_path):
    box = _open(browser, tmp_path, page(CATS, "More.", names=["title", "content"], rest=-0.125))[0]
    assert [field.text for field in box.find_elements("css selector", ".field")] == ["title", "content"]
    assert "-0.125 belongs to no word of this text." in box.text
    assert browser.find_element("css selector", "td[data-title='Text']").text == f"{CATS} More."
    for words, found in (("dogs do", 1), ("no such words", 0)):
        search = browser.find_element("id", "search")
        search.clear()
        search.send_keys(words)
        assert len(browser.find_elements("css selector", "tr.row")) == found


@pytest.mark.parametrize("colours", ["light", "dark"])
@pytest.mark.parametrize("width", [390, 1200])
def test_fits_and_contrasts(browser, tmp_path, colours, width):
    texts = (CATS, "x" * 100_000)
    _open(browser, tmp_path, page(*texts, values=(1.0, -1.0, 0.5, -0.5, 0.1, -0.1)), width=width, colours=colours)
    assert browser.execute_script("return document.documentElement.scrollWidth <= innerWidth")
    for text, ink, paper in pages.colours_of_texts(browser):
        assert pages.contrast(ink, paper) >= 4.5, text
