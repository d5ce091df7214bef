"""Reads and checks text of the Extreme Classification Repository, and turns it into points.

A file starts with a header, `points features labels`; each further line is a point, `l1,l2,... f1:v1 f2:v2 ...`, with ids
from 0.

- Blanks (spaces, tabs) separate items. Lines end with `\\n` or `\\r\\n`; the last one may end without either.
- A point without labels starts with a blank or directly with a feature. A point may have no features. An empty line is a
  point with neither.
- An id consists of ASCII digits. A value is `[+-] digits [. digits] [e [+-] digits]` with at least one digit before or after
  the dot; it is read as the nearest double and rounded to float32.
- Features and labels may come in any order. A repeated feature in a line is an error; a repeated label counts once, as
  labels are a set. A value of zero is the same as no feature.

The repository's split form has two files: one starts with `points features` and has lines `f1:v1 ...`, the other starts with
`points labels` and has lines `l1:1 l2:1 ...`. Each value except zero marks a label; a repeated label is an error there.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator
from typing import NamedTuple, Optional

import numpy as np

from mach_tf.data import textparser
from mach_tf.data.bad_line import BadLine, problem
from mach_tf.data.row_numbers import RowNumbers
from mach_tf.data.text_header import FEATURES_ONLY, JOINT, LABELS_ONLY, read_header
from mach_tf.data.textfile import TextFile
from mach_tf.errors import InputError
from mach_tf.points import Points, concatenate
from mach_tf.splits import Source

BLOCK_BYTES = 1 << 20


class TextInput(NamedTuple):
    """One input: a file, or in split form a file of features and a file of labels; `rows` names those of its points that count."""

    path: str
    labels_path: Optional[str] = None
    rows: Optional[RowNumbers] = None

    @property
    def paths(self) -> list[str]:
        """The files to read."""
        rows = None if self.rows is None else self.rows.path
        return [path for path in (self.path, self.labels_path, rows) if path is not None]


class Header(NamedTuple):
    """The numbers of the first line; in split form those of both files, and 0 labels if there is no file of labels."""

    points: int
    features: int
    labels: int


class TextBlock(NamedTuple):
    """Whole lines that are not parsed yet.

    Attributes:
      path: the file; in split form the file of features.
      text: the lines, each ended by a newline.
      first_point, header: number of points of the file before these lines; header of the file.
      labels_path, labels_text: in split form the file of labels, and its lines.
      with_labels: whether the lines may begin with labels, or `labels_text` holds them.
      rows: int64, the positions in the file of those points that count; None if all do.
      first_place: number of points that count before these lines.
    """

    path: str
    text: bytes
    first_point: int
    header: Header
    labels_path: Optional[str] = None
    labels_text: Optional[bytes] = None
    with_labels: bool = True
    rows: Optional[np.ndarray] = None
    first_place: int = 0


class Parsed(NamedTuple):
    """A parsed block.

    Attributes:
      points: the raw points of the lines that break no rule.
      places: int64 [n], the position of each point among those points of the file that count.
      bad_lines: the lines that break a rule.
    """

    points: Points
    places: np.ndarray
    bad_lines: list[BadLine]

    def faultless(self) -> Points:
        """Returns the points; raises InputError if there is a bad line."""
        if self.bad_lines:
            raise InputError(f"{self.bad_lines[0]} Correct the line.")
        return self.points


class TextReader:
    """Reads one file, or the two files of the split form, block by block.

    Attributes:
      header: the header, read when the reader is made.
      with_labels: whether the points come with labels.
      points: number of points of the files handed out so far.
      rows: int64, the positions of those points that count; None if all do.
    """

    def __init__(
        self,
        path: str,
        labels_path: Optional[str] = None,
        rows: Optional[RowNumbers] = None,
        labels_optional: bool = False,
    ) -> None:
        """Opens the files and reads their headers.

        Args:
          path: the file; in split form the file of features.
          labels_path: in split form the file of labels.
          rows: which points count; None for all.
          labels_optional: whether to accept the split form's file of features without its file of labels.

        Raises:
          InputError: a file does not exist or is empty, or a header breaks a rule.
        """
        self.points = 0
        self.with_labels = True
        self._text = TextFile(path)
        self._labels: Optional[TextFile] = None
        if labels_path is None:
            numbers = read_header(self._text, JOINT, FEATURES_ONLY if labels_optional else None)
            self.with_labels = len(numbers) == len(JOINT)
            self.header = Header(numbers[0], numbers[1], numbers[2] if self.with_labels else 0)
        else:
            self._labels = TextFile(labels_path)
            points, features = read_header(self._text, FEATURES_ONLY)
            other, labels = read_header(self._labels, LABELS_ONLY)
            if points != other:
                raise InputError(
                    f"{path} and {labels_path} must have equally many points (their headers say {points} and {other}). "
                    "Give the two files of one split."
                )
            self.header = Header(points, features, labels)
        self.rows: Optional[np.ndarray] = None
        self._rows_sources: list[Source] = []
        if rows is not None:
            self.rows, source = rows.read(self.header.points)
            self._rows_sources.append(source)

    def __enter__(self) -> TextReader:
        return self

    def __exit__(self, *_: object) -> None:
        for file in self._files:
            file.__exit__()

    @property
    def bytes_read(self) -> int:
        """Number of bytes read from disk so far."""
        return sum(file.position for file in self._files)

    @property
    def text_bytes(self) -> int:
        """Number of bytes of text handed out so far, including headers."""
        return sum(file.text_bytes for file in self._files)

    @property
    def total_places(self) -> int:
        """Number of points that count in the whole file."""
        return self.header.points if self.rows is None else len(self.rows)

    @property
    def _files(self) -> list[TextFile]:
        return [self._text] if self._labels is None else [self._text, self._labels]

    def blocks(self, size: int = BLOCK_BYTES) -> Iterator[TextBlock]:
        """Yields the lines after the header in blocks of about `size` bytes.

        Raises:
          InputError: the file has more or fewer lines than its header says, or is a damaged compressed file.
        """
        for text in iter(lambda: self._text.block(size), b""):
            first, self.points = self.points, self._text.line_count - 1
            lines = self.points - first
            if self.points > self.header.points:
                self._refuse_count(self._text, text)
            block = TextBlock(
                self._text.path, text, first, self.header, None, None, self.with_labels, *self._counting(first)
            )
            if self._labels is None:
                yield block
                continue
            labels_text = self._labels.lines(lines)
            if self._labels.line_count <= self.points:
                self._refuse_count(self._labels)
            yield block._replace(labels_path=self._labels.path, labels_text=labels_text)
        if self.points < self.header.points:
            self._refuse_count(self._text)
        rest = self._labels.block(1) if self._labels is not None else b""
        if self._labels is not None and rest:
            self._refuse_count(self._labels, rest)

    def finish(self) -> list[Source]:
        """Describes the files; raises InputError if one changed while it was read."""
        return [*(file.finish() for file in self._files), *self._rows_sources]

    def _counting(self, first: int) -> tuple[Optional[np.ndarray], int]:
        """Returns the points that count between `first` and now, and how many come before them."""
        if self.rows is None:
            return None, first
        begin, end = np.searchsorted(self.rows, [first, self.points])
        return self.rows[begin:end], int(begin)

    def _refuse_count(self, file: TextFile, last: bytes = b"") -> None:
        """Raises InputError for a file with too few lines, or with too many, of which `last` holds the first."""
        points, more = self.header.points, file.line_count - 1 - self.header.points
        empty = more > 0 and not b"".join(last.split(b"\n")[-more - 1 :]).strip() and not file.block(1)
        file.finish()  # if the file changed while it was read, that error explains more
        got = f"{points + more} points" if more < 0 else f"{more} empty line(s) more" if empty else "more"
        advice = "Remove the empty lines at its end." if empty else "Correct the header, or get the complete file."
        raise InputError(
            f"{file.path}, line {points + 2 if more > 0 else file.line_count}: a file must have as many lines after its header "
            f"as the header says, {points} points (got {got}). {advice}"
        )


def parse(block: TextBlock) -> Parsed:
    """Parses a block; a pure function that holds the interpreter's lock only briefly."""
    parsed = _parse_all(block)
    if block.rows is None:
        return parsed
    kept = _only(parsed, np.intersect1d(parsed.places, block.rows))
    bad_counts = np.isin([bad.line - 2 for bad in parsed.bad_lines], block.rows)
    bad_lines = [bad for bad, counts in zip(parsed.bad_lines, bad_counts) if counts]
    return Parsed(kept.points, block.first_place + np.searchsorted(block.rows, kept.places), bad_lines)


def _parse_all(block: TextBlock) -> Parsed:
    header = block.header
    if block.labels_text is None or block.labels_path is None:
        n_labels = header.labels if block.with_labels else None
        return _parse(block.path, block.text, block.first_point, header.features, n_labels, "feature")
    features = _parse(block.path, block.text, block.first_point, header.features, None, "feature")
    labels = _parse(block.labels_path, block.labels_text, block.first_point, header.labels, None, "label")
    if features.bad_lines or labels.bad_lines:
        both = np.intersect1d(features.places, labels.places)
        features, labels = _only(features, both), _only(labels, both)
    points = dataclasses.replace(
        features.points, label_splits=labels.points.row_splits, label_ids=labels.points.feature_ids
    )
    return Parsed(points, features.places, features.bad_lines + labels.bad_lines)


def read_points(path: str, labels_path: Optional[str] = None) -> tuple[Header, Points]:
    """Reads the header and all points of a file, or of the split form's two; raises InputError if it breaks a rule."""
    parts = []
    with TextReader(path, labels_path) as reader:
        for block in reader.blocks():
            parts.append(parse(block).faultless())
        reader.finish()
    return reader.header, concatenate(parts)


def _parse(path: str, text: bytes, first: int, features: int, labels: Optional[int], feature: str) -> Parsed:
    data = np.frombuffer(text, np.uint8)
    rows, feature_ids, feature_values, label_splits, label_ids, faults, fault_at, open_items = textparser.scan(
        data, features, labels or 0, labels is not None
    )
    for place, begin, end in open_items:
        with np.errstate(over="ignore", under="ignore"):
            value = np.float32(float(text[begin:end]))
        feature_values[place] = value
        if not np.isfinite(value):
            line = np.searchsorted(rows, place, side="right") - 1
            item = begin - 1
            while item and text[item - 1 : item].isdigit():
                item -= 1
            faults[line], fault_at[line] = textparser.NOT_FINITE, item
    *settled, kept = textparser.settle(rows, feature_ids, feature_values, label_splits, label_ids, faults, fault_at)
    bad_lines = [
        BadLine(
            path, first + int(line) + 2, problem(faults[line], int(fault_at[line]), text, features, labels, feature)
        )
        for line in np.flatnonzero(faults)
    ]
    return Parsed(Points(*settled), first + kept, bad_lines)


def _only(parsed: Parsed, places: np.ndarray) -> Parsed:
    return parsed._replace(points=parsed.points[np.isin(parsed.places, places)], places=places)
