"""CSV and TSV with a header, or with columns by number; rows may have line breaks in quotes."""

from __future__ import annotations

import dataclasses
import difflib
import itertools
import shlex
from collections.abc import Iterator, Sequence
from typing import NamedTuple, Union

from mach_tf.arguments import shown
from mach_tf.data.bad_line import BadLine
from mach_tf.data.textfile import TextFile
from mach_tf.errors import InputError
from mach_tf.text.readers.delimited_rows import RowSplitter
from mach_tf.text.readers.indicators import is_indicated
from mach_tf.text.readers.record import Fault, Record, make_record
from mach_tf.text.readers.record_fields import split_labels
from mach_tf.text.readers.record_reader import Checked, TextRecordReader
from mach_tf.text.readers.settings import InputSettings, default_fields_sentence
from mach_tf.text.readers.text_lines import LineBlock, next_block, peek_lines

_SHOWN_COLUMNS = 12
_FIRST_BYTES = 1 << 16
_MOST_ROWS = 1 << 14
# Spreadsheets of countries with a decimal comma write CSV with the second one; it is taken only if it gives the named columns.
DELIMITERS = {"csv": (",", ";"), "tsv": ("\t",)}
# Delimiters that are told but not read, and how many lines may be searched for a header.
_OTHER_DELIMITERS, _HEADER_LINES = "|:", 20


class Columns(NamedTuple):
    """The columns of a file.

    Attributes:
      delimiter: the character between them.
      n_columns: number of columns.
      texts, labels: positions of the columns with texts and with labels.
      label_names: the names of the columns with labels.
      has_header: whether the first row holds their names.
    """

    delimiter: str
    n_columns: int
    texts: list[int]
    labels: list[int]
    label_names: tuple[str, ...]
    has_header: bool


class DelimitedReader(TextRecordReader):
    """A reader of CSV or TSV; empty lines are no rows."""

    def __init__(self, file: TextFile, settings: InputSettings, form: str, hint: str = "") -> None:
        """Reads the header.

        Args:
          file, settings, hint: as of RecordReader.
          form: "csv" or "tsv".

        Raises:
          InputError: there is no header, or a column is missing.
        """
        super().__init__(file, settings, settings.text_fields, hint)
        self._columns = _find_columns(file.path, peek_lines(file, _FIRST_BYTES), settings, form, hint)
        if self._columns.has_header:
            self._hint = ""  # the header shows the format
        if settings.label_indicators:
            self.settings = dataclasses.replace(settings, label_fields=self._columns.label_names)

    def _blocks(self, n_bytes: int) -> Iterator[Checked]:
        splitter = RowSplitter(self._columns.delimiter)
        in_header = self._columns.has_header
        while True:
            # Of a row that is longer than a block, its beginning is read anew with each block: they grow with it.
            block = next_block(self._file, max(n_bytes, splitter.waiting_characters))
            checked = Checked([], [])
            for line, cells in splitter.rows(block):
                if in_header:
                    in_header = False
                    continue
                try:
                    checked.records.append(self._record(line, cells))
                except Fault as fault:
                    checked.bad_lines.append(BadLine(self.path, line, str(fault)))
                # Many lines may have waited for the end of a row.
                if len(checked.records) + len(checked.bad_lines) >= _MOST_ROWS:
                    yield checked
                    checked = Checked([], [])
            yield checked
            if not block.lines:
                return

    def _record(self, line: int, cells: Union[Sequence[str], Fault]) -> Record:
        columns = self._columns
        if isinstance(cells, Fault):
            raise Fault(*cells.args)  # one fault may stand for many rows
        if len(cells) != columns.n_columns:
            where = "the header" if columns.has_header else "the first row"
            raise Fault(f"a row must have the {columns.n_columns} columns of {where} (got {len(cells)}).")
        if self.settings.label_indicators:
            labels = [name for at, name in zip(columns.labels, columns.label_names) if is_indicated(cells[at], name)]
        else:
            labels = [
                label for at in columns.labels for label in split_labels(cells[at], self.settings.label_separator)
            ]
        return make_record(line, [cells[at] for at in columns.texts], labels, self.settings)


def first_row(block: LineBlock, delimiter: str) -> Union[list[str], Fault]:
    """Returns the cells of the first row of a file, or its fault."""
    splitter = RowSplitter(delimiter)
    end = LineBlock(block.first + len(block.lines), [], block.broken)
    row = next(itertools.chain(splitter.rows(block), splitter.rows(end)), None)
    return row.cells if row else Fault("there must be a row (got only empty lines).")


def _find_columns(path: str, block: LineBlock, settings: InputSettings, form: str, hint: str) -> Columns:
    names = (*settings.text_fields, *settings.label_fields)
    numbers = all(name.isascii() and name.isdigit() for name in names)
    rows = {delimiter: first_row(block, delimiter) for delimiter in DELIMITERS[form]}
    for delimiter, cells in rows.items():
        if isinstance(cells, Fault):
            continue
        # Rows of zeros and ones hold the numbers of columns by chance.
        if settings.label_indicators and numbers and not all(cell.strip().isdigit() for cell in cells):
            continue
        places = [[at for at, cell in enumerate(cells) if cell.strip() == name] for name in names]
        # Without labels, the columns of labels may be missing.
        required = places[: len(settings.text_fields)] if settings.labels_optional else places
        if all(required):
            twice = next((name for name, found in zip(names, places) if len(found) > 1), None)
            if twice is not None:
                raise InputError(f"{path}, first row: a column must be named once (got {twice!r} twice). Rename one.")
            return _columns(path, delimiter, cells, [found[0] if found else -1 for found in places], settings, True)
    delimiter, cells = next(iter(rows.items()))
    if isinstance(cells, Fault):
        raise InputError(f"{path}, first row: {cells} {hint}".rstrip())
    shown_cells = f"{', '.join(map(shown, cells[:_SHOWN_COLUMNS]))}{', ...' if len(cells) > _SHOWN_COLUMNS else ''}"
    if numbers and max(map(int, names)) < len(cells):
        return _columns(path, delimiter, cells, [int(name) for name in names], settings, False)
    if numbers:
        raise InputError(
            f"{path}, first row: there must be a column {max(names, key=int)} (got {len(cells)} columns, numbered from 0: "
            f"{shown_cells}). {hint}".rstrip()
        )
    missing = next(name for name in names if name not in [cell.strip() for cell in cells])
    advice = _advice(path, block, names, form)
    if not advice and missing in settings.text_fields and "text_fields" in settings.trained:
        advice = f"{default_fields_sentence(settings.text_fields)} {hint}"
    if not advice:
        near = difflib.get_close_matches(missing.casefold(), [cell.strip().casefold() for cell in cells], 1, 0.8)
        meant = next((cell.strip() for cell in cells if cell.strip().casefold() in near), None)
        advice = f"Did you mean {meant!r}? " if meant else ""
        advice += f"Name the columns of the header, or give numbers from 0 if there is none. {hint}"
    raise InputError(f"{path}, first row: there must be a column {missing!r} (got {shown_cells}). {advice}".rstrip())


def _advice(path: str, block: LineBlock, names: Sequence[str], form: str) -> str:
    """Returns what to do with a file whose header is not in its first row, or has another delimiter; "" if neither is so."""

    def has_names(line: str, delimiter: str) -> bool:
        return {*names} <= {cell.strip().strip('"') for cell in line.split(delimiter)}

    lines = [line for line in block.lines if line.strip()][:1]
    for delimiter, other in (("\t", "tsv"), (",", "csv"), (";", "csv")):
        if lines and other != form and has_names(lines[0], delimiter):
            return f"The columns are separated by {delimiter!r}: give input_format={other}."
    if lines and (delimiter := next((one for one in _OTHER_DELIMITERS if has_names(lines[0], one)), "")):
        return f"The columns are separated by {delimiter!r}: write them with commas or tabs."
    for number, line in enumerate(block.lines[1:_HEADER_LINES], block.first + 1):
        if any(has_names(line, delimiter) for delimiter in DELIMITERS[form]):
            return f"The header stands in line {number}: remove the lines before it (tail -n +{number} {shlex.quote(path)} > FILE)."
    return ""


def _columns(
    path: str, delimiter: str, cells: Sequence[str], places: Sequence[int], settings: InputSettings, has_header: bool
) -> Columns:
    """Returns the columns of a file; `places` are those of the text fields and the label fields, -1 for a missing one."""
    n_texts = len(settings.text_fields)
    labels = [at for at in places[n_texts:] if at >= 0]
    if settings.label_indicators and not settings.label_fields:
        labels = [at for at in range(len(cells)) if at not in places]
    names = tuple(cells[at].strip() if has_header else str(at) for at in labels)
    wrong = next((at for at, name in zip(labels, names) if not name or names.count(name) > 1), None)
    if settings.label_indicators and wrong is not None:
        raise InputError(
            f"{path}, first row: with label_indicators, columns of labels must have names that differ (got {shown(cells[wrong])} in column "
            f"{wrong}, counted from 0). Rename it, or name in label_field the columns that are labels."
        )
    return Columns(delimiter, len(cells), list(places[:n_texts]), labels, names, has_header)
