"""The conversion of conversion.py, run by Apache Beam: it makes the same blocks, chunks, shards and manifest.

Workers read the inputs and write the shards themselves, so all machines must see both under the same paths. This process
reads the headers at the start and writes the manifest at the end.
"""

from __future__ import annotations

import contextlib
import dataclasses
import hashlib
import itertools
import math
import os
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, NamedTuple

import apache_beam as beam
import numpy as np
from apache_beam.options.pipeline_options import PipelineOptions

from mach_tf import files
from mach_tf.data import conversion
from mach_tf.data.conversion import Options, Task
from mach_tf.data.converted import Converted
from mach_tf.data.libsvm import BadLine, TextInput, TextReader
from mach_tf.data.shards import shard_name
from mach_tf.errors import InputError
from mach_tf.splits import Shard, Source

_RESULTS_FILE = "results.json"
_COUNTS_FILE = "label_counts.npy"


class _File(NamedTuple):
    """An input file: its split, its position among all files, and the position of its first point in its split."""

    split: str
    order: int
    place: int
    input: TextInput


class _Layout(NamedTuple):
    """The place of each chunk's points in the shards.

    Attributes:
      starts: the number of earlier points of the split, by (split, place of the block).
      totals: of each split, the number of points and the sums of `Chunk.totals`.
    """

    starts: dict[tuple[str, int], int]
    totals: dict[str, list[int]]


def convert(
    inputs: Mapping[str, Sequence[TextInput]], output_dir: str, options: Options, runner: str, flags: Sequence[str] = ()
) -> Converted:
    """Converts text files to a dataset, the same as `conversion.convert` makes, byte for byte.

    Args:
      inputs, output_dir, options: as of `conversion.convert`; `options.workers` is not used.
      runner: "DirectRunner", "FlinkRunner", ...
      flags: the runner's own options, each as on a command line.

    Raises:
      InputError: as of `conversion.convert`; or the runner's job server is not here and cannot be downloaded.
    """
    begin = time.monotonic()
    with conversion.open_output(inputs, output_dir, options) as (writer, header, names):
        with _job_server_named(runner):
            with beam.Pipeline(options=PipelineOptions([f"--runner={runner}", *flags])) as graph:
                _build(graph, list(_files(inputs)), writer.directory, options, header.labels)
        results = files.read_json(os.path.join(writer.directory, _RESULTS_FILE), "results of the Beam pipeline")
        label_counts = np.load(os.path.join(writer.directory, _COUNTS_FILE), allow_pickle=False)
        os.remove(os.path.join(writer.directory, _RESULTS_FILE))
        if results["problems"]:
            raise InputError(results["problems"][0])
        skipped = [BadLine(*line) for line in results["bad_lines"]]
        options.check(skipped)
        manifest = writer.complete(
            {split: [Shard(*shard) for shard in shards] for split, shards in results["shards"].items()},
            results["totals"],
            label_counts,
            {
                split: [Source(*source) for source in results["sources"].get(split, [])]
                for split in options.wanted_splits(inputs)
            },
            *names,
            [str(line) for line in skipped],
        )
    return Converted(output_dir, manifest, skipped, results["text_bytes"], time.monotonic() - begin)


@contextlib.contextmanager
def _job_server_named(runner: str) -> Iterator[None]:
    """Beam downloads the job servers of Flink, Spark and Prism when they are first used; if it cannot, the error says so."""
    try:
        yield
    except RuntimeError as error:
        if "Unable to fetch" not in str(error):
            raise
        raise InputError(
            f"{runner} must have a job server, which Beam downloads when it is first used, but the download failed ({error}). Download it "
            "where there is a network, and name the file by --flink_job_server_jar, --spark_job_server_jar or --prism_location in the runner's options."
        ) from None


def _build(graph: Any, inputs: Sequence[_File], directory: str, options: Options, labels: int) -> None:
    """Builds the graph from files over blocks and chunks to shards, and to the counts that the manifest needs."""
    read = graph | "Files" >> beam.Create(inputs) | "Read" >> beam.FlatMap(_read).with_outputs(main="tasks")
    done = (
        read["tasks"]
        | "Spread" >> beam.Reshuffle()
        | "Transform" >> beam.FlatMap(_transform, options).with_outputs(main="chunks")
    )
    layout = done["counts"] | "All counts" >> beam.combiners.ToList() | "Layout" >> beam.Map(_layout)
    shards = (
        done["chunks"]
        | "Cut" >> beam.FlatMap(_cut, beam.pvalue.AsSingleton(layout), options.points_per_shard)
        | "Collect" >> beam.GroupByKey()
        | "Write" >> beam.Map(_write, beam.pvalue.AsSingleton(layout), options.points_per_shard, directory)
    )
    _ = (
        done["label_ids"]
        | "Count labels" >> beam.CombineGlobally(_LabelCounts(labels))
        | "Write label counts" >> beam.Map(_write_label_counts, directory)
    )
    problems = (read["problems"], done["problems"]) | "All problems" >> beam.Flatten()
    _ = (
        graph
        | "End" >> beam.Create([directory])
        | "Write results"
        >> beam.Map(
            _write_results,
            beam.pvalue.AsSingleton(layout),
            *map(beam.pvalue.AsList, (shards, read["sources"], problems, done["bad_lines"])),
        )
    )


def _files(inputs: Mapping[str, Sequence[TextInput]]) -> Iterator[_File]:
    order = itertools.count()
    for split, split_files in inputs.items():
        place = 0
        for file in split_files:
            yield _File(split, next(order), place, file)
            with TextReader(*file) as reader:
                place += reader.total_places


def _read(file: _File) -> Iterator[Any]:
    """Yields the blocks of a file with the file's order; errors come as data, as an exception would lose its type."""
    try:
        with TextReader(*file.input) as reader:
            before = 0
            for block in reader.blocks():
                yield file.order, Task(file.split, block, file.place, reader.bytes_read - before)
                before = reader.bytes_read
            sources = [dataclasses.astuple(source) for source in reader.finish()]
            yield beam.pvalue.TaggedOutput("sources", (file.order, file.split, sources, reader.text_bytes))
    except InputError as error:
        yield beam.pvalue.TaggedOutput("problems", (file.order, str(error)))


def _transform(item: Any, options: Options) -> Iterator[Any]:
    order, task = item
    place = task.place + task.block.first_place
    try:
        _, chunks, bad_lines = conversion.transform(task, options)
    except InputError as error:
        yield beam.pvalue.TaggedOutput("problems", (order, str(error)))
        return
    for split, chunk in chunks:
        yield split, place, chunk.records.data.tobytes(), chunk.records.ends
        counts = len(chunk.records.ends), *chunk.totals
        yield beam.pvalue.TaggedOutput("counts", (split, place, counts))
        if split == "train":
            yield beam.pvalue.TaggedOutput("label_ids", chunk.label_ids)
    if bad_lines:
        yield beam.pvalue.TaggedOutput("bad_lines", (order, place, [tuple(line) for line in bad_lines]))


def _layout(counts: Iterable[Any]) -> Any:
    layout = _Layout({}, {})
    for split, place, numbers in sorted(counts):
        totals = layout.totals.setdefault(split, [0] * len(numbers))
        layout.starts[split, place] = totals[0]
        totals[:] = [total + int(number) for total, number in zip(totals, numbers)]
    return layout


def _cut(chunk: Any, layout: _Layout, points_per_shard: int) -> Iterator[Any]:
    """Yields the parts of a chunk with the shards that they belong to."""
    split, place, data, ends = chunk
    start, done = layout.starts[split, place], 0
    while done < len(ends):
        index = (start + done) // points_per_shard
        upto = min(len(ends), (index + 1) * points_per_shard - start)
        begin = ends[done - 1] if done else 0
        yield (split, index), (start + done, upto - done, data[begin : ends[upto - 1]])
        done = upto


def _write(item: Any, layout: _Layout, points_per_shard: int, directory: str) -> Any:
    (split, index), parts = item
    _, points, data = zip(*sorted(parts))
    whole = b"".join(data)
    name = shard_name(split, index, math.ceil(layout.totals[split][0] / points_per_shard))
    with files.atomic_write(os.path.join(directory, name)) as file:  # a worker may write it twice, with the same bytes
        file.write(whole)
    return split, index, (name, sum(points), len(whole), hashlib.sha256(whole).hexdigest())


class _LabelCounts(beam.CombineFn):
    """Counts label ids."""

    def __init__(self, labels: int) -> None:
        super().__init__()
        self._labels = labels

    def create_accumulator(self) -> np.ndarray:
        return np.zeros(self._labels, np.int64)

    def add_input(self, accumulator: np.ndarray, label_ids: np.ndarray) -> np.ndarray:
        np.add.at(accumulator, label_ids, 1)
        return accumulator

    def merge_accumulators(self, accumulators: Iterable[np.ndarray]) -> np.ndarray:
        return sum(accumulators, self.create_accumulator())

    def extract_output(self, accumulator: np.ndarray) -> np.ndarray:
        return accumulator


def _write_label_counts(counts: np.ndarray, directory: str) -> None:
    with files.atomic_write(os.path.join(directory, _COUNTS_FILE)) as file:
        np.save(file, counts, allow_pickle=False)


def _write_results(directory: str, layout: _Layout, shards: Any, sources: Any, problems: Any, bad_lines: Any) -> None:
    by_split: dict[str, dict[str, Any]] = {"shards": {}, "sources": {}}
    for split, _, shard in sorted(shards):
        by_split["shards"].setdefault(split, []).append(shard)
    for _, split, described, _ in sorted(sources):
        by_split["sources"].setdefault(split, []).extend(described)
    results = {
        **by_split,
        "totals": {split: totals[1:] for split, totals in layout.totals.items()},
        "problems": [message for _, message in sorted(problems)],
        "bad_lines": [line for _, _, lines in sorted(bad_lines) for line in lines],
        "text_bytes": sum(text_bytes for *_, text_bytes in sources),
    }
    files.write_json(os.path.join(directory, _RESULTS_FILE), results)
