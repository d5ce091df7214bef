"""Makes the demo data set of Python files: parses them, weights identifiers by tf-idf, and writes text files and names."""

from __future__ import annotations

import dataclasses
import os
from collections.abc import Sequence
from typing import Any, NamedTuple

import tabulate

from mach_tf.data.textwriter import write_lines, write_text
from mach_tf.errors import InputError
from mach_tf.manifest import FEATURE_NAMES_FILE, LABEL_NAMES_FILE
from mach_tf.splits import SPLITS
from preprocess import demo_outputs, python_points, tfidf
from preprocess.parsing_processes import parse_files
from preprocess.python_files import SourceFile, distinct_files

_DIGITS = 6


class SplitCounts(NamedTuple):
    """The size of a split: points, features per point and labels per point."""

    split: str
    points: int
    features_per_point: float
    labels_per_point: float


@dataclasses.dataclass(frozen=True)
class DemoData:
    """The written data; its `str()` is a table of the splits.

    Attributes:
      output_dir: the directory.
      splits: the size of each split.
      features, labels: number of distinct features and labels.
      repeated: number of files left out because another has the same content.
      not_parsed: number of files left out because they are not valid Python.
      without_content: number of files left out because they use no identifier or have no label.
    """

    output_dir: str
    splits: list[SplitCounts]
    features: int
    labels: int
    repeated: int
    not_parsed: int
    without_content: int

    def to_json(self) -> dict[str, Any]:
        """Returns all attributes as JSON values."""
        return {**dataclasses.asdict(self), "splits": [split._asdict() for split in self.splits]}

    def __str__(self) -> str:
        table = tabulate.tabulate(self.splits, ("split", "points", "features/point", "labels/point"), floatfmt=".1f")
        points = sum(split.points for split in self.splits)
        return (
            f"{table}\n{self.features} features and {self.labels} labels from {points} files. Left out: {self.repeated} files "
            f"that repeat another, {self.not_parsed} that do not parse, {self.without_content} without identifiers or labels.\n"
            f"Wrote {self.output_dir}. Next: mach-preprocess"
        )


class _Point(NamedTuple):
    """A file that becomes a point."""

    file: SourceFile
    content: python_points.PythonFile


def write_demo_data(directories: Sequence[str], output_dir: str, *, seed: int, workers: int) -> DemoData:
    """Makes the data set and writes it as text of the Extreme Classification Repository.

    Args:
      directories: where the .py files are.
      output_dir: the directory to write; made if missing.
      seed: which files are train, valid and test.
      workers: processes that parse.

    Raises:
      InputError: a directory does not exist, or a split gets no point; nothing is written then.
    """
    for directory in directories:
        if not os.path.isdir(directory):
            raise InputError(f"source_dirs must name existing directories (got {directory!r}).")
    sources, repeated = distinct_files(directories, seed)
    parsed = parse_files([source.path for source in sources], workers)
    used = [_Point(file, content) for file, content in zip(sources, parsed) if content and content.identifiers]
    label_names = tfidf.shared_names(point.content.imports for point in used)
    points = [point for point in used if not point.content.imports.isdisjoint(label_names)]
    by_split = {split: [point for point in points if point.file.split == split] for split in SPLITS}
    feature_names = tfidf.shared_names(point.content.identifiers for point in by_split["train"])
    empty = [split for split, members in by_split.items() if not members]
    if empty:
        raise InputError(
            f"Each split must have a point (got none in {', '.join(empty)}, {len(points)} points from {len(sources)} "
            "different files). Give more files by source_dirs, or a different seed."
        )
    demo_outputs.check(output_dir, sources)
    os.makedirs(output_dir, exist_ok=True)
    counts = _write(output_dir, by_split, feature_names, label_names)
    not_parsed = parsed.count(None)
    without_content = len(sources) - not_parsed - len(points)
    return DemoData(output_dir, counts, len(feature_names), len(label_names), repeated, not_parsed, without_content)


def _write(
    directory: str, by_split: dict[str, list[_Point]], feature_names: list[str], label_names: list[str]
) -> list[SplitCounts]:
    counts = {s: tfidf.count_matrix([p.content.identifiers for p in ps], feature_names) for s, ps in by_split.items()}
    frequencies = tfidf.document_frequencies(counts["train"])
    rows = []
    for split, members in by_split.items():
        features = tfidf.tf_idf(counts[split], frequencies, len(by_split["train"]))
        labels = tfidf.count_matrix([dict.fromkeys(p.content.imports, 1) for p in members], label_names)
        # The names come first, as text without them counts as another's.
        write_lines(os.path.join(directory, f"{split}_files.txt"), [p.file.name for p in members])
        write_text(os.path.join(directory, f"{split}.txt"), features, labels, digits=_DIGITS)
        rows.append(SplitCounts(split, len(members), features.nnz / len(members), labels.nnz / len(members)))
    write_lines(os.path.join(directory, FEATURE_NAMES_FILE), feature_names)
    write_lines(os.path.join(directory, LABEL_NAMES_FILE), label_names)
    return rows
