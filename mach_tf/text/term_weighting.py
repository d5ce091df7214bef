"""From texts to sublinear tf-idf features of unit length, as a TensorFlow graph."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple, Union

import numpy as np
import tensorflow as tf

from mach_tf import arguments
from mach_tf.errors import InputError
from mach_tf.points import Points, concatenate
from mach_tf.text.ngrams import Candidates
from mach_tf.text.normalisation import Words
from mach_tf.text.occurrences import Occurrences, TextWords
from mach_tf.text.text_functions import on_cpu, text_function
from mach_tf.text.tokenizer import Tokenizer, join
from mach_tf.text_spec import TextSpec

Texts = Union[Sequence[Sequence[Any]], np.ndarray]

# A batch of texts takes about 40 times its bytes while it is in work.
_BATCH_RECORDS, _BATCH_BYTES = 2_048, 2 << 20


class KnownTerms(NamedTuple):
    """N-grams that may be terms of the vocabulary.

    Attributes:
      candidates: the n-grams.
      ids: int64 [places, lengths], the feature id; -1 for none.
      known: bool [places, lengths], whether the n-gram occurs and is a term.
    """

    candidates: Candidates
    ids: tf.Tensor
    known: tf.Tensor


class TermWeighting(tf.Module):
    """Maps texts to features by the fingerprints of the vocabulary's terms.

    The value of a term is g(tf) * idf, where tf is the sum over the fields of weight times count, g(tf) = 1 + log(tf) if tf >= 1
    and tf below; a record's values then have unit length. They are computed in float64: float32 results are then the same bits in
    every version of TensorFlow, whose logarithms differ in the last place.

    Args:
      spec: how texts become terms.
      fingerprints: int64 [features], unique.
      idf: float32 [features].
    """

    def __init__(self, spec: TextSpec, fingerprints: np.ndarray, idf: np.ndarray) -> None:
        super().__init__(name="term_weighting")
        self.tokenizer = Tokenizer(spec)
        # A table must not be empty; the key of an empty vocabulary is unknown as any other.
        keys, ids = (fingerprints, np.arange(len(fingerprints))) if len(fingerprints) else ([0], [-1])
        with on_cpu():
            initializer = tf.lookup.KeyValueTensorInitializer(tf.constant(keys, tf.int64), tf.constant(ids, tf.int64))
            self._table = tf.lookup.StaticHashTable(initializer, -1)
            self._idf = tf.constant(idf, tf.float32)
        self._features = text_function(self._compute, len(spec.fields))
        self.located = text_function(self._locate, len(spec.fields))

    def __call__(self, texts: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor, tf.Tensor]:
        """Computes the features of records.

        Args:
          texts: string [n, fields], UTF-8.

        Returns:
          row_splits int64 [n + 1], feature_ids int64, ascending and unique within each record, and feature_values float32.
        """
        return self._features(texts)

    def _compute(self, texts: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor, tf.Tensor]:
        words = self.tokenizer.words(texts)
        return self._weighted(self._known(words), tf.shape(texts, tf.int64)[0])

    def _known(self, words: Words) -> list[KnownTerms]:
        """Looks the n-grams of words up in the vocabulary."""
        found = []
        for part in self.tokenizer.candidates(words):
            ids = self._table.lookup(part.fingerprints)
            found.append(KnownTerms(part, ids, (ids >= 0) & part.valid))
        return found

    def _weighted(self, terms: list[KnownTerms], n: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor, tf.Tensor]:
        """Computes the features of n records from their terms."""
        splits, ids, weights = join([self.tokenizer.chosen(part, ids, known)[:3] for part, ids, known in terms])
        indices, counts, _ = tf.raw_ops.RaggedCountSparseOutput(
            # Of no record at all it would refuse the splits; the row without entries leaves no trace.
            splits=tf.concat([splits, splits[-1:]], 0),
            values=ids,
            weights=tf.cast(weights, tf.float64),
            minlength=-1,
            maxlength=-1,
            binary_output=False,
        )
        rows, ids = indices[:, 0], indices[:, 1]
        return tf.searchsorted(rows, tf.range(n + 1), out_type=tf.int64), ids, tf_idf(rows, ids, counts, self._idf, n)

    def _locate(self, texts: tf.Tensor) -> tuple[tf.Tensor, ...]:
        """Returns the words with their splits, begins and ends, and one column per attribute of Occurrences."""
        words = self.tokenizer.words(texts)
        return (*words, columns(self._known(words)))

    def occurrences(self, texts: Texts) -> Occurrences:
        """Returns where the vocabulary's terms stand in texts; arguments as of `points`, but not too many at once."""
        n_fields = len(self.tokenizer.spec.fields)
        rows = [row for batch in batches(texts, n_fields) for row in batch]
        return self._occurrences(np.array(rows, object).reshape(-1, n_fields))

    def _occurrences(self, batch: np.ndarray) -> Occurrences:
        n_fields = len(self.tokenizer.spec.fields)
        words, splits, begins, ends, found = (
            part.numpy() for part in self.located(tf.constant(batch, tf.string, batch.shape))
        )
        text_of_word = np.repeat(np.arange(len(splits) - 1), np.diff(splits))
        row, field = np.divmod(text_of_word, n_fields)
        ids, first, last, character, length = found.T
        located = TextWords(row, field, begins, ends, [word.decode() for word in words])
        return Occurrences(located, row[first], field[first], ids, first, last, character, length)

    def points(self, texts: Texts) -> Points:
        """Returns the features of records as points without labels.

        Args:
          texts: the texts of each record, one per field: str, or UTF-8 bytes.
        """
        parts = [self._points(batch) for batch in batches(texts, len(self.tokenizer.spec.fields))]
        return concatenate(parts) if parts else self._points(np.empty((0, len(self.tokenizer.spec.fields)), object))

    def _points(self, batch: np.ndarray) -> Points:
        row_splits, ids, values = (part.numpy() for part in self(tf.constant(batch, tf.string, batch.shape)))
        return Points(row_splits, ids, values, np.zeros(len(row_splits), np.int64), np.zeros(0, np.int64))


def tf_idf(rows: tf.Tensor, ids: tf.Tensor, counts: tf.Tensor, idf: tf.Tensor, n: tf.Tensor) -> tf.Tensor:
    """Returns the values of the terms of n records, float32 [entries], of unit length per record.

    Args:
      rows, ids: int64 [entries], the record and the feature of each entry.
      counts: float64 [entries], the sum over the fields of weight times count.
      idf: float32 [features].
      n: int64 scalar.
    """
    sublinear = tf.where(counts >= 1, 1 + tf.math.log(tf.maximum(counts, 1)), counts)
    values = sublinear * tf.cast(tf.gather(idf, ids), tf.float64)
    squares = tf.math.unsorted_segment_sum(values * values, rows, n)
    return tf.cast(values / tf.gather(tf.sqrt(squares), rows), tf.float32)


def columns(terms: list[KnownTerms]) -> tf.Tensor:
    """Returns the feature id, first word, last word, first character and length of each occurrence, int64 [occurrences, 5]."""
    parts = []
    for part, ids, known in terms:
        places, column = tf.unstack(tf.where(known), axis=1)
        first, character = tf.gather(part.words, places), tf.gather(part.characters, places)
        length = column + part.shortest
        last = tf.where(character < 0, first + length - 1, first)
        parts.append(tf.stack([tf.boolean_mask(ids, known), first, last, character, length], 1))
    return tf.concat(parts, 0)


def batches(texts: Texts, n_fields: int) -> Iterator[np.ndarray]:
    """Yields the texts of some records at a time, as UTF-8, object [n, fields].

    Raises:
      InputError: a record has another number of texts, or one is no text.
    """
    if isinstance(texts, (str, bytes)) or not hasattr(texts, "__len__"):
        raise InputError(f"texts must be a list of records, each a list of texts (got {arguments.shown(texts)}).")
    batch: list[list[bytes]] = []
    size = 0
    for i, record in enumerate(texts):
        # A dictionary would give its keys, a set its texts in any order.
        if not isinstance(record, (list, tuple, np.ndarray)) or len(record) != n_fields:
            raise InputError(
                f"texts must hold a list of {n_fields} text(s) per record (got {arguments.shown(record)} in record {i})."
            )
        row = [_utf8(text, i) for text in record]
        size += sum(map(len, row))
        batch.append(row)
        if len(batch) == _BATCH_RECORDS or size >= _BATCH_BYTES:
            yield np.array(batch, object)
            batch, size = [], 0
    if batch:
        yield np.array(batch, object)


def _utf8(text: Any, record: int) -> bytes:
    if isinstance(text, str):
        # Half a surrogate pair, which has no UTF-8, becomes a separator.
        return text.encode(errors="replace")
    if isinstance(text, bytes):
        return bytes(text)
    raise InputError(f"texts must hold texts (got {arguments.shown(text)} in record {record}).")
