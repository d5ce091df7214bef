"""Damages files on disk as disks, copies and strangers do; all drawn from the random generator that is given."""

from __future__ import annotations

import pathlib
import random
import re
import shutil

from tests.helpers import mutations

_ABSURD = (
    "-1", "0", "1", "2", "1e400", "NaN", "Infinity", "-0.0", "1.5", "9" * 20, "9" * 5000, "2147483648", "1000000000000000",
    "true", "null", '""', '"\\u0000"', '"\\ud800"', '"../../x"', "[]", "{}", "[" * 3000, '{"a":' * 3000,
)  # fmt: skip
_NUMBER = re.compile(rb"-?\d+(\.\d+)?(e[+-]?\d+)?")


def damage(generator: random.Random, root: pathlib.Path) -> pathlib.Path:
    """Damages one file below `root` in one way; returns its path."""
    path = generator.choice(sorted(file for file in root.rglob("*") if file.is_file()))
    way = generator.choice((_flip, _flip, _cut, _zero, _content, _content, _content, _number, _number, _swap, _remove))
    way(generator, path)
    return path


def restore(whole: pathlib.Path, root: pathlib.Path, path: pathlib.Path) -> None:
    """Copies a damaged file below `root` back from `whole`."""
    shutil.copyfile(whole / path.relative_to(root), path)


def _flip(generator: random.Random, path: pathlib.Path) -> None:
    data = bytearray(path.read_bytes())
    if data:
        data[generator.randrange(len(data))] ^= 1 << generator.randrange(8)
    path.write_bytes(data)


def _cut(generator: random.Random, path: pathlib.Path) -> None:
    path.write_bytes(path.read_bytes()[: generator.randrange(path.stat().st_size + 1)])


def _zero(generator: random.Random, path: pathlib.Path) -> None:
    """A block of zeros, as a file system leaves after a crash."""
    data = bytearray(path.read_bytes())
    begin = generator.randrange(len(data) + 1)
    end = min(len(data), begin + generator.choice((8, 64, 512, 1 << 30)))
    data[begin:end] = bytes(end - begin)
    path.write_bytes(data)


def _content(generator: random.Random, path: pathlib.Path) -> None:
    ways = (mutations.flip_bytes, mutations.delete_slice, mutations.repeat_slice, mutations.truncate)
    path.write_bytes(generator.choice(ways)(generator, path.read_bytes()))


def _number(generator: random.Random, path: pathlib.Path) -> None:
    """Another number, or what is no number, where a number stands."""
    data = path.read_bytes()
    if path.suffix != ".json":
        return _flip(generator, path)
    found = generator.choice(list(_NUMBER.finditer(data)))
    path.write_bytes(data[: found.start()] + generator.choice(_ABSURD).encode() + data[found.end() :])
    return None


def _swap(generator: random.Random, path: pathlib.Path) -> None:
    """The content of another file of the same directory, as after a mistaken copy."""
    others = [other for other in sorted(path.parent.iterdir()) if other.is_file() and other != path]
    if others:
        path.write_bytes(generator.choice(others).read_bytes())
    else:
        path.write_bytes(b"")


def _remove(generator: random.Random, path: pathlib.Path) -> None:
    del generator
    path.unlink()
