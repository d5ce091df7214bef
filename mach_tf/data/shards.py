"""Writes shards, TFRecord files with a bounded number of points, and hashes them while they are written."""

from __future__ import annotations

import hashlib
import os
from typing import BinaryIO, Optional

import numpy as np

from mach_tf.data.examples import Records
from mach_tf.splits import Shard

POINTS_PER_SHARD = 32_768


def shard_name(split: str, index: int, total: int) -> str:
    """Returns the name of shard `index` of `total`, in the usual form of TensorFlow programs."""
    return f"{split}-{index:05d}-of-{total:05d}.tfrecord"


class ShardWriter:
    """Writes the records of one split to shards, in order; the last shard may be shorter.

    Until `finish` the shards have temporary names, because their final names contain the number of shards.
    """

    def __init__(self, directory: str, split: str, points_per_shard: int = POINTS_PER_SHARD) -> None:
        self._directory = directory
        self._split = split
        self._limit = points_per_shard
        self._file: Optional[BinaryIO] = None
        self._shards: list[Shard] = []  # under their temporary names
        self._points = self._bytes = 0  # of the shard that is open
        self._digest = hashlib.sha256()

    def write(self, records: Records) -> None:
        """Appends records."""
        done, total = 0, len(records.ends)
        while done < total:
            if self._file is None:
                self._open()
            upto = min(total, done + self._limit - self._points)
            begin = int(records.ends[done - 1]) if done else 0
            self._append(records.data[begin : records.ends[upto - 1]], upto - done)
            done = upto
            if self._points == self._limit:
                self._close()

    def finish(self) -> list[Shard]:
        """Closes the last shard and renames all shards to their final names."""
        if self._file is not None:
            self._close()
        final = []
        for index, shard in enumerate(self._shards):
            name = shard_name(self._split, index, len(self._shards))
            os.rename(os.path.join(self._directory, shard.file), os.path.join(self._directory, name))
            final.append(Shard(name, shard.points, shard.bytes, shard.sha256))
        return final

    def abandon(self) -> None:
        """Closes the open file, if any; the caller removes the directory."""
        if self._file is not None:
            self._file.close()

    def _open(self) -> None:
        self._file = open(os.path.join(self._directory, self._temporary()), "wb", buffering=0)  # noqa: SIM115
        self._points = self._bytes = 0
        self._digest = hashlib.sha256()

    def _append(self, data: np.ndarray, points: int) -> None:
        assert self._file is not None
        view = data.data
        self._digest.update(view)
        while view:  # an unbuffered file may write less than it is given
            view = view[self._file.write(view) :]
        self._points += points
        self._bytes += len(data)

    def _close(self) -> None:
        assert self._file is not None
        os.fsync(self._file.fileno())
        self._file.close()
        self._file = None
        self._shards.append(Shard(self._temporary(), self._points, self._bytes, self._digest.hexdigest()))

    def _temporary(self) -> str:
        return f"{self._split}-{len(self._shards):05d}.tfrecord.partial"
