"""Makes the demo data of Python files: parses them, and writes their text and their labels as JSON Lines."""

from __future__ import annotations

import contextlib
import dataclasses
import json
import os
from collections.abc import Iterable, Sequence
from typing import Any, NamedTuple

import tabulate

from mach_tf import files
from mach_tf.errors import InputError
from mach_tf.splits import SPLITS
from preprocess import demo_outputs, labelled_files
from preprocess.labelled_files import LABELS, LACKING, Record
from preprocess.parsing_processes import parse_files
from preprocess.python_files import distinct_files


class SplitCounts(NamedTuple):
    """The size of a split: points, identifiers per point and labels per point."""

    split: str
    points: int
    identifiers_per_point: float
    labels_per_point: float


@dataclasses.dataclass(frozen=True)
class DemoData:
    """The written data; its `str()` is a table of the splits.

    Attributes:
      output_dir: the directory.
      splits: the size of each split.
      repeated: number of files left out because another has the same content.
      not_parsed: number of files left out because they are not valid Python.
      without_content: number of files left out because they use no identifier, or have no label: they import nothing, or their
        package has few files.
      label: one of LABELS, the field that holds the labels.
    """

    output_dir: str
    splits: list[SplitCounts]
    repeated: int
    not_parsed: int
    without_content: int
    label: str = LABELS[0]

    def to_json(self) -> dict[str, Any]:
        """Returns all attributes as JSON values."""
        return {**dataclasses.asdict(self), "splits": [split._asdict() for split in self.splits]}

    def __str__(self) -> str:
        header = ("split", "points", "identifiers/point", "labels/point")
        table = tabulate.tabulate(self.splits, header, floatfmt=".1f", intfmt=",")
        points = sum(split.points for split in self.splits)
        names = ", ".join(demo_outputs.path_of("", split) for split in SPLITS)
        return (
            f"{table}\n{points:,} files. Left out: {self.repeated:,} that repeat another, {self.not_parsed:,} that do not parse, "
            f"{self.without_content:,} without identifiers or {LACKING[self.label]}.\n"
            f"Wrote {names} in {self.output_dir}. Next: mach-preprocess"
        )


def write_demo_data(
    directories: Sequence[str], output_dir: str, *, seed: int, workers: int, label: str = LABELS[0]
) -> DemoData:
    """Makes the data and writes each split as JSON Lines.

    Args:
      directories: where the .py files are.
      output_dir: the directory to write; made if missing.
      seed: which files are train, valid and test.
      workers: processes that parse.
      label: one of LABELS, the field that holds the labels.

    Raises:
      InputError: a directory does not exist, or a split gets no point; nothing is written then.
    """
    for directory in directories:
        if not os.path.isdir(directory):
            raise InputError(f"source_dirs must name existing directories (got {directory!r}).")
    sources, repeated = distinct_files(directories, seed)
    parsed = parse_files([source.path for source in sources], workers)
    by_split = labelled_files.records(sources, parsed, label)
    points = sum(map(len, by_split.values()))
    empty = [split for split, records in by_split.items() if not records]
    if empty:
        raise InputError(
            f"Each split must have a point (got none in {', '.join(empty)}, {points} points from {len(sources)} "
            "different files). Give more files by source_dirs, or a different seed."
        )
    demo_outputs.check(output_dir, ("file", "text", label), sources)
    os.makedirs(output_dir, exist_ok=True)
    _write(output_dir, by_split, label)
    not_parsed = parsed.count(None)
    return DemoData(
        output_dir,
        [_counts(*item) for item in by_split.items()],
        repeated,
        not_parsed,
        len(sources) - not_parsed - points,
        label,
    )


def _counts(split: str, records: Sequence[Record]) -> SplitCounts:
    def mean(counts: Iterable[int]) -> float:
        return sum(counts) / len(records)

    identifiers = mean(record.text.count(" ") + 1 for record in records)
    return SplitCounts(
        split,
        len(records),
        identifiers,
        mean(1 if isinstance(record.labels, str) else len(record.labels) for record in records),
    )


def _write(directory: str, by_split: dict[str, list[Record]], label: str) -> None:
    with contextlib.ExitStack() as stack:  # all or none
        for split, records in by_split.items():
            file = stack.enter_context(files.atomic_write(demo_outputs.path_of(directory, split)))
            for record in records:
                file.write(
                    f"{json.dumps({'file': record.file, 'text': record.text, label: record.labels}, ensure_ascii=False)}\n".encode()
                )
