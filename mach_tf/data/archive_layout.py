"""The names that the Extreme Classification Repository gives to the files of a data set, and what they say.

| files of one folder | content |
|---|---|
| `train.txt`, `test.txt`; or `NAME_train.txt`, `NAME_test.txt`; also `validation` | points with features and labels |
| `trn_X_Xf.txt`, `trn_X_Y.txt`, `tst_X_Xf.txt`, `tst_X_Y.txt` | the split form |
| `NAME_data.txt`, `NAME_trSplit.txt`, `NAME_tstSplit.txt` | all points, and row numbers of several splits |
| `trn.json.gz`, `tst.json.gz`, `lbl.json.gz`; or `trn.raw.json.gz` and so on | raw text, and the names of labels |
| `Xf.txt`; `Yf.txt` or `Y.txt` | names of features; names of labels |

Upper and lower case are the same, and each file but those of names may be compressed.
"""

from __future__ import annotations

import dataclasses
import re
from collections import defaultdict
from collections.abc import Iterable, Iterator
from typing import Optional

from mach_tf.splits import SPLITS

_END = r"(?:\.(?:gz|bz2|xz|zst))?"
_SPLITS = {"train": "train", "trn": "train", "val": "valid", "valid": "valid", "validation": "valid", "test": "test"}
_SPLITS["tst"] = "test"
_JOINT = re.compile(
    rf"(?!filter_labels_)(?:(?P<name>.+)[_-])?(?P<split>train|valid|validation|val|test)\.txt{_END}", re.IGNORECASE
)
_SPLIT_FORM = re.compile(rf"(?P<split>trn|val|tst)_X_(?P<part>Xf|Y)\.txt{_END}", re.IGNORECASE)
_ROWS = re.compile(rf"(?:(?P<name>.+)_)?(?P<part>data|trSplit|tstSplit)\.txt{_END}", re.IGNORECASE)
_RAW = re.compile(rf"(?P<split>trn|val|tst|lbl)(?P<name>\.raw)?\.json{_END}", re.IGNORECASE)
_FEATURE_NAMES = re.compile(r"(?:Xf|feature_names)\.txt", re.IGNORECASE)
_LABEL_NAMES = re.compile(r"(?:Yf?|label_names)\.txt", re.IGNORECASE)
_HIDDEN = re.compile(r"(?:^|/)(?:\.|__MACOSX/)")
_MATRIX = re.compile(rb"[0-9]+[ \t]+[0-9]+[ \t]*\r?\n(?:[0-9]+:[^\s]+[ \t]*)*\r?\n?")


@dataclasses.dataclass(frozen=True)
class Layout:
    """A data set among the files of one folder.

    Attributes:
      splits: the files of each split: one, features and labels, or all points and row numbers.
      rows: whether the second file of a split holds row numbers.
      raw_text: whether the files hold text instead of features.
      raw_labels: the file of label names that belongs to raw text, or None.
      feature_names, label_names: files in the same folder that may hold names.
      lacks: what is missing, "" if the data set is complete.
    """

    splits: dict[str, list[str]]
    rows: bool = False
    raw_text: bool = False
    raw_labels: Optional[str] = None
    feature_names: list[str] = dataclasses.field(default_factory=list)
    label_names: list[str] = dataclasses.field(default_factory=list)
    lacks: str = ""

    @property
    def files(self) -> list[str]:
        """All files of the data set, except for names of features, each once."""
        raw = [] if self.raw_labels is None else [self.raw_labels]
        return list(dict.fromkeys([*(name for names in self.splits.values() for name in names), *raw]))


def is_hidden(name: str) -> bool:
    """Returns whether a file, or a folder above it, is one that systems add: `.DS_Store`, `__MACOSX/`."""
    return _HIDDEN.search(name) is not None


def is_matrix(first_two: bytes, lines: int) -> bool:
    """Returns whether a text is a sparse matrix, such as the features of labels, instead of names.

    Args:
      first_two: the first two lines.
      lines: how many lines there are.
    """
    return _MATRIX.fullmatch(first_two) is not None and int(first_two.split()[0]) == lines - 1


def layouts(names: Iterable[str]) -> list[Layout]:
    """Returns the data sets among the files of an archive, complete or not.

    Args:
      names: the files, relative to the archive and with slashes.

    Example:
      >>> found, = layouts(["Bibtex/Bibtex_data.txt", "Bibtex/bibtex_trSplit.txt", "Bibtex/bibtex_tstSplit.txt"])
      >>> found.splits["test"], found.rows
      (['Bibtex/Bibtex_data.txt', 'Bibtex/bibtex_tstSplit.txt'], True)
    """
    folders: dict[str, list[str]] = defaultdict(list)
    for name in names:
        folders[name.rpartition("/")[0]].append(name)
    found = []
    for files in folders.values():
        feature_names = [name for name, _ in _matching(_FEATURE_NAMES, files)]
        label_names = [name for name, _ in _matching(_LABEL_NAMES, files)]
        for layout in (*_joint(files), *_split_form(files), *_rows(files), *_raw(files)):
            found.append(dataclasses.replace(layout, feature_names=feature_names, label_names=label_names))
    return found


def _joint(files: list[str]) -> Iterator[Layout]:
    groups: dict[str, dict[str, list[str]]] = defaultdict(lambda: defaultdict(list))
    for file, match in _matching(_JOINT, files):
        groups[(match["name"] or "").lower()][_SPLITS[match["split"].lower()]].append(file)
    for splits in groups.values():
        yield _layout(splits, 1, "one file of train points and one of test points")


def _split_form(files: list[str]) -> Iterator[Layout]:
    parts: dict[str, dict[str, list[str]]] = defaultdict(lambda: {"xf": [], "y": []})
    for file, match in _matching(_SPLIT_FORM, files):
        parts[_SPLITS[match["split"].lower()]][match["part"].lower()].append(file)
    paired = all(len(of_part) == 1 for of_split in parts.values() for of_part in of_split.values())
    if parts:
        splits = {split: [*of_split["xf"], *of_split["y"]] for split, of_split in parts.items()}
        yield _layout(splits, 2 if paired else 0, "one *_X_Xf.txt and one *_X_Y.txt for each split")


def _rows(files: list[str]) -> Iterator[Layout]:
    groups: dict[str, dict[str, list[str]]] = defaultdict(lambda: defaultdict(list))
    for file, match in _matching(_ROWS, files):
        groups[(match["name"] or "").lower()][match["part"].lower()].append(file)
    for parts in groups.values():
        data = parts["data"]
        splits = {"train": [*data, *parts["trsplit"]], "test": [*data, *parts["tstsplit"]]}
        lacks = ", ".join(
            f"one {name}.txt" for name in ("data", "trSplit", "tstSplit") if len(parts[name.lower()]) != 1
        )
        yield Layout(splits, rows=True, lacks=lacks)


def _raw(files: list[str]) -> Iterator[Layout]:
    groups: dict[str, dict[str, list[str]]] = defaultdict(lambda: defaultdict(list))
    for file, match in _matching(_RAW, files):
        part = match["split"].lower()
        groups[(match["name"] or "").lower()][_SPLITS.get(part, part)].append(file)
    for splits in groups.values():
        labels = splits.pop("lbl", [])
        layout = _layout(splits, 1, "one trn.json and one tst.json")
        lacks = layout.lacks or ("a single lbl.json" if len(labels) > 1 else "")
        yield dataclasses.replace(layout, raw_text=True, raw_labels=labels[0] if labels else None, lacks=lacks)


def _layout(splits: dict[str, list[str]], parts: int, needed: str) -> Layout:
    complete = {"train", "test"} <= set(splits) and all(len(files) == parts for files in splits.values())
    return Layout({split: splits[split] for split in SPLITS if split in splits}, lacks="" if complete else needed)


def _matching(pattern: re.Pattern[str], files: list[str]) -> Iterator[tuple[str, re.Match[str]]]:
    for file in files:
        match = pattern.fullmatch(file.rpartition("/")[2])
        if match is not None:
            yield file, match
