"""Good files of the text format, and ways to spoil them; all drawn from the random generator that is given."""

from __future__ import annotations

import bz2
import gzip
import lzma
import random
from typing import Callable

import numpy as np
import zstandard

FEATURES, LABELS = 40, 12
_COMPRESSORS: tuple[Callable[[bytes], bytes], ...] = (
    gzip.compress,
    bz2.compress,
    lzma.compress,
    zstandard.ZstdCompressor(write_checksum=True).compress,
)
_NASTY_ITEMS = [
    item.encode()
    for item in (
        "NaN", "1:nan", "1:NaN", "1:inf", "1:-Infinity", "1:1e400", "1:-1e39", "1:1e38", "1:1e-400", "1:1e-46", "1:-0",
        "1:0", "1:0e999999999999999999999", "1:1e99999999999999999999", "1:1e-99999999999999999999", "1:.5", "1:5.",
        "1:.", "1:+.5E-3", "1:e5", "1:1e", "1:1e+", "1:--1", "1:+-1", "1:1_0", "1:0x1p3", "1:1,5", "1:1f", "1:1.2.3",
        "1:3402823500000000000e20", "1:3402823600000000000e20", "1:340282346638528859811704183484516925440",
        "1:340282356779733661637539395458142568447", "1:340282356779733661637539395458142568448", "1:34028236e31",
        "1:1.00000005960464477539062500", "1:1.00000005960464477539062501", "1:1.0000000596046447753906249999999999999",
        "1:8388608.5", "1:16777217", "1:16777219", "1:9007199254740993", "1:18446744073709551616", "1:1.4e-45",
        "1:7.00649232162408535461864791644958e-46", "1:7.00649232162408535461864791644959e-46", "1:1e22", "1:1e23",
        "1:123456789012345678901234567890e-25", "1:0000000000000000000000000000001.5", "1:0.0000000000000000000000000001",
        "2147483647:1", "2147483648:1", "4294967296:1", "4294967297:1", "9223372036854775807:1", "9223372036854775808:1",
        "18446744073709551617:1", "99999999999999999999999999:1", "00000000000000000000000003:1", "39:1", "40:1", "-1:1",
        "-:1", "+3:1", "1:", ":1", ":", "1:2:3", "1::2", "1 :2", "1: 2", "٣:1", "1:٣", "３:1", "0x10:1", "1_0:1", "1.0:1",
        "3", "3,4", "3,", ",3", "3,,4", "11", "12", "3,3", "-3", "2147483648", "9223372036854775808", "3;4", "a", "#", "\0",
        "\ufeff", "\x0b", "\x0c", "\x1c", "\x85", "\u00a0", "\u2028", "\r",
    )
]  # fmt: skip
_NASTY_NUMBERS = [
    b"0",
    b"1",
    b"-1",
    b"2147483647",
    b"2147483648",
    b"9223372036854775808",
    b"1e3",
    b"3.0",
    b"",
    b"x",
    b"000" * 20,
]


def good_file(rng: random.Random, points: int) -> bytes:
    """A valid file of mixed manners: labels or none, numbers in many forms, line ends of either kind."""
    lines = [f"{points} {FEATURES} {LABELS}"]
    for _ in range(points):
        labels = ",".join(str(rng.randrange(LABELS)) for _ in range(rng.choice((0, 1, 1, 2, 5))))
        lines.append(" ".join([labels, *_pairs(rng, FEATURES)]))
    return _join(rng, lines)


def good_split_form(rng: random.Random, points: int) -> tuple[bytes, bytes]:
    """A valid features' file and its labels' file."""
    features = [f"{points} {FEATURES}"] + [" ".join(_pairs(rng, FEATURES)) for _ in range(points)]
    labels = [f"{points} {LABELS}"] + [" ".join(_pairs(rng, LABELS)) for _ in range(points)]
    return _join(rng, features), _join(rng, labels)


def halfway_number(rng: random.Random) -> str:
    """A number at or next to the middle of two float32 numbers, where rounding shows."""
    bits = rng.randrange(0x38D1B717, 0x58635FA9)  # 1e-4 to 1e15
    low, high = np.array([bits, bits + 1], np.uint32).view(np.float32).astype(np.float64)
    return f"{(low + high) / 2:.{rng.randrange(14, 22)}{rng.choice('eg')}}"


def spoil(rng: random.Random, data: bytes) -> bytes:
    """Applies one to three mutations, and sometimes compresses, spoiling the compressed bytes too once in a while."""
    for _ in range(rng.choice((1, 1, 1, 2, 3))):
        data = rng.choice(MUTATIONS)(rng, data)
    if rng.random() < 0.15:
        data = rng.choice(_COMPRESSORS)(data)
        if rng.random() < 0.4:
            data = rng.choice((flip_bytes, truncate, repeat_slice))(rng, data)
    return data


def flip_bytes(rng: random.Random, data: bytes) -> bytes:
    spoiled = bytearray(data)
    for _ in range(rng.choice((1, 1, 2, 5))):
        if spoiled:
            spoiled[rng.randrange(len(spoiled))] = rng.choice((rng.randrange(256), *b"0123456789 ,:.-+eE\t\r\n"))
    return bytes(spoiled)


def truncate(rng: random.Random, data: bytes) -> bytes:
    return data[: rng.randrange(len(data) + 1)]


def delete_slice(rng: random.Random, data: bytes) -> bytes:
    begin, end = _slice(rng, data)
    return data[:begin] + data[end:]


def repeat_slice(rng: random.Random, data: bytes) -> bytes:
    begin, end = _slice(rng, data)
    return data[:end] + data[begin:end] + data[end:]


def swap_items(rng: random.Random, data: bytes) -> bytes:
    items = data.split(b" ")
    i, j = rng.randrange(len(items)), rng.randrange(len(items))
    items[i], items[j] = items[j], items[i]
    return b" ".join(items)


def nasty_item(rng: random.Random, data: bytes) -> bytes:
    items = data.split(b" ")
    at = rng.randrange(len(items))
    items[at : at + rng.randrange(2)] = [rng.choice(_NASTY_ITEMS)]
    return b" ".join(items)


def nasty_value(rng: random.Random, data: bytes) -> bytes:
    """Puts a nasty value behind an id that is fine, so that the value decides."""
    lines = data.split(b"\n")
    values = [item[2:] for item in _NASTY_ITEMS if item.startswith(b"1:")]
    at = rng.randrange(len(lines))
    lines[at] = rng.choice((b"", b"3")) + b" " + b"%d:" % rng.randrange(FEATURES) + rng.choice(values)
    return b"\n".join(lines)


def long_number(rng: random.Random, data: bytes) -> bytes:
    """Puts a random number of up to 30 digits behind an id: rounding is where parsers differ."""
    digits = "".join(rng.choice("0123456789") for _ in range(rng.randrange(1, 31)))
    point = rng.randrange(len(digits) + 1)
    number = f"{digits[:point]}.{digits[point:]}" + rng.choice(("", f"e{rng.randrange(-60, 45)}"))
    lines = data.split(b"\n")
    lines[rng.randrange(len(lines))] = f" {rng.randrange(FEATURES)}:{number}".encode()
    return b"\n".join(lines)


def line_ends(rng: random.Random, data: bytes) -> bytes:
    lines = data.split(b"\n")
    kinds = rng.choice(
        ((b"\r\n",), (b"\r\n", b"\n"), (b"\n", b"\n\n"), (b"\n", b"\r"), (b"\n", b"\r\r\n"), (b" \t\n",))
    )
    return b"".join(line + (rng.choice(kinds) if place + 1 < len(lines) else b"") for place, line in enumerate(lines))


def no_last_line_end(rng: random.Random, data: bytes) -> bytes:
    del rng
    return data.rstrip(b"\r\n")


def blanks(rng: random.Random, data: bytes) -> bytes:
    at = rng.randrange(len(data) + 1)
    return data[:at] + rng.choice((b" ", b"\t", b"  ", b"\n", b"\n \n", b"\x0b", b"\0", b"\r")) + data[at:]


def byte_order_mark(rng: random.Random, data: bytes) -> bytes:
    del rng
    return b"\xef\xbb\xbf" + data


def header(rng: random.Random, data: bytes) -> bytes:
    first, _, rest = data.partition(b"\n")
    numbers = first.split(b" ")
    at = rng.randrange(len(numbers))
    numbers[at : at + rng.randrange(2)] = [rng.choice(_NASTY_NUMBERS + numbers)]
    return rng.choice((b" ", b" ", b"\t", b"  ")).join(numbers) + b"\n" + rest


MUTATIONS = (
    flip_bytes, truncate, delete_slice, repeat_slice, swap_items, nasty_item, nasty_value, nasty_value, long_number,
    long_number, line_ends, no_last_line_end, blanks, byte_order_mark, header,
)  # fmt: skip


def _pairs(rng: random.Random, count: int) -> list[str]:
    ids = rng.sample(range(count), rng.choice((0, 1, 3, min(10, count))))
    return [f"{i}:{_number(rng)}" for i in ids]


def _number(rng: random.Random) -> str:
    value = rng.uniform(-5, 5) * 10.0 ** rng.randrange(-12, 12)
    return rng.choice((repr(value), f"{value:.3f}", f"{value:.6g}", f"{value:E}", str(rng.randrange(100)), "1", "0"))


def _join(rng: random.Random, lines: list[str]) -> bytes:
    return rng.choice(("\n", "\n", "\r\n")).join([*lines, ""]).encode()


def _slice(rng: random.Random, data: bytes) -> tuple[int, int]:
    begin = rng.randrange(len(data) + 1)
    return begin, min(len(data), begin + rng.choice((1, 2, 5, 20, 100)))
