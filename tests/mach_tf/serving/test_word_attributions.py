from __future__ import annotations

import numpy as np
import tensorflow as tf

from mach_tf.serving.word_attributions import TextTerms
from mach_tf.text.vectorizer import TextVectorizer
from mach_tf.text.vocabulary import Vocabulary
from mach_tf.text_spec import TextField, TextSpec

SPEC = TextSpec((TextField("title", 3.0), TextField("body")), word_ngrams=(1, 2))
VECTORIZER = TextVectorizer(Vocabulary(SPEC, ["cat", "the cat", "dog"], np.array([3, 2, 1]), documents=5))


def test_shares_are_by_weight_of_the_field_and_even_among_words():
    texts = tf.constant([["the cat", "cat"], ["bird", "dog"]])
    row_splits, ids, _ = VECTORIZER(texts)
    terms = TextTerms(VECTORIZER)
    words, entries, shares = (each.numpy().tolist() for each in terms.shares(terms.locate(texts), row_splits, ids))
    assert ids.numpy().tolist() == [0, 1, 2]
    # Words: the, cat | cat || bird | dog.
    assert sorted(zip(words, entries, shares)) == [(0, 1, 0.5), (1, 0, 0.75), (1, 1, 0.5), (2, 0, 0.25), (4, 2, 1.0)]


def test_words_come_with_their_bytes():
    terms = TextTerms(VECTORIZER)
    words = terms.words(terms.locate(tf.constant([["The café", "x"], ["", ""]])))
    assert words["words"].to_list() == [[b"the", "cafe\u0301".encode(), b"x"], []]
    assert words["word_fields"].to_list() == [[0, 0, 1], []]
    assert words["word_begins"].to_list() == [[0, 4, 0], []]
    assert words["word_ends"].to_list() == [[3, 9, 1], []]
