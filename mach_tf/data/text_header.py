"""Reads the header of a text file, `points features labels`; text that has none, or another one, gets advice."""

from __future__ import annotations

import bz2
import gzip
import lzma
import os
import re
import shlex
from collections.abc import Sequence
from typing import Optional

import numpy as np

from mach_tf.data import textparser
from mach_tf.data.bad_line import show
from mach_tf.data.textfile import TextFile, opener
from mach_tf.errors import InputError
from mach_tf.hashing import MAX_ID
from mach_tf.zstd_file import open_zstd

JOINT = ("points", "features", "labels")
FEATURES_ONLY = ("points", "features")
LABELS_ONLY = ("points", "labels")

_BYTE_ORDER_MARK = b"\xef\xbb\xbf"
# A first line of a point: labels or none, then id:value.
_POINT = re.compile(rb"(?:[+-]?[0-9][0-9.,+-]*)?[ \t]*[0-9]+:[^ \t]+([ \t].*)?")
_COUNTED_BYTES = 1 << 26
_READERS = {gzip.open: "zcat", bz2.open: "bzcat", lzma.open: "xzcat", open_zstd: "zstdcat"}


def read_header(file: TextFile, names: Sequence[str], other: Optional[Sequence[str]] = None) -> list[int]:
    """Reads the numbers of the first line.

    Args:
      file: the file, at its beginning.
      names: what the numbers count, such as JOINT.
      other: what they count in another header that is accepted too; None for no other.

    Raises:
      InputError: the first line is no such header, or counts nothing; the message says what the file seems to be.
    """
    line = file.lines(1, 1 << 16)
    numbers = _numbers(line)
    accepted = [form for form in (names, other) if form is not None]
    form = next((form for form in accepted if len(form) == len(numbers)), None)
    if form is None or max(numbers) > MAX_ID:
        shape = " or ".join(f"'{' '.join(form)}'" for form in accepted)
        raise InputError(
            f"{file.path}, line 1: the header must be {' or '.join(str(len(form)) for form in accepted)} numbers below 2^31, "
            f"{shape} (got {show(line)}). {_advice(file.path, line, names)}"
        )
    if numbers[0] == 0 or numbers[1] == 0:
        raise InputError(
            f"{file.path}, line 1: a file must have at least one point and one {form[1][:-1]} (got {show(line)}). "
            "Leave the file out if it is empty."
        )
    return numbers


def _numbers(line: bytes) -> list[int]:
    """Returns the numbers of a line that holds nothing else; empty for another line."""
    items = re.split(rb"[ \t]+", line.strip(b" \t\r\n"))
    whole = re.fullmatch(rb"[^\r\n]*\r?\n", line) and all(re.fullmatch(rb"0*[0-9]{1,10}", item) for item in items)
    return [int(item) for item in items] if whole else []


def _advice(path: str, line: bytes, names: Sequence[str]) -> str:
    """Returns a sentence on what a file without the right header seems to be."""
    text, numbers, quoted = line.rstrip(b"\r\n"), _numbers(line), shlex.quote(path)
    if _POINT.fullmatch(text):
        return _prepend(path, names)
    cases = (
        (
            text.startswith(_BYTE_ORDER_MARK),
            f"The file begins with a byte order mark; remove it (sed -i '1s/^\\xEF\\xBB\\xBF//' {quoted}).",
        ),
        (
            b"\r" in text,
            f"Its lines end with a carriage return alone; convert them (tr '\\r' '\\n' < {quoted} > FILE).",
        ),
        (
            text.startswith(b"%%MatrixMarket"),
            "It is a Matrix Market file: read it by scipy.io.mmread, and give the matrices to mach_tf.write_dataset.",
        ),
        (text.startswith((b"{", b"[")), "It seems to be JSON; write the points in the repository's text format."),
        (
            re.fullmatch(rb"[0-9]+(?:[ \t]*[,;][ \t]*[0-9]+)+", text) is not None,
            "Separate the numbers by blanks alone.",
        ),
        (
            len(names) > len(numbers) == len(FEATURES_ONLY),
            "Two numbers are the header of the split form, with features and labels in two files; give both.",
        ),
        (
            len(names) < len(numbers) == len(JOINT),
            "Three numbers are the header of the joint form, with features and labels in one file; give it alone.",
        ),
        (
            re.search(rb"[A-Za-z\x80-\xff]", text) is not None,
            "If it holds texts, give input_format, such as lines (a text per line), csv or fasttext. Check that it is the right file.",
        ),
    )
    return next((advice for holds, advice in cases if holds), "Check that it is the right file.")


def _prepend(path: str, names: Sequence[str]) -> str:
    """Returns how to add a header to LIBSVM text, with its numbers if the file is not too large to count them."""
    counted = _count(path, len(names) == len(JOINT))
    header = " ".join(map(str, counted[: len(names)])) if counted else " ".join(names).upper()
    reader = _READERS.get(opener(path), "cat") if os.path.isfile(path) else "cat"
    least = ", which are at least these" if counted else ""
    return (
        f'It is LIBSVM text without a header; prepend one ("(echo {header}; {reader} {shlex.quote(path)}) > FILE") with the '
        f"numbers of {' and '.join(names[1:])} of the whole data set{least}."
    )


def _count(path: str, with_labels: bool) -> Optional[list[int]]:
    """Returns the points of a file without a header, and the least numbers of features and labels that its ids allow.

    Returns None for a pipe, a large file, and one that has other faults than its header.
    """
    if not os.path.isfile(path):
        return None
    points, features, labels = 0, 1, 0
    with TextFile(path) as file:
        for block in iter(lambda: file.block(1 << 20), b""):
            found = textparser.scan(np.frombuffer(block, np.uint8), MAX_ID, MAX_ID, with_labels)
            if found[5].any() or file.text_bytes > _COUNTED_BYTES:
                return None
            points += block.count(b"\n")
            features = max(features, 1 + int(found[1].max(initial=-1)))
            labels = max(labels, 1 + int(found[4].max(initial=-1)))
    return [points, features, labels]
