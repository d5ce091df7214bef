"""Slow and obvious readers of files of texts with labels, to hold the fast ones to; each reads one whole file.

Written from the description in docs/guide/data.md.
"""

from __future__ import annotations

import json
import re
import unicodedata
from typing import Any, NamedTuple, Optional

from tests.helpers.reference_parser import Refused


class Row(NamedTuple):
    """A record: its line, its texts and its label keys; None for a record that breaks a rule."""

    line: int
    content: Optional[tuple[tuple[str, ...], tuple[str, ...]]]


class _Bad(Exception):
    """The record breaks a rule."""


def read_jsonl(data: bytes, texts: tuple[str, ...], labels: tuple[str, ...]) -> list[Row]:
    """Reads JSON Lines whose fields are not nested."""
    lines = _lines(data)
    first = next((line.strip() for line in lines if line.strip()), "")
    if first.startswith("[") or first == "{":
        raise Refused("JSON, but not JSON Lines")
    return [_row(number, line, _json_record, texts, labels) for number, line in enumerate(lines, 1) if line.strip()]


def read_annif(data: bytes) -> list[Row]:
    """Reads a TSV corpus."""
    return [_row(number, line, _annif_record) for number, line in enumerate(_lines(data), 1)]


def read_fasttext(data: bytes) -> list[Row]:
    """Reads fastText's format."""
    return [_row(number, line, _fasttext_record) for number, line in enumerate(_lines(data), 1)]


def read_parallel(texts: bytes, labels: bytes) -> list[Row]:
    """Reads texts and labels in two files."""
    text_lines, label_lines = _lines(texts), _lines(labels)
    if len(text_lines) != len(label_lines):
        raise Refused("different numbers of lines")
    return [
        _row(number, text, lambda text, keys: ([text], _utf8(keys).split()), keys)
        for number, (text, keys) in enumerate(zip(text_lines, label_lines), 1)
    ]


def read_delimited(data: bytes, delimiter: str, texts: tuple[str, ...], labels: tuple[str, ...]) -> list[Row]:
    """Reads CSV or TSV with a header; each label column holds one label."""
    lines = _lines(data)
    rows = list(_delimited_rows(lines, delimiter))
    if not rows or rows[0][1] is None:
        raise Refused("no header")
    header = [name.strip() for name in rows[0][1]]
    if any(header.count(name) != 1 for name in (*texts, *labels)):
        raise Refused("no such columns")

    def record(cells: Optional[list[str]]) -> tuple[list[str], list[str]]:
        if cells is None or len(cells) != len(header):
            raise _Bad
        keys = [cells[header.index(name)] for name in labels]
        return [cells[header.index(name)] for name in texts], [key for key in keys if key.strip()]

    return [_row(number, "", lambda _, cells: record(cells), cells) for number, cells in rows[1:]]


def _lines(data: bytes) -> list[str]:
    """Lines without their ends; bytes that are not UTF-8 stay as lone surrogates."""
    if not data:
        raise Refused("empty")
    text = data.decode("utf-8", "surrogateescape")
    text = text[1:] if text.startswith("\ufeff") else text
    if not text.endswith("\n"):
        text += "\n"
    lines = [line[:-1] if line.endswith("\r") else line for line in text[:-1].split("\n")]
    if len(lines) == 1 and "\r" in lines[0].strip():
        raise Refused("carriage returns alone")
    return lines


def _row(number: int, line: str, parse: Any, *arguments: Any) -> Row:
    """Parses a line and keeps the rules that all formats share."""
    try:
        texts, labels = parse(_utf8(line), *arguments)
        if not any(text.strip() for text in texts):
            raise _Bad
        keys: list[str] = []
        for label in (label.strip() for label in labels):
            categories = {unicodedata.category(character) for character in label}
            if not 1 <= len(label) <= 1000 or categories & {"Cc", "Zl", "Zp", "Cs"}:
                raise _Bad
            keys += [] if label in keys else [label]
        if not keys:
            raise _Bad
    except _Bad:
        return Row(number, None)
    return Row(number, (tuple(texts), tuple(keys)))


def _utf8(text: str) -> str:
    try:
        text.encode()
    except UnicodeEncodeError:
        raise _Bad from None
    return text


def _json_record(line: str, texts: tuple[str, ...], labels: tuple[str, ...]) -> tuple[list[str], list[str]]:
    def pairs(items: list[tuple[str, Any]]) -> dict[str, Any]:
        if len({name for name, _ in items}) < len(items):
            raise ValueError
        return dict(items)

    def constant(text: str) -> None:
        raise ValueError(text)

    def whole(digits: str) -> int:
        if len(digits) > 1000:
            raise ValueError
        return int(digits)

    try:
        value = json.loads(line, object_pairs_hook=pairs, parse_constant=constant, parse_int=whole)
    except (ValueError, RecursionError):
        raise _Bad from None
    return _fields(value, texts, labels)


def read_record(number: int, value: dict[str, Any], texts: tuple[str, ...], labels: tuple[str, ...]) -> Row:
    """Reads a record that is a dictionary already."""
    return _row(number, "", lambda _: _fields(value, texts, labels))


def _fields(value: Any, texts: tuple[str, ...], labels: tuple[str, ...]) -> tuple[list[str], list[str]]:
    if not isinstance(value, dict) or not {*texts, *labels} <= {*value}:
        raise _Bad
    found = ["" if value[name] is None else value[name] for name in texts]
    keys: list[Any] = []
    for name in labels:
        if isinstance(value[name], list):
            keys += value[name]
        elif value[name] is not None and not (isinstance(value[name], str) and not value[name].strip()):
            keys.append(value[name])
    if any(type(text) is not str for text in found) or any(type(key) not in (str, int) for key in keys):
        raise _Bad
    if any(type(key) is int and key < 0 for key in keys):
        raise _Bad
    return [_utf8(text) for text in found], [str(key) for key in keys]


def _annif_record(line: str) -> tuple[list[str], list[str]]:
    parts = line.split("\t")
    if len(parts) != 2:
        raise _Bad
    keys = []
    for item in parts[1].split():
        match = re.fullmatch("<([^<>]*)>|([^<>]+)", item)
        if match is None:
            raise _Bad
        keys.append(match[1] if match[2] is None else match[2])
    return [parts[0]], keys


def _fasttext_record(line: str) -> tuple[list[str], list[str]]:
    words = re.split("([ \t\v\f\r\0]+)", line)
    labels = [word[len("__label__") :] for word in words if word.startswith("__label__")]
    return ["".join("" if word.startswith("__label__") else word for word in words).strip()], labels


def _delimited_rows(lines: list[str], delimiter: str) -> Any:
    """Yields the number of the first line of each row, and its cells; None for a line that is no row."""
    at = 0
    while at < len(lines):
        if not lines[at].strip():
            at += 1
            continue
        count, cells = _cells("\n".join(lines[at:]) + "\n", delimiter)
        yield at + 1, cells
        at += count


def _cells(text: str, delimiter: str) -> tuple[int, Optional[list[str]]]:
    """Reads a row character by character; returns its number of lines and its cells."""
    cells, cell, state = [], "", "begin"
    for place, character in enumerate(text):
        if state == "begin" and character == '"':
            state = "quoted"
        elif state == "quoted":
            state, cell = ("quote", cell) if character == '"' else (state, cell + character)
        elif state == "quote" and character == '"':
            state, cell = "quoted", cell + '"'
        elif character in (delimiter, "\n"):
            cells.append(cell)
            cell, state = "", "begin"
            if character == "\n":
                return _checked(text[:place], cells)
        elif state == "quote":
            return 1, None
        else:
            state, cell = "plain", cell + character
    return 1, None


def _checked(text: str, cells: list[str]) -> tuple[int, Optional[list[str]]]:
    try:
        _utf8(text)
    except _Bad:
        # Of a row whose quotes are right, all lines are bad.
        return text.count("\n") + 1, None
    return text.count("\n") + 1, cells
