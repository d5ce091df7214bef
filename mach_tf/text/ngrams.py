"""Fingerprints of word and character n-grams, as TensorFlow graphs.

The fingerprint of a word is the 64-bit FarmHash of its normal form in UTF-8; that of several words is the hash of the row of their
fingerprints; that of characters is the hash of their code points. Rows of a fixed length are hashed because no operation of
TensorFlow joins neighbouring strings as fast.
"""

from __future__ import annotations

from typing import NamedTuple

import tensorflow as tf

from mach_tf.text.normalisation import row_ids

BEGIN, END = "<", ">"


class Candidates(NamedTuple):
    """Places where a term may begin, for each length of n-gram, of k texts.

    Attributes:
      fingerprints: int64 [places, lengths].
      valid: bool [places, lengths], whether the n-gram ends within its text or word.
      splits: int64 [k + 1]; text i has the places splits[i]:splits[i + 1].
      words: int64 [places], the word that the place is in.
      characters: int64 [places], the place within the word, where the mark of its begin is 0; -1 for word n-grams.
      shortest: the n of the first column.
    """

    fingerprints: tf.Tensor
    valid: tf.Tensor
    splits: tf.Tensor
    words: tf.Tensor
    characters: tf.Tensor
    shortest: int


def fingerprint(values: tf.Tensor) -> tf.Tensor:
    """Returns the 64-bit FarmHash of strings [n] or of rows of numbers [n, length], int64 [n]."""
    return tf.bitcast(tf.fingerprint(values), tf.int64)


def word_ngrams(words: tf.Tensor, splits: tf.Tensor, lengths: tuple[int, int]) -> Candidates:
    """Returns the word n-grams of texts; a place is a word.

    Args:
      words: string [words], in normal form.
      splits: int64 [k + 1], as of Words.
      lengths: the shortest and the longest n-gram.
    """
    size = tf.size(words, tf.int64)
    ends = tf.gather(splits[1:], row_ids(splits[1:-1], size))
    places = tf.range(size)
    row = tf.stack(_windows(fingerprint(words), lengths[1]), 1)
    columns = [row[:, 0] if n == 1 else fingerprint(row[:, :n]) for n in _range(lengths)]
    valid = [places + n <= ends for n in _range(lengths)]
    return Candidates(
        tf.stack(columns, 1),
        tf.stack(valid, 1),
        splits,
        places,
        tf.fill(tf.shape(places), tf.constant(-1, tf.int64)),
        lengths[0],
    )


def character_ngrams(words: tf.Tensor, splits: tf.Tensor, lengths: tuple[int, int]) -> Candidates:
    """Returns the character n-grams of words, each of which stands between the marks < and >; a place is a character.

    A word that is shorter than the shortest n-gram, with its marks, is one itself.

    Args:
      words: string [words], in normal form.
      splits: int64 [k + 1], as of Words.
      lengths: the shortest and the longest n-gram.
    """
    characters = tf.strings.unicode_decode(tf.strings.join([BEGIN, words, END]), "UTF-8")
    word_splits = characters.row_splits
    size = tf.size(characters.values, tf.int64)
    word = row_ids(word_splits[1:-1], size)
    begins, ends = tf.gather(word_splits, word), tf.gather(word_splits, word + 1)
    places = tf.range(size)
    windows = _windows(characters.values, lengths[1])
    # The zeros after the end tell a short word from a longer one that begins so.
    row = tf.stack([tf.where(places + k < ends, window, 0) for k, window in enumerate(windows)], 1)
    columns = [fingerprint(row[:, :n]) for n in _range(lengths)]
    valid = [places + n <= ends for n in _range(lengths)]
    valid[0] |= (places == begins) & (ends - begins < lengths[0])
    text_splits = tf.gather(word_splits, splits)
    return Candidates(tf.stack(columns, 1), tf.stack(valid, 1), text_splits, word, places - begins, lengths[0])


def apart(fingerprints: tf.Tensor, field: str) -> tf.Tensor:
    """Returns the fingerprints, int64 [n], that terms have in a field kept apart."""
    salt = fingerprint(tf.constant([field]))
    return fingerprint(tf.stack([tf.fill(tf.shape(fingerprints), salt[0]), fingerprints], 1))


def _windows(values: tf.Tensor, length: int) -> list[tf.Tensor]:
    """Returns the values [n] shifted by 0 to length - 1 places, zeros after the end."""
    size = tf.size(values)
    padded = tf.concat([values, tf.zeros([length - 1], values.dtype)], 0)
    return [padded[k : size + k] for k in range(length)]


def _range(lengths: tuple[int, int]) -> range:
    return range(lengths[0], lengths[1] + 1)
