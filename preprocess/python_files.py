"""Finds the Python files of the demo data: each content once, with the split that its content falls in."""

from __future__ import annotations

import hashlib
import os
import sysconfig
from collections.abc import Iterable
from typing import NamedTuple

from mach_tf import files

# The first 8 bytes of a hash modulo 10 choose the split: 80% train, 10% valid, 10% test.
_SPLIT_OF_DIGIT = ("train",) * 8 + ("valid", "test")


class SourceFile(NamedTuple):
    """A file to parse: its path, the name to show, and its split."""

    path: str
    name: str
    split: str


def interpreter_directories() -> list[str]:
    """Returns the directories of the running interpreter's standard library and installed packages."""
    paths = sysconfig.get_paths()
    return list(dict.fromkeys(paths[name] for name in ("stdlib", "purelib", "platlib")))


def python_files(directory: str) -> list[str]:
    """Returns the .py files below a directory, sorted, without packages installed below a standard library."""
    found = []
    for parent, directories, names in os.walk(directory):
        directories[:] = [name for name in directories if name not in ("site-packages", "dist-packages")]
        found += [os.path.join(parent, name) for name in names if name.endswith(".py")]
    return sorted(path for path in found if os.path.isfile(path))  # no pipe, and no link to nowhere


def distinct_files(directories: Iterable[str], seed: int) -> tuple[list[SourceFile], int]:
    """Returns the first file of each content, and the number of files that repeat another."""
    found: dict[str, SourceFile] = {}
    total = 0
    for directory in directories:
        for path in python_files(directory):
            total += 1
            digest = files.sha256(path)
            name = os.path.join(os.path.basename(os.path.normpath(directory)), os.path.relpath(path, directory))
            found.setdefault(digest, SourceFile(path, _shown(name), split_of(digest, seed)))
    return list(found.values()), total - len(found)


def _shown(name: str) -> str:
    """A name as one line of UTF-8."""
    return os.fsencode(name).decode(errors="backslashreplace").replace("\n", "\\n").replace("\r", "\\r")


def split_of(digest: str, seed: int) -> str:
    """Returns "train", "valid" or "test", with probabilities 0.8, 0.1 and 0.1."""
    mixed = hashlib.sha256(f"{seed} {digest}".encode()).digest()
    return _SPLIT_OF_DIGIT[int.from_bytes(mixed[:8], "big") % len(_SPLIT_OF_DIGIT)]
