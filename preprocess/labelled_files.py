"""The files of the demo data with their labels: what each imports, or the one package that it comes from."""

from __future__ import annotations

import collections
from collections.abc import Sequence
from typing import NamedTuple, Optional, Union

from mach_tf import arguments
from mach_tf.splits import SPLITS
from preprocess.python_files import SourceFile
from preprocess.python_points import PythonFile

LABELS = ("imports", "package")
# What a file lacks that has no label.
LACKING = {"imports": "imports", "package": "a package of enough files"}
# Training files of a package; with fewer, a split could also hold a package that training does not know.
FEWEST_FILES = 10


class Record(NamedTuple):
    """A file that becomes a point: its name, its identifiers joined to text, and its labels: imports, or its one package."""

    file: str
    text: str
    labels: Union[list[str], str]


def records(
    sources: Sequence[SourceFile], parsed: Sequence[Optional[PythonFile]], label: str
) -> dict[str, list[Record]]:
    """Returns the records of each split, without files that use no identifier or have no label.

    Args:
      sources: the files.
      parsed: what is in each; None for one that does not parse.
      label: one of LABELS. Packages with fewer than FEWEST_FILES training files are no labels.
    """
    arguments.choice(label, "label", LABELS)
    by_split: dict[str, list[Record]] = {split: [] for split in SPLITS}
    for source, content in zip(sources, parsed):
        labels = content and (content.imports if label == "imports" else package_of(source.name))
        if content and content.text and labels:
            by_split[source.split].append(Record(source.name, content.text, labels))
    if label == "imports":
        return by_split
    counts = collections.Counter(str(record.labels) for record in by_split["train"])
    return {
        split: [record for record in found if counts[str(record.labels)] >= FEWEST_FILES]
        for split, found in by_split.items()
    }


def package_of(name: str) -> str:
    """Returns the dotted name of the folder that holds a file; "" for a module outside of any package.

    Args:
      name: the file's name as demo data has it, which begins with the folder that was searched.

    Example:
      >>> package_of("python3.11/xml/parsers/expat.py")
      'xml.parsers'
    """
    return ".".join(name.split("/")[1:-1])
