"""Converts text files to a dataset: one thread reads blocks, others turn them into records, which are written in order."""

from __future__ import annotations

import contextlib
import dataclasses
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Callable, NamedTuple, Optional

from mach_tf import files, outputs
from mach_tf.data import dataset, libsvm
from mach_tf.data.converted import Converted
from mach_tf.data.libsvm import BadLine, TextBlock, TextInput, TextReader
from mach_tf.data.ordered_map import ordered_map
from mach_tf.data.shards import POINTS_PER_SHARD
from mach_tf.data.textfile import check_regular
from mach_tf.errors import InputError
from mach_tf.hashing import FeatureSpec
from mach_tf.splits import Source

# The names of features and of labels, each None if no file gives them.
Names = tuple[Optional[list[str]], Optional[list[str]]]
MAX_WORKERS = 1024
_NOT_UTF8 = "text must be UTF-8"


@dataclasses.dataclass(frozen=True)
class Options:
    """The options of `convert`, which turns text into a dataset.

    Attributes:
      spec: how features are hashed and normalised.
      valid_fraction: the fraction of the training points to hold back as the valid split.
      split_seed: seed that chooses the points to hold back.
      points_per_shard: points per shard; only the last shard of a split may hold fewer.
      workers: threads that parse, hash and serialize; 1 does all of it in the calling thread.
      skip_bad_lines: whether to leave bad lines out and list them, instead of raising an error.
      overwrite: whether to replace an existing dataset.
      feature_names, label_names: files with the names, or None.
    """

    spec: FeatureSpec = dataclasses.field(default_factory=FeatureSpec)
    valid_fraction: float = 0.0
    split_seed: int = 0
    points_per_shard: int = POINTS_PER_SHARD
    workers: int = 1
    skip_bad_lines: bool = False
    overwrite: bool = False
    feature_names: Optional[str] = None
    label_names: Optional[str] = None

    def check(self, bad_lines: Sequence[BadLine]) -> None:
        """Raises InputError for the first bad line, unless bad lines are to be skipped."""
        if bad_lines and not self.skip_bad_lines:
            # Spreadsheets write the encoding of the system.
            usual = (
                " (iconv -f WINDOWS-1252 -t UTF-8, if it is a file of Windows)"
                if _NOT_UTF8 in bad_lines[0].problem
                else ""
            )
            raise InputError(f"{bad_lines[0]} Correct it{usual}, or leave such lines out: on_bad_line=skip.")

    def wanted_splits(self, inputs: Iterable[str]) -> list[str]:
        """Returns the splits that must have points: those that have inputs, and `valid` if training points are held back."""
        return [*inputs, *(["valid"] if self.valid_fraction else [])]

    def read_names(self, header: libsvm.Header) -> Names:
        """Reads the names of features and labels; each is None if no file gives them."""
        return (
            files.read_names(self.feature_names, header.features, "features") if self.feature_names else None,
            files.read_names(self.label_names, header.labels, "labels") if self.label_names else None,
        )


class Task(NamedTuple):
    """A block to transform.

    Attributes:
      split: the split that its file belongs to.
      block: the lines.
      place: position of the file's first point among the points of the split.
      bytes_read: bytes on disk that were read for this block.
    """

    split: str
    block: TextBlock
    place: int
    bytes_read: int


class Done(NamedTuple):
    """The result of a task: chunks with their splits, and the bad lines."""

    task: Task
    chunks: list[tuple[str, dataset.Chunk]]
    bad_lines: list[BadLine]


def convert(
    inputs: Mapping[str, Sequence[TextInput]],
    output_dir: str,
    options: Options,
    progress: Callable[[int, int], None] = lambda points, bytes_read: None,
) -> Converted:
    """Converts text files to a dataset.

    Args:
      inputs: the files of each split, in order.
      output_dir: the directory to write.
      options: how to convert.
      progress: called with the points and the bytes on disk done since the last call.

    Raises:
      InputError: an input or the output directory breaks a rule; the output directory is as it was.
    """
    begin = time.monotonic()
    skipped: list[BadLine] = []
    with open_output(inputs, output_dir, options) as (writer, header, names):
        reading = _Reading(inputs, header, options.wanted_splits(inputs))
        with contextlib.closing(ordered_map(lambda task: transform(task, options), reading, options.workers)) as done:
            for task, chunks, bad_lines in done:
                options.check(bad_lines)
                skipped += bad_lines
                for split, chunk in chunks:
                    writer.add(split, chunk)
                block = task.block
                progress(block.text.count(b"\n") if block.rows is None else len(block.rows), task.bytes_read)
        manifest = writer.finish(reading.sources, *names, [str(line) for line in skipped])
    return Converted(output_dir, manifest, skipped, reading.text_bytes, time.monotonic() - begin)


@contextlib.contextmanager
def open_output(
    inputs: Mapping[str, Sequence[TextInput]], output_dir: str, options: Options
) -> Iterator[tuple[dataset.DatasetWriter, libsvm.Header, Names]]:
    """Makes all checks that come before the work, then opens a writer in a staged directory; every runner starts here.

    Args:
      inputs, output_dir, options: as of `convert`.

    Yields:
      The writer, which the block must finish; the header common to all files; the names of features and labels.

    Raises:
      InputError: as of `convert`.
    """
    dataset.check_output(output_dir, options.overwrite)
    texts = [path for split_files in inputs.values() for file in split_files for path in file.paths]
    outputs.check_directory(output_dir, [*texts, options.feature_names, options.label_names])
    dataset.check_valid_fraction(options.valid_fraction, "valid" in inputs)
    if options.valid_fraction and "train" not in inputs:
        raise InputError(
            f"valid_fraction must be 0 without training files to hold points back from (got {options.valid_fraction}). "
            "Leave it out."
        )
    header = common_header([file for split_files in inputs.values() for file in split_files])
    names = options.read_names(header)
    with dataset.open_dataset(
        output_dir,
        header.features,
        header.labels,
        options.spec,
        points_per_shard=options.points_per_shard,
        overwrite=options.overwrite,
    ) as writer:
        yield writer, header, names


def common_header(inputs: Sequence[TextInput]) -> libsvm.Header:
    """Reads all headers, so that files that do not belong together are refused before the work starts."""
    first: Optional[libsvm.Header] = None
    for file in inputs:
        for path in file.paths:
            check_regular(path)
        with TextReader(*file) as reader:
            first = first or reader.header
            if reader.header[1:] != first[1:]:
                raise InputError(
                    f"All headers must have the same features and labels ({inputs[0].path} has {first[1:]}, "
                    f"{file.path} has {reader.header[1:]}). Give files of one data set."
                )
    assert first is not None
    return first


class _Reading:
    """Iterates over the blocks of all files; afterwards `sources` and `text_bytes` describe what was read."""

    def __init__(self, inputs: Mapping[str, Sequence[TextInput]], header: libsvm.Header, splits: Iterable[str]) -> None:
        self._inputs = inputs
        self._header = header
        self.sources: dict[str, list[Source]] = {split: [] for split in splits}
        self.text_bytes = 0

    def __iter__(self) -> Iterator[Task]:
        for split, split_files in self._inputs.items():
            place = 0
            for file in split_files:
                with TextReader(*file) as reader:
                    if reader.header[1:] != self._header[1:]:
                        raise InputError(
                            f"{file.path} changed since its header was read. Run again when no program writes to it."
                        )
                    before = 0
                    for block in reader.blocks():
                        yield Task(split, block, place, reader.bytes_read - before)
                        before = reader.bytes_read
                    self.sources[split] += reader.finish()
                    self.text_bytes += reader.text_bytes
                    place += reader.total_places


def transform(task: Task, options: Options) -> Done:
    """Parses a block, divides its points among the splits, and hashes and serializes them."""
    parsed = libsvm.parse(task.block)
    shares = dataset.share(
        task.split, parsed.points, task.place + parsed.places, options.valid_fraction, options.split_seed
    )
    try:
        chunks = [(split, dataset.make_chunk(part, options.spec)) for split, part in shares]
    except InputError as error:
        first = task.block.first_point + 2
        last = first + task.block.text.count(b"\n") - 1
        raise InputError(f"{task.block.path}, lines {first} to {last}: {error}") from None
    return Done(task, [(split, chunk) for split, chunk in chunks if len(chunk.records.ends)], parsed.bad_lines)


def compile_kernels(spec: FeatureSpec) -> None:
    """Compiles all that `transform` calls, about 20 seconds the first time on a machine; later Numba's cache has it."""
    block = TextBlock("", b"0 0:1\n", 0, libsvm.Header(1, 1, 1))
    transform(Task("train", block, 0, 0), Options(spec))
