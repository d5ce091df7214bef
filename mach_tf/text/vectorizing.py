"""The second pass over the records: from texts and label keys to the points of a dataset."""

from __future__ import annotations

import contextlib
import dataclasses
from collections.abc import Mapping, Sequence
from typing import Callable, NamedTuple, Optional

from mach_tf.data import dataset
from mach_tf.data.bad_line import BadLine
from mach_tf.data.conversion import Options
from mach_tf.data.ordered_map import ordered_map
from mach_tf.errors import InputError
from mach_tf.manifest import DatasetManifest
from mach_tf.record_layout import RecordLayout
from mach_tf.splits import Source
from mach_tf.text.counting import Counts, encode
from mach_tf.text.label_vocabulary import LabelVocabulary
from mach_tf.text.record_batches import RecordBatches, RecordsOfSplit
from mach_tf.text.tokenizer import Tokenizer
from mach_tf.text.vocabulary_naming import VocabularyNaming


class Vectorizing(NamedTuple):
    """What turns records into points.

    Attributes:
      tokenizer: that of the first pass.
      counts: what the first pass has counted.
      labels: the labels that points keep.
      options: how points are hashed, divided and written.
      layout: how the training records are read, for the manifest.
    """

    tokenizer: Tokenizer
    counts: Counts
    labels: LabelVocabulary
    options: Options
    layout: Optional[RecordLayout] = None


@dataclasses.dataclass(frozen=True)
class Written:
    """The written dataset.

    Attributes:
      manifest: what dataset.json holds.
      skipped: the bad lines that were left out.
      rare_assignments: number of assignments of labels that have too few training points.
      unknown_labels: the keys of labels without a training point.
      unknown_assignments: number of their assignments.
    """

    manifest: DatasetManifest
    skipped: list[BadLine]
    rare_assignments: int
    unknown_labels: set[str]
    unknown_assignments: int


class _Done(NamedTuple):
    batch: RecordsOfSplit
    chunks: list[tuple[str, dataset.Chunk]]
    left_out: list[str]


def write_points(
    vectorizing: Vectorizing,
    batches: RecordBatches,
    training_sources: Mapping[str, Sequence[Source]],
    directory: str,
    progress: Callable[[int, int], None],
) -> Written:
    """Writes the points of all records, and the files that complete a dataset.

    Args:
      vectorizing: what turns records into points.
      batches: the records.
      training_sources: the training files as the first pass has read them.
      directory: an empty directory.
      progress: called with the points and the bytes on disk done since its last call.

    Raises:
      InputError: a record breaks a rule and is not to be skipped, a split has no points, or a file changed between the passes.
    """
    tokenizer, counts, labels, options, layout = vectorizing
    selection = counts.selection
    naming = VocabularyNaming(tokenizer, selection.fingerprints, selection.document_frequencies, counts.documents)

    def transform(batch: RecordsOfSplit) -> _Done:
        label_splits, label_ids, left_out = labels.encode(record.labels for record in batch.records)
        raw = naming.points(encode((record.texts for record in batch.records), len(tokenizer.spec.fields)))
        raw = dataclasses.replace(raw, label_splits=label_splits, label_ids=label_ids)
        shares = dataset.share(batch.split, raw, batch.places, options.valid_fraction, options.split_seed)
        chunks = [(split, dataset.make_chunk(part, options.spec)) for split, part in shares if len(part)]
        return _Done(batch, chunks, left_out)

    skipped: list[BadLine] = []
    unknown: set[str] = set()
    rare_assignments = unknown_assignments = 0
    writing = dataset.open_writer(
        directory, len(selection.fingerprints), len(labels), options.spec, options.points_per_shard
    )
    with writing as writer, contextlib.closing(ordered_map(transform, batches, options.workers)) as done:
        for batch, chunks, left_out in done:
            options.check(batch.bad_lines)
            skipped += batch.bad_lines
            for split, chunk in chunks:
                writer.add(split, chunk)
            for key in left_out:
                if key in counts.labels:
                    rare_assignments += 1
                else:
                    unknown_assignments += 1
                    unknown.add(key)
            progress(len(batch.records), batch.bytes_read)
        if batches.sources["train"] != training_sources["train"]:
            raise InputError(
                "The training files must not change while they are read, which happens twice (they did). Run again when no "
                "program writes to them."
            )
        vocabulary = naming.vocabulary()
        sources = {split: batches.sources.get(split, []) for split in options.wanted_splits(batches.sources)}
        manifest = writer.finish(
            sources,
            vocabulary.terms,
            labels.names,
            [line.listed for line in skipped],
            labels.differing_keys,
            dataclasses.replace(vocabulary.write(directory), layout=layout),
        )
    return Written(manifest, skipped, rare_assignments, unknown, unknown_assignments)
