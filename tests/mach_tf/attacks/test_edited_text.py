"""Edits of a text against the text that a person would write."""

import numpy as np
import pytest

from mach_tf.attacks.edited_text import EditedText


def edited(*texts):
    """The words are runs of letters."""
    spans = []
    for field, text in enumerate(texts):
        begin = None
        for i, character in enumerate(text + " "):
            if character.isalpha() and begin is None:
                begin = i
            elif not character.isalpha() and begin is not None:
                spans.append((field, len(text[:begin].encode()), len(text[:i].encode())))
                begin = None
    columns = np.array(spans, np.int64).reshape(-1, 3).T
    return EditedText.of([text.encode() for text in texts], *columns)


@pytest.mark.parametrize("texts", [("",), ("  ",), ("a b-c", "", "Über, 光 x."), ("word",)])
def test_unchanged_it_is_the_text(texts):
    assert edited(*texts).texts == list(texts)


def test_words_go_with_one_space():
    text = edited("one two-three, four.")
    left = [text.without(place).texts[0] for place in text.words()]
    assert left == [" two-three, four.", "one-three, four.", "one two-, four.", "one two-three,."]
    while places := list(text.words()):
        text = text.without(places[0])
    assert not any(character.isalpha() for character in text.texts[0])


def test_neighbours_of_a_word_that_goes_stay_apart():
    text = edited("a b c d")
    for place in list(text.words())[1:3]:
        text = text.without(place)
    assert text.texts == ["a d"] and [text.word(place) for place in text.words()] == ["a", "d"]


def test_a_replaced_word_is_not_offered_again():
    text = edited("a b", "c")
    changed = text.replaced((1, 1), "new")
    assert changed.texts == ["a b", "new"] and (1, 1) not in set(changed.words()) and len(list(changed.words())) == 2
    assert text.texts == ["a b", "c"], "a change leaves the text it is made from"


def test_words_are_added_at_the_end():
    text = edited("a b", "")
    assert text.with_added(0, "x").with_added(0, "y").texts == ["a b x y", ""]
    assert text.with_added(1, "x").with_added(1, "y").texts == ["a b", "x y"]
    assert len(list(text.with_added(0, "x").words())) == 2, "what was added is not changed"
