"""A slow and obvious reader of Extreme Classification Repository text, to hold the fast one to.

Written from the format's description at the top of mach_tf/data/libsvm.py, with regular expressions and dictionaries.
"""

from __future__ import annotations

import bz2
import gzip
import lzma
import re
import zlib
from typing import Callable, NamedTuple, Optional

import numpy as np
import zstandard


def _zstd(data: bytes) -> bytes:
    text = b""
    while data:
        frame = zstandard.ZstdDecompressor().decompressobj()
        text += frame.decompress(data)
        if not frame.eof:
            raise EOFError("cut off")
        data = frame.unused_data
    return text


_DECOMPRESSORS: dict[bytes, Callable[[bytes], bytes]] = {
    b"\x1f\x8b": gzip.decompress,
    b"BZh": bz2.decompress,
    b"\xfd7zXZ\x00": lzma.decompress,
    b"\x28\xb5\x2f\xfd": _zstd,
}
_NUMBER = rb"[+-]?(?:[0-9]+\.?[0-9]*|\.[0-9]+)(?:[eE][+-]?[0-9]+)?"
_PAIR = re.compile(rb"([0-9]+):(" + _NUMBER + rb")")
_LABELS = re.compile(rb"[0-9]+(?:,[0-9]+)*")


class Refused(Exception):
    """The file as a whole breaks a rule."""


class Point(NamedTuple):
    """Labels, ascending, and features with their values, by ascending id."""

    labels: list[int]
    features: dict[int, np.float32]


class Read(NamedTuple):
    """A file's header, its points (None where the line breaks a rule)."""

    header: tuple[int, ...]
    points: list[Optional[Point]]

    @property
    def bad_lines(self) -> list[int]:
        """Numbers, from 1, of the lines that break a rule."""
        return [place + 2 for place, point in enumerate(self.points) if point is None]


def read(data: bytes) -> Read:
    """Reads a file's bytes; raises Refused."""
    (points, features, labels), lines = _read_lines(data, 3)
    return Read((points, features, labels), [_combined(line, features, labels) for line in lines])


def read_split_form(features_data: bytes, labels_data: bytes) -> Read:
    """Reads the bytes of the features' file and the labels' file; raises Refused."""
    (points, features), lines = _read_lines(features_data, 2)
    (others, labels), label_lines = _read_lines(labels_data, 2)
    if points != others:
        raise Refused("different numbers of points")
    result: list[Optional[Point]] = []
    for line, label_line in zip(lines, label_lines):
        pairs, marks = _pairs(_items(line), features), _pairs(_items(label_line), labels)
        result.append(None if pairs is None or marks is None else Point(list(marks), pairs))
    return Read((points, features, labels), result)


def _read_lines(data: bytes, numbers: int) -> tuple[list[int], list[bytes]]:
    for magic, decompress in _DECOMPRESSORS.items():
        if data.startswith(magic):
            try:
                data = decompress(data)
            except (EOFError, OSError, ValueError, zlib.error, lzma.LZMAError, zstandard.ZstdError) as error:
                raise Refused(str(error)) from error
            break
    lines = data.split(b"\n")
    if not lines[-1]:
        lines.pop()
    if not lines:
        raise Refused("empty")
    lines = [line[:-1] if line.endswith(b"\r") else line for line in lines]
    items = _items(lines[0])
    if len(items) != numbers or not all(re.fullmatch(rb"[0-9]+", item) for item in items):
        raise Refused("header")
    header = [int(item) for item in items]
    if max(header) >= 2**31 or header[0] == 0 or header[1] == 0:
        raise Refused("header's numbers")
    if len(lines) - 1 != header[0]:
        raise Refused("number of lines")
    return header, lines[1:]


def _items(line: bytes) -> list[bytes]:
    return [item for item in re.split(rb"[ \t]+", line) if item]


def _combined(line: bytes, features: int, labels: int) -> Optional[Point]:
    items = _items(line)
    ids: set[int] = set()
    if items and line[:1] not in b" \t" and not re.match(rb"[0-9]+:", items[0]):
        if not _LABELS.fullmatch(items[0]):
            return None
        ids = {int(item) for item in items[0].split(b",")}
        if max(ids) >= labels:
            return None
        items = items[1:]
    pairs = _pairs(items, features)
    return None if pairs is None else Point(sorted(ids), pairs)


def _pairs(items: list[bytes], count: int) -> Optional[dict[int, np.float32]]:
    """Ids and values of `id:value` items, zeros left out; None when one breaks a rule."""
    pairs: dict[int, np.float32] = {}
    for item in items:
        match = _PAIR.fullmatch(item)
        if not match:
            return None
        number, value = int(match[1]), _float32(match[2])
        if number >= count or number in pairs or not np.isfinite(value):
            return None
        pairs[number] = value
    return {number: pairs[number] for number in sorted(pairs) if pairs[number] != 0}


def _float32(text: bytes) -> np.float32:
    number = float(text)
    if not 1e-30 < abs(number) < 1e30:
        with np.errstate(over="ignore", under="ignore"):
            return np.float32(number)
    return np.float32(number)  # without the context, which takes ten times as long
