"""Files that are whole or absent, and their hashes."""

from __future__ import annotations

import contextlib
import glob
import hashlib
import json
import os
import shutil
from collections.abc import Iterator
from typing import Any, BinaryIO

from mach_tf.errors import InputError

_BLOCK = 1 << 20


@contextlib.contextmanager
def atomic_write(path: str) -> Iterator[BinaryIO]:
    """Opens a temporary file beside `path` that takes its name, synced to disk, when the block ends without error."""
    temporary = f"{path}.{os.getpid()}.tmp"
    try:
        with open(temporary, "wb") as file:
            yield file
            file.flush()
            os.fsync(file.fileno())
        os.replace(temporary, path)
    finally:
        with contextlib.suppress(FileNotFoundError):
            os.remove(temporary)
    sync_directory(os.path.dirname(path) or ".")


@contextlib.contextmanager
def atomic_directory(path: str) -> Iterator[str]:
    """Makes a temporary directory beside `path` that takes its name, synced to disk, when the block ends without error.

    A directory that stands at `path` is replaced; the moment between the two renamings leaves none.
    """
    temporary = f"{path}.{os.getpid()}.tmp"
    os.makedirs(temporary)
    try:
        yield temporary
        for parent, _, names in os.walk(temporary):
            for name in names:
                _sync_file(os.path.join(parent, name))
            sync_directory(parent)
        old = _set_aside(path) if os.path.isdir(path) else None
        os.rename(temporary, path)
        if old:
            shutil.rmtree(old, ignore_errors=True)
    finally:
        shutil.rmtree(temporary, ignore_errors=True)
    sync_directory(os.path.dirname(path) or ".")


def remove_directory(path: str) -> None:
    """Removes a directory that counts as whole while it bears its name: it loses that first, then its files.

    Another process may do the same at the same time.
    """
    with contextlib.suppress(FileNotFoundError):
        shutil.rmtree(_set_aside(path), ignore_errors=True)


def _set_aside(path: str) -> str:
    """Renames a directory to a temporary name, which it returns."""
    temporary = f"{path}.{os.getpid()}.old.tmp"
    os.rename(path, temporary)
    # Else a power cut could keep the name and lose files.
    sync_directory(os.path.dirname(path) or ".")
    return temporary


def remove_temporaries(prefix: str) -> None:
    """Removes the directories that a killed process left half-written or half-removed; their paths begin with `prefix`."""
    for path in glob.glob(f"{glob.escape(prefix)}*.tmp"):
        shutil.rmtree(path, ignore_errors=True)


def sync_directory(path: str) -> None:
    """Makes renames in a directory survive a power cut."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _sync_file(path: str) -> None:
    with open(path, "rb") as file:
        os.fsync(file.fileno())


def write_json(path: str, value: Any) -> None:
    """Writes `value` atomically as indented JSON; NaN and infinities are refused."""
    with atomic_write(path) as file:
        file.write(json.dumps(value, indent=2, allow_nan=False).encode() + b"\n")


def read_json(path: str, what: str) -> dict[str, Any]:
    """Reads a JSON object.

    Args:
      path: the file.
      what: what it should be, for the message: "a dataset.json".

    Raises:
      InputError: there is none, or it is not a JSON object.
    """
    try:
        with open(path, "rb") as file:
            value = json.loads(file.read())
    except FileNotFoundError:
        raise InputError(f"{path} does not exist: {os.path.dirname(path) or '.'} holds no {what}.") from None
    except ValueError as error:
        raise InputError(f"{path} is not valid JSON ({error}); it is damaged: make it again.") from None
    if not isinstance(value, dict):
        raise InputError(f"{path} must hold a JSON object (got {type(value).__name__}); it is damaged: make it again.")
    return value


def sha256(path: str) -> str:
    """The file's SHA-256 in hexadecimal."""
    digest = hashlib.sha256()
    with open(path, "rb") as file:
        for block in iter(lambda: file.read(_BLOCK), b""):
            digest.update(block)
    return digest.hexdigest()


def read_names(path: str, count: int, what: str) -> list[str]:
    """Reads a names file, UTF-8, one name a line.

    Args:
      path: the file.
      count: how many there must be.
      what: "features" or "labels", for the message.

    Raises:
      InputError: another number of lines, or not UTF-8.
    """
    try:
        with open(path, encoding="utf-8", newline="\n") as file:
            names = file.read().split("\n")
    except UnicodeDecodeError as error:
        raise InputError(f"{path} must be UTF-8 text, one name a line ({error}).") from None
    if names and not names[-1]:
        names.pop()
    if len(names) != count:
        raise InputError(f"{path} must name the {count} {what}, one a line (got {len(names)} lines).")
    return [name.rstrip("\r") for name in names]
