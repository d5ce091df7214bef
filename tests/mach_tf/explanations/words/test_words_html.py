"""The structure of the coloured text, and texts that stay text."""

from __future__ import annotations

import dataclasses
import html.parser

import numpy as np
import pytest

from mach_tf.explanations.words.word_attributions import WordAttributions
from mach_tf.explanations.words.words_html import describe, words_html
from tests.mach_tf.explanations.words.sample import explained_text


class _Reader(html.parser.HTMLParser):
    """Collects the text of the fields and the words with their attributes."""

    def __init__(self, page):
        super().__init__()
        self.tags, self.words, self.texts, self._depth = [], [], [], None
        self.feed(page)

    def handle_starttag(self, tag, attrs):
        attributes = dict(attrs)
        self.tags.append(tag)
        if attributes.get("class") == "mach-words-text":
            self.texts.append("")
        elif tag == "span" and self.texts:
            self.words.append(attributes)

    def handle_data(self, data):
        if self.texts:
            self.texts[-1] += data


def _read(*texts, values, **options):
    return _Reader(
        words_html(WordAttributions(explained_text(*texts, **options), np.array(values, float), 0.0), "a <b>")
    )


def test_words_have_a_sign_a_strength_and_a_number():
    page = _read("Cats, not dogs and so on.", values=[2.0, 0.001, -1.0, 0.0, 0.0, 0.0])
    assert page.texts == ["Cats, not dogs and so on."]
    cats, faint, dogs = page.words
    assert (cats["class"], cats["style"], cats["title"]) == ("for", "--s:1.00", "Cats: +2, raises the score")
    assert (dogs["class"], dogs["style"], dogs["title"]) == ("against", "--s:0.50", "dogs: -1, lowers the score")
    assert "class" not in faint and "tabindex" not in faint and faint["title"] == "not: +0.001, raises the score"
    assert cats["tabindex"] == dogs["tabindex"] == "0"


def test_only_the_strongest_words_can_be_reached_with_the_tab_key():
    page = _read("w " * 100, values=np.arange(100.0) + 100)
    assert [int(word["title"].split("+")[1].split(",")[0]) for word in page.words if "tabindex" in word] == list(
        range(180, 200)
    )


def test_fields_have_names_and_empty_ones_are_left_out():
    page = words_html(WordAttributions(explained_text("a", "", "b", names=["x", "y", "<z>"]), np.ones(2), 0.0), "l")
    assert page.count("mach-words-text'") == 2 and "&lt;z&gt;</div>" in page and ">y<" not in page
    assert "<div class='mach-words-field'" not in words_html(
        WordAttributions(explained_text("a"), np.ones(1), 0.0), "l"
    )


@pytest.mark.parametrize(
    "text",
    [
        "<script>alert(1)</script>",
        "a' onmouseover='alert(1)",
        'a" onmouseover="alert(1)',
        "</div></style><img src=x onerror=alert(1)>",
        "&lt;b&gt; &amp; <!-- x",
        "]]>",
    ],
)
def test_hostile_text_stays_text(text):
    harmless = _read("some words", values=[1.0, 1.0])
    page = _read(text, values=np.ones(len(explained_text(text))))
    assert page.texts == [text] and {*page.tags} == {*harmless.tags}
    assert all({*word} <= {"class", "style", "title", "tabindex"} for word in page.words)


def test_hostile_names_stay_text():
    name = "'><script>x</script>"
    page = _read("a", "b", values=[1.0, 1.0], names=[name, name])
    assert "script" not in page.tags and page.tags.count("div") == 6


@pytest.mark.parametrize("text", ["x" * 1_000_000, "ab " * 300_000, "\0\x1b\u202e" * 1000])
def test_endless_texts_make_a_short_page(text):
    words = explained_text(text)
    page = words_html(WordAttributions(words, np.ones(len(words)), 0.0), "l")
    assert len(page) < 500_000 and not {"\0", "\x1b", "\u202e"} & {*page}
    assert "characters" in page or len(text) < 10_000


@pytest.mark.parametrize(
    ("value", "words"),
    [(0.5, "+0.5, raises the score"), (-1e-9, "-1e-09, lowers the score"), (0.0, "0, no part in the score")],
)
def test_numbers_in_words(value, words):
    assert describe(value) == words


def test_focus_and_pointer_show_the_number_in_a_browser(browser, tmp_path):
    from selenium.webdriver import ActionChains

    path = tmp_path / "notebook.html"
    words = WordAttributions(explained_text("Cats, not dogs"), np.array([2.0, 0.0, -1.0]), 0.0)
    path.write_text(f"<meta charset=utf-8>{words_html(words, 'l')}", encoding="utf-8")
    browser.get(path.as_uri())
    cats, dogs = browser.find_elements("css selector", ".mach-words-text span")
    shown = "return getComputedStyle(arguments[0], '::after').content"
    assert browser.execute_script(shown, cats) == "none"
    browser.execute_script("arguments[0].focus()", cats)
    assert browser.execute_script(shown, cats) == '"Cats: +2, raises the score"'
    ActionChains(browser).move_to_element(dogs).perform()
    assert browser.execute_script(shown, dogs) == '"dogs: -1, lowers the score"'
    underline = "return getComputedStyle(arguments[0]).borderBottomStyle"
    assert [browser.execute_script(underline, word) for word in (cats, dogs)] == ["solid", "dashed"]


def test_what_belongs_to_no_word_is_said():
    words = WordAttributions(explained_text("a b"), np.array([1.0, -1.0]), -0.125)
    assert "<i>-0.125 belongs to no word of this text.</i>" in words_html(words, "tea")
    assert "belongs to no word" not in words_html(dataclasses.replace(words, rest=0.0), "tea")
