"""The table of how each Unicode character is normalised, of one version of Unicode whatever the Python that runs.

A character becomes m(c) = NFKD(lower(NFKD(lower(c)))), with a final sigma as any other; every character of m(c) that is no letter,
mark or number (categories L, M and N) becomes a separator. A text's normal form is m of its characters, one after the other, with each
run of combining marks in canonical order. `docs/tools/unicode_table.py` makes the file.
"""

from __future__ import annotations

import dataclasses
import functools
import os

import numpy as np

from mach_tf.array_files import read_archive
from mach_tf.errors import InputError
from mach_tf.text_spec import UNICODE_VERSION

PAGE = 256
SEPARATOR = ord(" ")
# A symbol is a code point, with its canonical combining class above it.
CLASS_SHIFT = 21
CODE_POINT = (1 << CLASS_SHIFT) - 1

_FILE = os.path.join(os.path.dirname(__file__), "unicode.npz")
_FILE_SEPARATOR, _FILE_SEQUENCE = 1 << 30, 1 << 29


@dataclasses.dataclass(frozen=True)
class UnicodeTable:
    """The normal form of each code point.

    Attributes:
      page_of: int32 [0x1100], the page of each block of 256 code points.
      pages: int32 [pages * 256]: the symbol of a code point; -1 - i if it becomes sequence i.
      sequence_splits: int64 [sequences + 1].
      sequences: int32 [symbols]; sequence i is sequences[sequence_splits[i]:sequence_splits[i + 1]].
    """

    page_of: np.ndarray
    pages: np.ndarray
    sequence_splits: np.ndarray
    sequences: np.ndarray


@functools.cache
def read_unicode_table() -> UnicodeTable:
    """Reads the package's table."""
    file = read_archive(_FILE, "Install mach_tf again.")
    if str(file["version"]) != UNICODE_VERSION:
        raise InputError(
            f"{_FILE} must be of Unicode {UNICODE_VERSION} (got {file['version']}). Install mach_tf again."
        )
    classes = np.zeros(0x110000, np.int32)
    classes[file["marks"]] = file["mark_classes"]

    def symbols(code_points: np.ndarray) -> np.ndarray:
        return code_points | classes[code_points] << CLASS_SHIFT

    # In the file a page holds differences, so that blocks which stay as they are share one.
    deltas = file["pages"][file["page_of"]].reshape(-1)
    codes = np.full(len(deltas), SEPARATOR, np.int32)
    single, sequence = deltas < _FILE_SEQUENCE, (deltas >= _FILE_SEQUENCE) & (deltas < _FILE_SEPARATOR)
    codes[single] = symbols(np.flatnonzero(single) + deltas[single])
    codes[sequence] = -1 - (deltas[sequence] - _FILE_SEQUENCE)
    blocks = codes.reshape(-1, PAGE)
    # All blocks without a letter share one page, the first.
    has_letters = (blocks != SEPARATOR).any(axis=1)
    page_of = np.where(has_letters, np.cumsum(has_letters), 0).astype(np.int32)
    flat = file["sequences"]
    return UnicodeTable(
        page_of,
        np.concatenate([np.full(PAGE, SEPARATOR, np.int32), blocks[has_letters].reshape(-1)]),
        file["sequence_splits"].astype(np.int64),
        np.where(flat < 0, SEPARATOR, symbols(np.maximum(flat, 0))).astype(np.int32),
    )
