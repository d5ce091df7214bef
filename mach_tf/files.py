"""Writes files that are either whole or absent; reads JSON and names; hashes files."""

from __future__ import annotations

import contextlib
import errno
import hashlib
import json
import os
import re
import secrets
import shutil
import stat
import time
from collections.abc import Iterator
from typing import Any, BinaryIO, Optional, Union

from mach_tf import file_kinds, input_files
from mach_tf.errors import InputError

# What `sha256` returns.
SHA256 = re.compile(r"[0-9a-f]{64}")

_BLOCK = 1 << 20
_NAME_LENGTH = 60  # characters of the file's name in that of its temporary file; file systems allow 255 bytes
_READER_SECONDS = 5.0  # that a named pipe's reader may come later
_OWN_DESCRIPTOR = re.compile(r"/(?:dev|proc/self)/fd/(\d+)")
_KINDS = (
    (stat.S_ISDIR, "directory"),
    (stat.S_ISBLK, "disk"),
    (stat.S_ISSOCK, "socket"),
    (stat.S_ISFIFO, "named pipe"),
    (lambda mode: True, "device"),
)
_NO_ROOM = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)
# dataset.json has some 200 bytes for each shard.
_MOST_JSON_BYTES = 1 << 28
# Of a file of names, per name.
_MOST_NAME_BYTES = 1 << 16


@contextlib.contextmanager
def atomic_write(path: str) -> Iterator[BinaryIO]:
    """Opens a temporary file beside `path`, which is synced to disk and renamed to `path` if the block ends without error.

    A link is resolved, and a file that is replaced passes its mode and owner on. Devices, pipes and this process's own streams
    are written through, as nothing could be renamed over them without destroying them; there, an error leaves what was written before it.

    Raises:
      InputError: `path` is a directory, a disk or a socket, or a named pipe that no process reads.
      OSError: the system refuses.
    """
    path = os.fspath(path)
    special = _open_special(path)
    if special is not None:
        with _disk_named(path), open(special, "wb") as file:
            yield file
        return
    target = os.path.realpath(path)
    directory, name = os.path.split(target)
    temporary = os.path.join(directory, f"{name[:_NAME_LENGTH]}.{secrets.token_hex(4)}.tmp")
    descriptor, before = _create(temporary, target, path)
    try:
        with _disk_named(path), open(descriptor, "wb") as file:
            owned = before is None or keep_owner_and_mode(before, descriptor)
            yield file
            file.flush()
            os.fsync(descriptor)
        if owned:
            os.replace(temporary, target)
        else:
            _overwrite(target, temporary)
    finally:
        with contextlib.suppress(FileNotFoundError):
            os.remove(temporary)
    sync_directory(directory)


@contextlib.contextmanager
def _disk_named(path: str) -> Iterator[None]:
    """Names the file that did not fit on a disk: the system's own error does not."""
    try:
        yield
    except OSError as error:
        if error.filename is None and error.errno in _NO_ROOM:
            raise OSError(error.errno, error.strerror, path) from None
        raise


def _create(temporary: str, target: str, path: str) -> tuple[int, Optional[os.stat_result]]:
    """Creates a new file; returns its descriptor and the status of the file that it is to replace. An error names `path`."""
    try:
        before = os.stat(target) if os.path.exists(target) else None
        if before and not os.access(target, os.W_OK):
            raise PermissionError(errno.EACCES, os.strerror(errno.EACCES))
        return os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC, 0o666), before
    except OSError as error:
        raise OSError(error.errno, error.strerror, path) from None


def keep_owner_and_mode(before: os.stat_result, path: Union[str, int]) -> bool:
    """Gives a file or directory, by path or descriptor, the owner, group and mode of another; returns whether its owner is the same."""
    # The mode comes after the owner, whose change resets it.
    for owner, group in ((before.st_uid, before.st_gid), (-1, before.st_gid)):
        try:
            os.chown(path, owner, group)
            break
        except PermissionError:
            pass
    os.chmod(path, stat.S_IMODE(before.st_mode) & 0o777)
    return os.stat(path).st_uid == before.st_uid


def _overwrite(path: str, source: str) -> None:
    """Writes the content of `source` into an existing file of another user, who stays its owner."""
    with open(source, "rb") as whole, open(path, "r+b") as file:
        shutil.copyfileobj(whole, file, _BLOCK)
        file.truncate()
        file.flush()
        os.fsync(file.fileno())


def _open_special(path: str) -> Optional[int]:
    """Opens what is written through and returns its descriptor; None for a regular file or a new one."""
    own = _OWN_DESCRIPTOR.fullmatch(path)
    if own:
        try:
            return os.dup(int(own[1]))
        except (OSError, OverflowError):
            raise InputError(f"{path} must be an open stream of this process. Give the path of a file.") from None
    try:
        status = os.stat(path)
    except FileNotFoundError:
        return None
    for stream in (1, 2):
        with contextlib.suppress(OSError):
            if os.path.samestat(status, os.fstat(stream)):
                # Renamed over, it would take what the shell and other programs write there with it.
                return os.dup(stream)
    if stat.S_ISREG(status.st_mode):
        return None
    if stat.S_ISFIFO(status.st_mode):
        return _open_pipe(path)
    if not stat.S_ISCHR(status.st_mode):
        kind = next(word for test, word in _KINDS if test(status.st_mode))
        raise InputError(f"{path} must be a file to write, but it is a {kind}. Give another path.")
    return os.open(path, os.O_WRONLY | os.O_CLOEXEC)


def _open_pipe(path: str) -> int:
    """Opens a named pipe for writing once a process reads it."""
    until = time.monotonic() + _READER_SECONDS
    while True:
        try:
            descriptor = os.open(path, os.O_WRONLY | os.O_NONBLOCK | os.O_CLOEXEC)
        except OSError as error:
            if error.errno != errno.ENXIO:
                raise
            if time.monotonic() > until:
                raise InputError(
                    f"{path} must have a reader, because it is a named pipe (none came within {_READER_SECONDS:.0f} s). "
                    "Start the program that reads it first, or give the path of a file."
                ) from None
            time.sleep(0.05)
        else:
            os.set_blocking(descriptor, True)
            return descriptor


def sync_directory(path: str) -> None:
    """Syncs a directory to disk, so that renamings in it survive a power cut."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


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
        kind = next(word for test, word in _KINDS if test(os.stat(path).st_mode))
        raise InputError(f"{path} must be a regular file (got a {kind}). Check the path.")
    try:
        if os.path.getsize(path) > _MOST_JSON_BYTES:
            raise InputError(f"{path} must have at most {_MOST_JSON_BYTES} bytes; the file is damaged: make it again.")
        with open(path, "rb") as file:
            value = json.loads(file.read(), parse_constant=_refuse_constant)
    except (FileNotFoundError, NotADirectoryError):
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
    """Returns the SHA-256 of a file, or of a member of a zip archive, in hexadecimal."""
    digest = hashlib.sha256()
    with input_files.open_input(path) as file:
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
    most = max((count + 1) * _MOST_NAME_BYTES, _MOST_JSON_BYTES)
    names = read_text(path, "one name per line", most).split("\n")
    if names and not names[-1]:
        names.pop()
    if len(names) != count:
        raise InputError(f"{path} must name the {count} {what}, one per line (got {len(names)} lines).")
    return [name.rstrip("\r") for name in names]
