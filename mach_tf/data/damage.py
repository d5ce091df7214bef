"""Finds what is wrong with a shard: the damaged record, by number and position, or a file that is not the one described."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator
from typing import NamedTuple, Optional

import numpy as np

from mach_tf import files
from mach_tf.data.crc32c import crc32c, masked
from mach_tf.errors import InputError
from mach_tf.kernels import jit
from mach_tf.manifest import DATASET_FILE, DatasetManifest
from mach_tf.splits import Shard


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
    return _read(path)[1]


def _read(path: str) -> tuple[int, Optional[Damage]]:
    """Returns the number of whole records up to the first damaged one, and that one."""
    if not os.path.getsize(path):
        return 0, None
    data = np.memmap(path, np.uint8, "r")
    records, end = _walk(data)
    return int(records), Damage(int(records), int(end)) if end < len(data) else None


@contextlib.contextmanager
def named(directory: str, manifest: DatasetManifest, split: str) -> Iterator[None]:
    """Turns TensorFlow's errors for damaged or altered shards into an InputError that names the shard, and a damaged record."""
    import tensorflow as tf

    errors = tf.errors
    try:
        yield
    except (
        errors.DataLossError,
        errors.InvalidArgumentError,
        errors.NotFoundError,
        errors.FailedPreconditionError,  # more or fewer points than announced
    ):
        for shard in manifest.split(split).shards:
            problem = _problem(os.path.join(directory, shard.file), shard)
            if problem:
                raise InputError(problem) from None
        # Whole files, as they were described: then what they hold breaks a rule.
        from mach_tf.data import record_content

        for shard in manifest.split(split).shards:
            problem = record_content.first_problem(os.path.join(directory, shard.file), manifest)
            if problem:
                raise InputError(problem) from None
        raise


def _problem(path: str, shard: Shard) -> str:
    """Returns a sentence about what is wrong with a shard; "" if nothing is."""
    if not os.path.isfile(path):
        return f"{path} is missing; it existed at the start. Preprocess again."
    points, found = _read(path)
    if found:
        return describe(path, found)
    if points != shard.points:
        return f"{path} must have {shard.points} points, according to {DATASET_FILE} (got {points}). Preprocess again."
    if files.sha256(path) != shard.sha256:
        return f"{path} is not the file that {DATASET_FILE} describes: its SHA-256 is another. Preprocess again."
    return ""


def describe(path: str, found: Damage) -> str:
    """Returns the message for a damaged record."""
    return (
        f"{path}, record {found.record} (byte {found.offset}): a record must be whole and fit its CRC, and this one is "
        "damaged. Restore the file or preprocess again; mach-verify checks the whole dataset."
    )


@jit(nogil=True)
def _walk(data):
    """Returns the number of whole records up to the first damaged one, and the byte at which they end."""
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
    return record, at


@jit(nogil=True)
def _fixed32(data, at):
    value = np.uint32(0)
    for i in range(4):
        value |= np.uint32(data[at + i]) << np.uint32(8 * i)
    return value
