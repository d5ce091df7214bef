"""The normal form of text and its words, as a TensorFlow graph.

The graph consists of TensorFlow's core operations alone, so that a SavedModel that holds it needs no other package.
"""

from __future__ import annotations

from typing import NamedTuple

import tensorflow as tf

from mach_tf.text.unicode_table import CLASS_SHIFT, CODE_POINT, PAGE, SEPARATOR, UnicodeTable

_CLASSES = 256


class Words(NamedTuple):
    """The words of k texts.

    Attributes:
      words: string [words], in normal form.
      splits: int64 [k + 1]; text i has the words splits[i]:splits[i + 1].
      begins, ends: int64 [words], the bytes of its text that a word comes from; those of "½", which becomes "1" and "2", are
        the same for both.
    """

    words: tf.Tensor
    splits: tf.Tensor
    begins: tf.Tensor
    ends: tf.Tensor


class Normaliser(tf.Module):
    """Maps texts to words in normal form through the table of Unicode."""

    def __init__(self, table: UnicodeTable) -> None:
        super().__init__(name="normaliser")
        self._table = table

    def words(self, texts: tf.Tensor) -> Words:
        """Returns the words of texts, string [k], each of which ends with an ASCII separator such as a space."""
        decoded, offsets = tf.strings.unicode_decode_with_offsets(texts, "UTF-8")
        symbols = _lookup(self._table, decoded.values)
        sources = tf.range(tf.size(symbols, tf.int64))
        symbols, sources, splits = tf.cond(
            tf.reduce_any(symbols < 0),
            lambda: _expand(self._table, symbols, sources, decoded.row_splits),
            lambda: (symbols, sources, decoded.row_splits),
        )
        symbols = _in_canonical_order(symbols) & CODE_POINT
        begins, ends = runs(symbols != SEPARATOR)
        # Words and separators by turns; a text that is encoded and then sliced is faster than one of the words' symbols.
        bounds = tf.reshape(tf.stack([begins, ends], 1), [-1])
        pieces = tf.RaggedTensor.from_row_splits(
            symbols, tf.concat([[0], bounds, [tf.size(symbols, tf.int64)]], 0), validate=False
        )
        words = tf.strings.unicode_encode(pieces, "UTF-8")[1::2]
        starts = offsets.values
        # The separator at a text's end follows the last character of each.
        stops = tf.concat([starts[1:], starts[:1]], 0)
        return Words(
            words,
            tf.searchsorted(begins, splits, out_type=tf.int64),
            tf.gather(starts, tf.gather(sources, begins)),
            tf.gather(stops, tf.gather(sources, ends - 1)),
        )


def runs(inside: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
    """Returns where the maximal runs of True begin and end, int64 [runs] each.

    Args:
      inside: bool [n].
    """
    outside = tf.zeros([1], tf.bool)
    padded = tf.concat([outside, inside, outside], 0)
    changes = tf.where(padded[1:] != padded[:-1])[:, 0]
    return changes[0::2], changes[1::2]


def _lookup(table: UnicodeTable, code_points: tf.Tensor) -> tf.Tensor:
    pages = tf.gather(tf.constant(table.page_of), tf.bitwise.right_shift(code_points, 8))
    return tf.gather(tf.constant(table.pages), pages * PAGE + (code_points & (PAGE - 1)))


def _expand(
    table: UnicodeTable, codes: tf.Tensor, sources: tf.Tensor, splits: tf.Tensor
) -> tuple[tf.Tensor, tf.Tensor, tf.Tensor]:
    """Replaces the codes below 0 by their sequences of symbols, and repeats the sources accordingly."""
    many = tf.where(codes < 0)[:, 0]
    sequences = tf.cast(-1 - tf.gather(codes, many), tf.int64)
    sequence_splits = tf.constant(table.sequence_splits)
    first = tf.gather(sequence_splits, sequences)
    lengths = tf.gather(sequence_splits, sequences + 1) - first
    n = tf.size(codes, tf.int64)
    all_lengths = tf.tensor_scatter_nd_update(tf.ones([n], tf.int64), many[:, None], lengths)
    ends = tf.cumsum(all_lengths)
    places = ends - all_lengths
    owners = row_ids(places[1:], ends[-1])
    within = tf.range(ends[-1]) - tf.gather(places, owners)
    starts = tf.tensor_scatter_nd_update(tf.zeros([n], tf.int64), many[:, None], first)
    from_sequence = tf.gather(tf.constant(table.sequences), tf.gather(starts, owners) + within)
    own = tf.gather(codes, owners)
    new_splits = tf.gather(tf.concat([places, ends[-1:]], 0), splits)
    return tf.where(own < 0, from_sequence, own), tf.gather(sources, owners), new_splits


def row_ids(inner_splits: tf.Tensor, size: tf.Tensor) -> tf.Tensor:
    """Returns the row of each of `size` entries, int64; tf.repeat would take memory for rows times the longest row.

    Args:
      inner_splits: int64 [rows - 1], where each row but the first begins, ascending; rows may be empty.
      size: int64 scalar, the number of entries.
    """
    counts = tf.math.unsorted_segment_sum(tf.ones_like(inner_splits), inner_splits, size + 1)
    return tf.cumsum(counts)[:-1]


def _in_canonical_order(symbols: tf.Tensor) -> tf.Tensor:
    """Sorts the combining marks of each run by their classes, marks of one class as they stand."""
    classes = tf.bitwise.right_shift(symbols, CLASS_SHIFT)
    unordered = (classes[1:] < classes[:-1]) & (classes[1:] > 0)
    return tf.cond(tf.reduce_any(unordered), lambda: _sort_marks(symbols, classes), lambda: symbols)


def _sort_marks(symbols: tf.Tensor, classes: tf.Tensor) -> tf.Tensor:
    places = tf.where(classes > 0)[:, 0]
    run = tf.cumsum(tf.cast(tf.concat([[1], places[1:] - places[:-1]], 0) > 1, tf.int64))
    # Unique keys, whose order no sort can change.
    n = tf.size(places, tf.int64)
    keys = (run * _CLASSES + tf.cast(tf.gather(classes, places), tf.int64)) * n + tf.range(n)
    order = tf.sort(keys) % n
    return tf.tensor_scatter_nd_update(symbols, places[:, None], tf.gather(symbols, tf.gather(places, order)))
