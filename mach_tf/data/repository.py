"""Finds a data set in an archive of the Extreme Classification Repository, by the names of files used there.

An archive is a zip file or a folder, and may hold its files in a folder. Nothing is unpacked: a file inside a zip archive is named by a
path that goes on behind the archive, `Eurlex.zip/Eurlex/eurlex_train.txt`. `archive_layout` knows the names.
"""

from __future__ import annotations

import dataclasses
import json
import os
from collections.abc import Collection, Iterator
from typing import Optional, Union

import numpy as np

from mach_tf import arguments, file_kinds, zip_members
from mach_tf.data import archive_layout
from mach_tf.data.archive_layout import Layout
from mach_tf.data.libsvm import Header, TextInput, TextReader
from mach_tf.data.row_numbers import RowNumbers
from mach_tf.data.textfile import TextFile
from mach_tf.errors import InputError

_Path = Union[str, "os.PathLike[str]"]
# A folder of the data set's name, and `raw` in it.
_MOST_DEPTH = 2
_MOST_FILES = 10_000
_SHOWN = 8
# The fields of raw text.
_TEXT_FIELDS, _LABEL_FIELD = ("title", "content"), "target_ind"


@dataclasses.dataclass(frozen=True)
class Found:
    """A data set in an archive.

    Attributes:
      inputs: the files of each split; for raw text, files of JSON Lines.
      text_fields, label_field: of raw text, the fields of its records; empty for features.
      feature_names, label_names: files of names, or None.
      notes: sentences that say which files are read, and which are not and why.
    """

    inputs: dict[str, list[TextInput]]
    feature_names: Optional[_Path]
    label_names: Optional[_Path]
    notes: list[str]
    text_fields: tuple[str, ...] = ()
    label_field: tuple[str, ...] = ()


def find(
    path: str,
    split_number: int = 0,
    given: Collection[str] = (),
    feature_names: Optional[_Path] = None,
    label_names: Optional[_Path] = None,
    raw_text: Optional[bool] = None,
) -> Found:
    """Finds the files of the one data set that an archive holds.

    Args:
      path: a zip archive or a folder.
      split_number: which of the splits to take, from 0, if the archive has all points in one file and files of row numbers.
      given: the splits that the user has named files for, which leaves no use for an archive.
      feature_names, label_names: files of names that the user has given; None for those of the archive.
      raw_text: which of both to take if the archive holds raw text and features; None to refuse it.

    Raises:
      InputError: it is no such archive, or is damaged; it holds no data set by the repository's names, an incomplete one, or
        several; or there is no such split.
    """
    if given:
        raise InputError(
            f"repository must be given without {' and '.join(given)}, because it names the files of all splits. Leave out one."
        )
    arguments.whole_number(split_number, "split_number", 0)
    names = _names(path)
    layout = _only_layout(path, archive_layout.layouts(names), raw_text)
    if split_number and not layout.rows:
        raise InputError(
            f"split_number must be left out for a data set with one split (got {split_number}; {path} has no *_trSplit.txt "
            f"beside {', '.join(layout.files)})."
        )
    inputs = {split: [_input(path, layout, split, split_number)] for split in layout.splits}
    used, notes = set(layout.files), []
    if layout.raw_text:
        label_names = label_names or (layout.raw_labels and os.path.join(path, layout.raw_labels))
    else:
        with TextReader(*inputs["train"][0]) as reader:
            header = reader.header
        if layout.rows:
            notes += _check_rows(inputs, header)
        if feature_names is None:
            feature_names, more = _names_file(path, layout.feature_names, header.features, "feature")
            notes += more
        if label_names is None:
            label_names, more = _names_file(path, layout.label_names, header.labels, "label")
            notes += more
    used |= {os.path.relpath(file, path) for file in (feature_names, label_names) if file is not None}
    summary = _summary(path, inputs, names, used)
    text_fields = _text_fields(inputs["train"][0].path) if layout.raw_text else ()
    label_field = (_LABEL_FIELD,) if layout.raw_text else ()
    return Found(inputs, feature_names, label_names, [summary, *notes], text_fields, label_field)


def _names(path: str) -> list[str]:
    """Returns the names of the regular files in an archive, relative to it and with slashes."""
    if os.path.isdir(path):
        found = sorted(_walk(path, "", _MOST_DEPTH))
    elif zip_members.is_zip(path):
        found = [member.name for member in zip_members.members(path)]
    else:
        raise InputError(f"repository must be a folder or a zip archive (got {_kind(path)}, {path}). {_advice(path)}")
    return [name for name in found if name.count("/") <= _MOST_DEPTH and not archive_layout.is_hidden(name)]


def _walk(root: str, folder: str, depth: int) -> Iterator[str]:
    with os.scandir(os.path.join(root, folder)) as entries:
        for count, entry in enumerate(entries):
            if count == _MOST_FILES:
                raise InputError(
                    f"repository must be the folder of one data set (got {root}, with more than {_MOST_FILES} files in "
                    f"{folder or 'it'}). Name the folder itself."
                )
            name = f"{folder}/{entry.name}" if folder else entry.name
            if entry.is_dir():
                if depth:
                    yield from _walk(root, name, depth - 1)
            elif entry.is_file() and name.isprintable():
                yield name


def _kind(path: str) -> str:
    if not os.path.lexists(path):
        return "a path that does not exist"
    if not os.path.isfile(path):
        return "a pipe or a device"
    with open(path, "rb") as file:
        kind = file_kinds.recognise(file.read(file_kinds.HEAD_BYTES), path)
    return "a text file" if kind is None else kind.name


def _advice(path: str) -> str:
    if not os.path.isfile(path):
        return "Check the path."
    return "Give a text by train and test, and extract an archive of another kind."


def _only_layout(path: str, layouts: list[Layout], raw_text: Optional[bool]) -> Layout:
    complete = [layout for layout in layouts if not layout.lacks]
    if len(complete) > 1 and raw_text is not None:
        complete = [layout for layout in complete if layout.raw_text == raw_text] or complete
    if len(complete) == 1:
        return complete[0]
    remedy = f"Name the files yourself, as train={os.path.join(path, 'FILE')} and likewise."
    if len({layout.raw_text for layout in complete}) > 1:
        remedy = "Say input_format=bow for features and input_format=jsonl for raw text, or name the files yourself."
    if complete:
        several = "; ".join(_list(layout.files) for layout in complete)
        raise InputError(f"{path} must hold one data set by the repository's names (got {several}). {remedy}")
    if layouts:
        parts = "; ".join(f"{_list(layout.files)} without {layout.lacks}" for layout in layouts)
        raise InputError(f"{path} must hold a complete data set (got {parts}). {remedy}")
    raise InputError(
        f"{path} must hold a data set by the repository's names, such as train.txt, NAME_train.txt, trn_X_Xf.txt with trn_X_Y.txt, "
        f"NAME_data.txt with NAME_trSplit.txt, or trn.json.gz (got {_list(_names(path)) or 'no file'}). {remedy}"
    )


def _input(path: str, layout: Layout, split: str, split_number: int) -> TextInput:
    first, *second = (os.path.join(path, name) for name in layout.splits[split])
    if layout.rows:
        return TextInput(first, rows=RowNumbers(second[0], split_number))
    return TextInput(first, second[0] if second else None)


def _text_fields(path: str) -> tuple[str, ...]:
    """Returns those of the repository's text fields that the first record has; all if it is no record, for the reader's messages."""
    with TextFile(path, "a record") as file:
        try:
            record = json.loads(file.lines(1))
        except (ValueError, RecursionError):
            return _TEXT_FIELDS
    found = tuple(field for field in _TEXT_FIELDS if field in record) if isinstance(record, dict) else ()
    return found or _TEXT_FIELDS


def _check_rows(inputs: dict[str, list[TextInput]], header: Header) -> list[str]:
    """Checks that no point is for training and for testing; returns a sentence if some are for neither."""
    rows = {}
    for split, (file,) in inputs.items():
        assert file.rows is not None
        rows[split], _ = file.rows.read(header.points)
    both = np.intersect1d(rows["train"], rows["test"])
    if len(both):
        train, test = (os.path.basename(path) for (file,) in inputs.values() for path in file.paths[1:])
        raise InputError(
            f"{train} and {test} must name different rows (got row {both[0] + 1} in both, for {len(both)} points). Give the "
            "files of one data set."
        )
    left = header.points - len(rows["train"]) - len(rows["test"])
    return [f"{left:,} of {header.points:,} points are in neither split."] if left else []


def _names_file(path: str, names: list[str], count: int, what: str) -> tuple[Optional[str], list[str]]:
    """Returns the file of names, one for each of `count`, and sentences on files that look like one by their name alone."""
    fitting, notes = [], []
    for name in names:
        lines, matrix = _lines(os.path.join(path, name))
        if lines == count and not matrix:
            fitting.append(os.path.join(path, name))
        else:
            holds = "a matrix, as of features of labels" if matrix else f"{lines:,} lines for {count:,} {what}s"
            notes.append(f"{name} is not read as {what} names, because it holds {holds}.")
    if len(fitting) > 1:
        raise InputError(
            f"{path} must hold one file of {what} names (got {_list(names)}). Say which: {what}_names={fitting[0]}."
        )
    return (fitting[0] if fitting else None), notes


def _lines(path: str) -> tuple[int, bool]:
    """Returns the number of lines of a file, and whether it holds a sparse matrix instead of names."""
    if zip_members.is_empty(path):
        return 0, False
    with TextFile(path) as file:
        first_two = file.lines(2)
        while file.block(1 << 20):
            pass
        return file.line_count, archive_layout.is_matrix(first_two, file.line_count)


def _summary(path: str, inputs: dict[str, list[TextInput]], names: list[str], used: set[str]) -> str:
    read = "; ".join(
        f"{split} from {' and '.join(os.path.relpath(part, path) for part in file.paths)}"
        for split, files in inputs.items()
        for file in files
    )
    more = sorted(used - {os.path.relpath(p, path) for files in inputs.values() for file in files for p in file.paths})
    left = [name for name in names if name not in used]
    return (
        f"{path}: {read}{f'; names from {_list(more)}' if more else ''}{f'; not read: {_list(left)}' if left else ''}."
    )


def _list(names: list[str]) -> str:
    shown = ["".join(c if c.isprintable() else "?" for c in name)[:80] for name in names[:_SHOWN]]
    return ", ".join([*shown, *([f"{len(names) - _SHOWN} more"] if len(names) > _SHOWN else [])])
