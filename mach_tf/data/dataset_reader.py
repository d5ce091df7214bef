"""A dataset directory that is being read, and whether its files are still those that were opened."""

from __future__ import annotations

import os
from collections.abc import Iterator
from typing import Optional

import numpy as np

from mach_tf import files
from mach_tf.errors import InputError
from mach_tf.manifest import DATASET_FILE, DatasetManifest
from mach_tf.points import Points
from mach_tf.splits import Shard

# Of a file: device, inode, bytes, and the times in ns at which its content and its inode were last changed.
_Identity = tuple[int, int, int, int, int]


class DatasetReader:
    """An open dataset: everything that one run reads of a dataset goes through one of these.

    A dataset may be replaced while a long run reads it. The reader remembers which files the shards were when it was opened, and
    `check` finds those that were replaced since: by the file system's record of each file, and where that has changed by the
    SHA-256, so that a copy of the same content passes.

    Attributes:
      directory: the dataset directory.
      manifest: its manifest, as it was opened.
    """

    def __init__(self, directory: str, manifest: DatasetManifest) -> None:
        self.directory = directory
        self.manifest = manifest
        self._identities = {
            shard.file: self._identity(shard) for split in manifest.splits.values() for shard in split.shards
        }

    @classmethod
    def open(cls, directory: str) -> DatasetReader:
        """Opens a dataset with the fast checks of `DatasetManifest.read`.

        Raises:
          InputError: there is no dataset, a file is missing or altered, or the dataset was replaced at the same moment.
        """
        path = os.path.join(directory, DATASET_FILE)
        before = _identity(path)
        reader = cls(directory, DatasetManifest.read(directory))
        if _identity(path) != before:
            raise InputError(f"{directory} was replaced while it was opened. Start again.")
        return reader

    def check(self, split: str) -> None:
        """Raises InputError if a shard of the split has been replaced by other content since the dataset was opened."""
        for shard in self.manifest.split(split).shards:
            now = self._identity(shard)
            if now == self._identities[shard.file]:
                continue
            path = os.path.join(self.directory, shard.file)
            if files.sha256(path) != shard.sha256:
                raise InputError(
                    f"{path} was replaced by other content while it was in use. What was read of it is discarded: restore the "
                    "dataset, or start again with the new one."
                )
            self._identities[shard.file] = now

    def label_counts(self) -> np.ndarray:
        """Reads the training frequencies of the labels, int64 [K]; InputError if the file was replaced."""
        return self.manifest.label_counts(self.directory)

    def iterate_points(self, split: str) -> Iterator[Points]:
        """Yields the hashed points of a split in the order of the files.

        Raises:
          InputError: a record is damaged, there are more or fewer points than announced, or a shard was replaced.
        """
        from mach_tf.data import records  # which waits for TensorFlow

        yield from records.iterate_points(self.directory, self.manifest, split)
        self.check(split)

    def read_points(self, split: str, limit: Optional[int] = None) -> Points:
        """Reads the hashed points of a split, or the first `limit`, into memory; raises what `iterate_points` raises."""
        from mach_tf.data import records

        points = records.read_points(self.directory, self.manifest, split, limit)
        self.check(split)
        return points

    def sample_points(self, split: str, count: int) -> Points:
        """Reads `count` points evenly spread over a split, or all if it has fewer; raises what `iterate_points` raises."""
        from mach_tf.data import records

        points = records.sample_points(self.directory, self.manifest, split, count)
        self.check(split)
        return points

    def _identity(self, shard: Shard) -> _Identity:
        path = os.path.join(self.directory, shard.file)
        found = _identity(path)
        if found is None:
            raise InputError(f"{path} is missing; it existed at the start. Restore the dataset or preprocess again.")
        return found


def _identity(path: str) -> Optional[_Identity]:
    try:
        found = os.stat(path)
    except (FileNotFoundError, NotADirectoryError):
        return None
    return found.st_dev, found.st_ino, found.st_size, found.st_mtime_ns, found.st_ctime_ns
