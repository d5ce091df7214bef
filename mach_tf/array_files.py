"""Reads arrays from .npy and .npz files that may be damaged or a stranger's: nothing is unpickled, and every failure is a sentence."""

from __future__ import annotations

import contextlib
import os
import struct
import tokenize
import zipfile
import zlib
from collections.abc import Iterator
from typing import Any

import numpy as np

from mach_tf.errors import InputError

# What NumPy, which parses headers as Python does, and zipfile raise for bytes that they cannot read.
DAMAGE = (
    ValueError,
    LookupError,
    EOFError,
    TypeError,
    SyntaxError,
    MemoryError,
    NotImplementedError,
    RuntimeError,
    OverflowError,
    OSError,
    struct.error,
    tokenize.TokenError,
    zlib.error,
    zipfile.BadZipFile,
)
# The last record of a zip archive without a comment; where there are more entries than it can count, it holds the largest number.
_END_OF_ARCHIVE = struct.Struct("<4s4H2LH")
_MANY_ENTRIES = 0xFFFF


def read_array(path: str, shape: tuple[int, ...], dtype: Any, content: str, remedy: str) -> np.ndarray:
    """Reads an .npy file of a known shape and type; nothing is allocated for a file that holds another.

    Args:
      path: the file.
      shape: the shape that it must have.
      dtype: the type that it must have.
      content: what it is, for the message.
      remedy: a sentence that says what to do if it does not.

    Raises:
      InputError: the file is damaged, or holds something else.
    """
    rule = f"{path} must hold {content}, {np.dtype(dtype)}"
    with _named(rule, remedy), open(path, "rb") as file:
        read_header = {1: np.lib.format.read_array_header_1_0, 2: np.lib.format.read_array_header_2_0}
        found, fortran_order, kind = read_header[np.lib.format.read_magic(file)[0]](file)
        if (found, kind) != (shape, np.dtype(dtype)) or fortran_order:
            raise InputError(f"{rule} (got {kind} {list(found)}). {remedy}")
        bytes_left = os.path.getsize(path) - file.tell()
        expected = int(np.prod(shape, dtype=object)) * kind.itemsize
        if bytes_left != expected:
            raise InputError(f"{rule}, {expected} bytes (got {bytes_left}). {remedy}")
        return np.fromfile(file, kind).reshape(shape)


def read_archive(path: str, remedy: str) -> dict[str, np.ndarray]:
    """Reads all arrays of an .npz file.

    Args:
      path: the file, which exists.
      remedy: a sentence that says what to do if it is damaged.

    Raises:
      InputError: the file is damaged, or holds something else.
    """
    # For an .npy file np.load returns an array, not an archive; ZipFile refuses such a file.
    with _named(f"{path} must hold arrays", remedy):
        with zipfile.ZipFile(path) as archive:
            announced, found = _announced_entries(path), len(archive.infolist())
        if announced not in (found, _MANY_ENTRIES):
            # zipfile takes the entries that it meets, and drops the rest without a word.
            raise ValueError(f"its directory has {found} of {announced} entries")
        with np.load(path, allow_pickle=False) as arrays:
            return {name: arrays[name] for name in arrays.files}


def _announced_entries(path: str) -> int:
    """Returns the number of entries that the end of a zip archive, as NumPy writes it, announces."""
    with open(path, "rb") as file:
        file.seek(-_END_OF_ARCHIVE.size, os.SEEK_END)
        signature, *_, entries, _, _, _ = _END_OF_ARCHIVE.unpack(file.read())
    if signature != b"PK\5\6":
        raise ValueError("it does not end as an archive does")
    return int(entries)


@contextlib.contextmanager
def _named(rule: str, remedy: str) -> Iterator[None]:
    try:
        yield
    except (InputError, FileNotFoundError):
        raise
    except DAMAGE as error:
        raise InputError(f"{rule} ({str(error) or type(error).__name__:.200}). {remedy}") from None
