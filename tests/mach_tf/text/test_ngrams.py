from __future__ import annotations

import numpy as np
import pytest
import tensorflow as tf

from mach_tf.text import ngrams

WORDS = ["the", "cat", "the", "cat", "a", "ü", "long"]
SPLITS = [0, 4, 4, 5, 7]


def found(candidates):
    """The valid n-grams of each text, as (word, place in the word, n)."""
    place, column = np.nonzero(candidates.valid.numpy())
    word, character = candidates.words.numpy()[place], candidates.characters.numpy()[place]
    text = np.searchsorted(candidates.splits.numpy(), place, side="right") - 1
    grams = list(zip(word, character, column + candidates.shortest))
    return [[gram for gram, own in zip(grams, text) if own == i] for i in range(len(SPLITS) - 1)]


def words_of(lengths):
    return ngrams.word_ngrams(tf.constant(WORDS), tf.constant(SPLITS, tf.int64), lengths)


def characters_of(lengths):
    return ngrams.character_ngrams(tf.constant(WORDS), tf.constant(SPLITS, tf.int64), lengths)


@pytest.mark.parametrize("lengths", [(1, 1), (1, 2), (2, 2), (2, 5)])
def test_word_ngrams_stay_in_their_text(lengths):
    expected = [
        [(i, -1, n) for i in range(begin, end) for n in range(lengths[0], lengths[1] + 1) if i + n <= end]
        for begin, end in zip(SPLITS, SPLITS[1:])
    ]
    assert found(words_of(lengths)) == expected


@pytest.mark.parametrize("lengths", [(1, 1), (3, 5), (5, 6), (10, 10)])
def test_character_ngrams_stay_in_their_word(lengths):
    def of_word(i):
        size = len(WORDS[i]) + 2
        grams = [(i, c, n) for c in range(size) for n in range(lengths[0], lengths[1] + 1) if c + n <= size]
        return [(i, 0, lengths[0])] if size < lengths[0] else grams

    expected = [[gram for i in range(begin, end) for gram in of_word(i)] for begin, end in zip(SPLITS, SPLITS[1:])]
    assert found(characters_of(lengths)) == expected


@pytest.mark.parametrize(("of", "lengths"), [(words_of, (1, 3)), (characters_of, (2, 5)), (characters_of, (8, 9))])
def test_equal_ngrams_have_equal_fingerprints_and_others_do_not(of, lengths):
    candidates = of(lengths)
    names = {}
    for place, column in zip(*np.nonzero(candidates.valid.numpy())):
        word, character = int(candidates.words[place]), int(candidates.characters[place])
        length = column + lengths[0]
        if character < 0:
            name = " ".join(WORDS[word : word + length])
        else:
            name = f"<{WORDS[word]}>"[character : character + length]
        names.setdefault(int(candidates.fingerprints[place, column]), set()).add(name)
    assert all(len(same) == 1 for same in names.values())
    assert len(set().union(*names.values())) == len(names)


def test_fields_apart_change_every_fingerprint():
    values = tf.range(100, dtype=tf.int64)
    every = np.concatenate([values, ngrams.apart(values, "title"), ngrams.apart(values, "body")])
    assert len(np.unique(every)) == 300
