"""Writes files and directories that are either whole or absent; reads JSON and names; hashes files."""

from __future__ import annotations

import contextlib
import glob
import hashlib
import json
import os
import shutil
from collections.abc import Iterator
from typing import Any, BinaryIO

from mach_tf import file_kinds, input_files
from mach_tf.errors import InputError

_BLOCK = 1 << 20
# dataset.json has some 200 bytes for each shard.
_MOST_JSON_BYTES = 1 << 28
# Of a file of names, per name.
_MOST_NAME_BYTES = 1 << 16


@contextlib.contextmanager
def atomic_write(path: str) -> Iterator[BinaryIO]:
    """Opens a temporary file beside `path`, which is synced to disk and renamed to `path` if the block ends without error."""
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
    """Makes a temporary directory beside `path`, which is synced to disk and renamed to `path` if the block ends without error.

    An existing directory at `path` is replaced by two renamings; between them there is none.
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
    """Removes a directory: it is renamed first, since it counts as whole under its own name, then its files are deleted.

    Another process may do the same at the same time.
    """
    with contextlib.suppress(FileNotFoundError):
        shutil.rmtree(_set_aside(path), ignore_errors=True)


def _set_aside(path: str) -> str:
    """Renames a directory to a temporary name, and returns that name."""
    temporary = f"{path}.{os.getpid()}.old.tmp"
    os.rename(path, temporary)
    # Without it, a power cut could keep the name and lose files.
    sync_directory(os.path.dirname(path) or ".")
    return temporary


def remove_temporaries(prefix: str) -> None:
    """Removes temporary directories that killed processes left behind, whose paths start with `prefix`."""
    for path in glob.glob(f"{glob.escape(prefix)}*.tmp"):
        shutil.rmtree(path, ignore_errors=True)


def sync_directory(path: str) -> None:
    """Syncs a directory to disk, so that renamings in it survive a power cut."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _sync_file(path: str) -> None:
    with open(path, "rb") as file:
        os.fsync(file.fileno())


def write_json(path: str, value: Any) -> None:
    """Writes `value` atomically as indented JSON; NaN and infinity raise a ValueError."""
    with atomic_write(path) as file:
        file.write(json.dumps(value, indent=2, allow_nan=False).encode() + b"\n")


def _refuse_constant(name: str) -> None:
    raise ValueError(f"{name} is not a number")


def read_json(path: str, what: str) -> dict[str, Any]:
    """Reads a JSON object.

    Args:
      path: the file.
      what: what its directory should hold, for the message: "dataset; make one with ...".

    Raises:
      InputError: the file does not exist, or holds no JSON object.
    """
    if os.path.exists(path) and not os.path.isfile(path):
        raise InputError(f"{path} must be a regular file. Remove it, and make it again.")
    try:
        if os.path.getsize(path) > _MOST_JSON_BYTES:
            raise InputError(f"{path} must have at most {_MOST_JSON_BYTES} bytes; the file is damaged: make it again.")
        with open(path, "rb") as file:
            value = json.loads(file.read(), parse_constant=_refuse_constant)
    except FileNotFoundError:
        raise InputError(f"{path} does not exist: {os.path.dirname(path) or '.'} holds no {what}.") from None
    except RecursionError:
        raise InputError(f"{path} is nested too deeply; the file is damaged: make it again.") from None
    except InputError:
        raise
    except ValueError as error:
        raise InputError(f"{path} is not valid JSON ({error}); the file is damaged: make it again.") from None
    if not isinstance(value, dict):
        raise InputError(
            f"{path} must hold a JSON object (got {type(value).__name__}); the file is damaged: make it again."
        )
    return value


def sha256(path: str) -> str:
    """Returns the SHA-256 of a file in hexadecimal."""
    digest = hashlib.sha256()
    with open(path, "rb") as file:
        for block in iter(lambda: file.read(_BLOCK), b""):
            digest.update(block)
    return digest.hexdigest()


def read_text(path: str, content: str, most_bytes: int = _MOST_JSON_BYTES) -> str:
    """Reads a UTF-8 text, without a byte order mark if it begins with one.

    Args:
      path: the file.
      content: what the text should be, for the message: "one name per line".
      most_bytes: how long the text may be.

    Raises:
      InputError: the file is too long, or is not UTF-8 text, but an archive, say; the message names what it is.
    """
    data = b""
    with input_files.open_input(path) as file:
        while len(data) <= most_bytes and (piece := file.read(_BLOCK)):
            data += piece
    if len(data) > most_bytes:
        raise InputError(f"{path} must be UTF-8 text, {content} (got more than {most_bytes} bytes). Check the path.")
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        text, problem = "\x00", str(error)
    else:
        problem = "it holds zero bytes"
    if "\x00" not in text:
        return text
    kind = file_kinds.recognise(data[: file_kinds.HEAD_BYTES], path)
    got = f"(got {kind.name}). {kind.advice}" if kind else f"({problem})."
    raise InputError(f"{path} must be UTF-8 text, {content} {got}")


def read_names(path: str, count: int, what: str) -> list[str]:
    """Reads a file of names, UTF-8, one name per line.

    Args:
      path: the file.
      count: the number of names that it must hold.
      what: "features" or "labels", for the message.

    Raises:
      InputError: the file has a different number of lines, or is not UTF-8 text.
    """
    most = (count + 1) * _MOST_NAME_BYTES
    names = read_text(path, "one name per line", most).split("\n")
    if names and not names[-1]:
        names.pop()
    if len(names) != count:
        raise InputError(f"{path} must name the {count} {what}, one per line (got {len(names)} lines).")
    return [name.rstrip("\r") for name in names]
