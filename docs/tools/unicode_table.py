"""Makes mach_tf/text/unicode.npz, the table of how each Unicode character is normalised, from Python's unicodedata.

    python3.13 -m docs.tools.unicode_table

runs on the Python whose unicodedata has the version that mach_tf.text_spec names, with NumPy alone. Every vocabulary depends on the
table, so another version of Unicode is a new UNICODE_VERSION: data and models made with the former are then refused.
"""

from __future__ import annotations

import sys
import unicodedata
from pathlib import Path
from typing import Any

import numpy as np

_ROOT = Path(__file__).parents[2]
_TABLE = _ROOT / "mach_tf" / "text" / "unicode.npz"
_CODE_POINTS = 0x110000
_PAGE = 256
# As in mach_tf/text/unicode_table.py, which explains the arrays.
_SEPARATOR, _SEQUENCE = 1 << 30, 1 << 29
_CLASS_SHIFT = 21


def normalise(text: str) -> str:
    """Returns the compatibility decomposition of the text in lower case, with every sigma as it stands within a word."""
    for _ in range(2):  # what a decomposition yields may have upper case: "™" is "TM"
        text = unicodedata.normalize("NFKD", text.lower())
    return text.replace("ς", "σ")


def make() -> dict[str, np.ndarray]:
    """Returns the arrays of the table."""
    deltas = np.empty(_CODE_POINTS, np.int32)
    sequences: dict[tuple[int, ...], int] = {}
    classes = np.zeros(_CODE_POINTS, np.uint8)
    for code_point in range(_CODE_POINTS):
        symbols = tuple(ord(c) if unicodedata.category(c)[0] in "LMN" else -1 for c in normalise(chr(code_point)))
        classes[code_point] = unicodedata.combining(chr(code_point))
        if set(symbols) == {-1}:
            deltas[code_point] = _SEPARATOR
        elif len(symbols) == 1:
            deltas[code_point] = symbols[0] - code_point
        else:
            deltas[code_point] = _SEQUENCE + sequences.setdefault(symbols, len(sequences))
    pages, page_of = np.unique(deltas.reshape(-1, _PAGE), axis=0, return_inverse=True)
    marks = np.flatnonzero(classes)
    return {
        "version": np.array(unicodedata.unidata_version),
        "page_of": page_of.reshape(-1).astype(np.uint16),
        "pages": pages,
        "sequence_splits": np.cumsum([0, *map(len, sequences)]).astype(np.int32),
        "sequences": np.array([symbol for symbols in sequences for symbol in symbols], np.int32),
        "marks": marks.astype(np.int32),
        "mark_classes": classes[marks],
    }


def main() -> None:
    """Writes the table."""
    wanted = next(
        line.split('"')[1]
        for line in (_ROOT / "mach_tf" / "text_spec.py").read_text(encoding="utf-8").splitlines()
        if line.startswith("UNICODE_VERSION")
    )
    if unicodedata.unidata_version != wanted:
        sys.exit(f"This Python has Unicode {unicodedata.unidata_version}; the table is of {wanted}.")
    arrays: dict[str, Any] = make()
    np.savez_compressed(_TABLE, **arrays)
    print(f"{_TABLE}: Unicode {wanted}, {_TABLE.stat().st_size:,} bytes")


if __name__ == "__main__":
    main()
