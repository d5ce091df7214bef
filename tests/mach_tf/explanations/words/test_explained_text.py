"""Words of a text by index, by field, and whether a term covers them."""

from __future__ import annotations

import numpy as np

from tests.mach_tf.explanations.words.sample import explained_text, random_text


def test_words_are_cut_out_of_the_bytes_of_their_field():
    text = explained_text("Über 漢字", "", "b 😀 c")
    assert [text.word(i) for i in range(len(text))] == ["Über", "漢字", "b", "c"]
    assert [list(text.words_of(field)) for field in range(3)] == [[0, 1], [], [2, 3]]


def test_bytes_that_are_no_text_are_replaced():
    text = explained_text("ab")
    broken = type(text)(**{**text.__dict__, "texts": [b"\xff\xfe"]})
    assert broken.word(0) == "\ufffd\ufffd"


def test_covered_words_are_those_of_an_occurrence():
    generator = np.random.default_rng(0)
    for _ in range(20):
        text = random_text(generator, occurrences=4)
        expected = np.zeros(len(text), bool)
        for first, last in zip(text.first_words, text.last_words):
            expected[first : last + 1] = True
        np.testing.assert_array_equal(text.covered(), expected)
    assert not explained_text("a b").covered().any() and explained_text("").covered().shape == (0,)
