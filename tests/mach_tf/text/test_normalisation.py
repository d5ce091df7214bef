from __future__ import annotations

import numpy as np
import pytest
import tensorflow as tf

from mach_tf.text.normalisation import Normaliser, row_ids, runs
from mach_tf.text.unicode_table import read_unicode_table
from tests.helpers import reference_text

# Each with the bytes of its words.
TEXTS = {
    "": [],
    "a": [(0, 1)],
    "½x": [(0, 2), (0, 3)],
    "Straße-ǅ": [(0, 7), (8, 10)],
    "\u0301a": [(0, 3)],
    "q\u0323\u0307 q\u0307\u0323": [(0, 5), (6, 11)],
    "ΣΟΦΟΣ": [(0, 10)],
    "´b": [(0, 3)],
    "각\u200bﷺ": [(0, 3), (6, 9), (6, 9), (6, 9), (6, 9)],
}


def test_words_and_their_bytes_are_those_of_the_definition():
    words = Normaliser(read_unicode_table()).words(tf.constant([f"{text} " for text in TEXTS]))
    splits = words.splits.numpy()
    for i, (text, expected) in enumerate(TEXTS.items()):
        own = slice(splits[i], splits[i + 1])
        assert [word.decode() for word in words.words.numpy()[own]] == reference_text.words(text)
        assert list(zip(words.begins.numpy()[own], words.ends.numpy()[own])) == expected, text


def test_marks_of_one_class_keep_their_order_and_others_are_sorted():
    marks = "\u0307\u0323\u0301\u0323\u0307\u0345\u0300"
    words = Normaliser(read_unicode_table()).words(tf.constant([f"a{marks}b{marks} "]))
    assert words.words.numpy()[0].decode() == reference_text.normalise(f"a{marks}b{marks}")


@pytest.mark.parametrize("inside", [[], [0], [1], [1, 1, 0, 1], [0, 1, 0, 0, 1, 1, 0]])
def test_runs_are_found_at_both_ends_and_between(inside):
    found = [list(range(begin, end)) for begin, end in zip(*runs(tf.constant(np.array(inside, bool))))]
    assert [place for run in found for place in run] == list(np.flatnonzero(inside))
    assert all(one[-1] + 1 < other[0] for one, other in zip(found, found[1:]))


@pytest.mark.parametrize("lengths", [[], [0], [3], [0, 0, 2, 0, 1, 0], [1, 1, 0]])
def test_row_ids_are_repeated_rows(lengths):
    inner = np.cumsum(np.array(lengths, np.int64))[:-1]
    found = row_ids(tf.constant(inner), tf.constant(sum(lengths), tf.int64))
    np.testing.assert_array_equal(found, np.repeat(np.arange(len(lengths)), lengths))
