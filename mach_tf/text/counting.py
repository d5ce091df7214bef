"""The first pass over the training records: how many there are, with which labels, and in how many of them each term occurs."""

from __future__ import annotations

import collections
import contextlib
import dataclasses
from collections.abc import Iterable, Mapping
from typing import Callable, NamedTuple, Optional

import tensorflow as tf

from mach_tf.data import dataset
from mach_tf.data.bad_line import BadLine
from mach_tf.data.conversion import Options
from mach_tf.data.ordered_map import ordered_map
from mach_tf.errors import InputError
from mach_tf.text.record_batches import RecordBatches, RecordsOfSplit
from mach_tf.text.tokenizer import Terms, Tokenizer
from mach_tf.text.vocabulary_builder import Selection, VocabularyBuilder


@dataclasses.dataclass(frozen=True, eq=False)
class Counts:
    """What the first pass has counted.

    Attributes:
      documents: number of training points, without those that are held back.
      words: number of words in them.
      labels: the number of training points of each label, by key.
      selection: the fingerprints and document frequencies of the terms to keep.
    """

    documents: int
    words: int
    labels: Mapping[str, int]
    selection: Selection


class _Done(NamedTuple):
    batch: RecordsOfSplit
    labels: collections.Counter[str]
    documents: int
    terms: Terms


def count(
    batches: RecordBatches,
    tokenizer: Tokenizer,
    options: Options,
    directory: str,
    progress: Callable[[int, int], None],
) -> Counts:
    """Counts labels and terms.

    Args:
      batches: the records of the training files.
      tokenizer: of the texts.
      options: of the conversion.
      directory: an empty directory for counts that do not fit in memory.
      progress: called with the points (0 in this pass) and the bytes on disk done since its last call.

    Raises:
      InputError: a record breaks a rule and is not to be skipped, or there is no training point or no term.
    """
    spec = tokenizer.spec
    builder = VocabularyBuilder(spec, directory)
    labels: collections.Counter[str] = collections.Counter()
    documents = words = skipped = 0
    first_skipped: Optional[BadLine] = None

    def transform(batch: RecordsOfSplit) -> _Done:
        back = dataset.held_back(batch.places, options.valid_fraction, options.split_seed)
        kept = [record for record, is_back in zip(batch.records, back.tolist()) if not is_back]
        counted = collections.Counter(key for record in kept for key in record.labels)
        return _Done(batch, counted, len(kept), tokenizer(encode([record.texts for record in kept], len(spec.fields))))

    with contextlib.closing(ordered_map(transform, batches, options.workers)) as done:
        for batch, counted, n, terms in done:
            options.check(batch.bad_lines)
            first_skipped = first_skipped or next(iter(batch.bad_lines), None)
            skipped += len(batch.bad_lines)
            labels.update(counted)
            documents += n
            words += len(terms.words)
            builder.add(terms)
            progress(0, batch.bytes_read)
    if not documents and first_skipped is not None:
        raise InputError(
            f"The train split must have at least one point (got none, as all {skipped:,} records break a rule). The first is "
            f"{first_skipped}"
        )
    if not documents:
        raise InputError("The train split must have at least one point (got none). Add points, or leave the split out.")
    selection = builder.select()
    if not len(selection.fingerprints):
        raise InputError(
            f"min_document_frequency and max_document_fraction must leave a term (got {spec.min_document_frequency} and "
            f"{spec.max_document_fraction:g}, and none is left of {documents} training points). Lower the first or raise the second."
        )
    return Counts(documents, words, labels, selection)


def encode(texts: Iterable[tuple[str, ...]], n_fields: int) -> tf.Tensor:
    """Returns texts as a tensor of UTF-8, string [n, fields]."""
    return tf.reshape(tf.constant([text.encode() for record in texts for text in record], tf.string), [-1, n_fields])
