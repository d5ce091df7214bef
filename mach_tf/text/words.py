"""The words of texts, as a TensorFlow graph: maximal runs of letters, marks and numbers, in normal form.

The texts are cut at their ASCII separators first. A piece of ASCII letters and digits is a word once it is in lower case, which takes
a sixth of the time of the general path: decode, look up, reorder, segment, encode. Only pieces with other characters need that.
"""

from __future__ import annotations

import tensorflow as tf

from mach_tf.text.normalisation import Normaliser, Words, row_ids, runs
from mach_tf.text.unicode_table import read_unicode_table


class WordSplitter(tf.Module):
    """Splits texts into words."""

    def __init__(self) -> None:
        super().__init__(name="word_splitter")
        self._normaliser = Normaliser(read_unicode_table())

    def __call__(self, texts: tf.Tensor) -> Words:
        """Returns the words of texts, string [k] of UTF-8; invalid bytes separate words."""
        # One string, in which each text stands between two spaces: the operations below meet no rows.
        joined = tf.strings.lower(tf.strings.join([" ", tf.strings.reduce_join(texts, separator=" "), " "]))
        lengths = tf.cast(tf.strings.length(texts), tf.int64)
        text_ends = tf.cumsum(lengths + 1)
        text_begins = text_ends - lengths
        symbols = tf.io.decode_raw(joined, tf.uint8)
        foreign = symbols >= 0x80
        digits = (symbols >= ord("0")) & (symbols <= ord("9"))
        begins, ends = runs((symbols >= ord("a")) & (symbols <= ord("z")) | digits | foreign)
        pieces = tf.strings.substr(joined, begins, ends - begins)
        splits = tf.concat([tf.searchsorted(begins, text_begins, out_type=tf.int64), [tf.size(begins, tf.int64)]], 0)
        # Where runs of other characters begin; the byte before the first is a space.
        other = tf.where(foreign[1:] & ~foreign[:-1])[:, 0] + 1
        words = tf.cond(
            tf.size(other) > 0,
            lambda: self._normalised(joined, other, Words(pieces, splits, begins, ends)),
            lambda: Words(pieces, splits, begins, ends),
        )
        shift = tf.gather(text_begins, row_ids(words.splits[1:-1], tf.size(words.words, tf.int64)))
        return Words(words.words, words.splits, words.begins - shift, words.ends - shift)

    def _normalised(self, joined: tf.Tensor, other: tf.Tensor, pieces: Words) -> Words:
        """Replaces the pieces with characters at the bytes `other`, ascending, by their words."""
        n = tf.size(pieces.begins, tf.int64)
        chosen = tf.searchsorted(pieces.begins, other, side="right", out_type=tf.int64) - 1
        chosen = tf.boolean_mask(chosen, tf.concat([[True], chosen[1:] != chosen[:-1]], 0))
        begins = tf.gather(pieces.begins, chosen)
        # With the separator that follows.
        texts = tf.strings.substr(joined, begins, tf.gather(pieces.ends, chosen) + 1 - begins)
        found = self._normaliser.words(texts)
        counts = tf.tensor_scatter_nd_update(
            tf.ones([n], tf.int64), chosen[:, None], found.splits[1:] - found.splits[:-1]
        )
        places = tf.cumsum(counts, exclusive=True)
        total = tf.reduce_sum(counts)
        owners = row_ids(places[1:], total)
        shift = tf.gather(begins, row_ids(found.splits[1:-1], tf.size(found.words, tf.int64)))
        # The words of chosen pieces, in order, belong where the owner is one of these.
        replaced = tf.tensor_scatter_nd_update(tf.zeros([n], tf.bool), chosen[:, None], tf.ones_like(chosen, tf.bool))
        targets = tf.where(tf.gather(replaced, owners))

        def merged(own: tf.Tensor, new: tf.Tensor) -> tf.Tensor:
            return tf.tensor_scatter_nd_update(tf.gather(own, owners), targets, new)

        return Words(
            # A piece is gathered once per word, and one of 100,000 characters without an ASCII separator may hold as many words.
            merged(tf.where(replaced, "", pieces.words), found.words),
            tf.gather(tf.concat([places, total[None]], 0), pieces.splits),
            merged(pieces.begins, found.begins + shift),
            merged(pieces.ends, found.ends + shift),
        )
