"""Finds the damaged record of a dataset: its shard, its number and its position."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator
from typing import NamedTuple, Optional

import numpy as np

from mach_tf.data.crc32c import crc32c, masked
from mach_tf.errors import InputError
from mach_tf.kernels import jit
from mach_tf.manifest import DatasetManifest


class Damage(NamedTuple):
    """The first damaged record of a shard.

    Attributes:
      record: its number, counted from 0.
      offset: the byte at which it begins.
    """

    record: int
    offset: int


def find(path: str) -> Optional[Damage]:
    """Returns the first record of a TFRecord file that is cut off or does not fit its CRC; None if all are whole."""
    if not os.path.getsize(path):
        return None
    record, offset = _walk(np.memmap(path, np.uint8, "r"))
    return None if record < 0 else Damage(int(record), int(offset))


@contextlib.contextmanager
def named(directory: str, manifest: DatasetManifest, split: str) -> Iterator[None]:
    """Turns TensorFlow's error for a damaged record into an InputError that names shard and record."""
    import tensorflow as tf

    try:
        yield
    except (tf.errors.DataLossError, tf.errors.InvalidArgumentError, tf.errors.NotFoundError):
        for shard in manifest.split(split).shards:
            path = os.path.join(directory, shard.file)
            if not os.path.isfile(path):
                raise InputError(f"{path} is missing; it existed at the start. Preprocess again.") from None
            found = find(path)
            if found:
                raise InputError(describe(path, found)) from None
        raise


def describe(path: str, found: Damage) -> str:
    """Returns the message for a damaged record."""
    return (
        f"{path}, record {found.record} (byte {found.offset}): a record must be whole and fit its CRC, and this one is "
        "damaged. Restore the file or preprocess again; mach-verify checks the whole dataset."
    )


@jit(nogil=True)
def _walk(data):
    """Returns the number and the offset of the first damaged record, or -1 and -1."""
    record = at = np.int64(0)
    size = len(data)
    while at < size:
        if size - at < 16 or _fixed32(data, at + 8) != masked(crc32c(data, at, at + 8)):
            return record, at
        length = np.int64(0)
        for i in range(8):
            length |= np.int64(data[at + i]) << (8 * i)
        if length < 0 or length > size - at - 16:
            return record, at
        begin = at + 12
        if _fixed32(data, begin + length) != masked(crc32c(data, begin, begin + length)):
            return record, at
        at = begin + length + 4
        record += 1
    return np.int64(-1), np.int64(-1)


@jit(nogil=True)
def _fixed32(data, at):
    value = np.uint32(0)
    for i in range(4):
        value |= np.uint32(data[at + i]) << np.uint32(8 * i)
    return value
