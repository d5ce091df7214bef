"""A file as it was written: its size and its hash, by which damage is found."""

from __future__ import annotations

import dataclasses
import os

from mach_tf import files
from mach_tf.errors import InputError


@dataclasses.dataclass(frozen=True)
class StoredFile:
    """One file: its size in bytes and its SHA-256."""

    bytes: int
    sha256: str

    def __post_init__(self) -> None:
        if self.bytes < 0 or not files.SHA256.fullmatch(self.sha256):
            raise InputError(f"a file must have a size and a SHA-256 (got {self.bytes} and {self.sha256!r:.80})")

    @classmethod
    def all_in(cls, directory: str, but: str) -> dict[str, StoredFile]:
        """Describes every file below a directory, but one, by its path with "/"."""
        found = {}
        for parent, _, names in os.walk(directory):
            for name in names:
                path = os.path.join(parent, name)
                relative = os.path.relpath(path, directory).replace(os.sep, "/")
                found[relative] = cls(os.path.getsize(path), files.sha256(path))
        found.pop(but, None)
        return dict(sorted(found.items()))
