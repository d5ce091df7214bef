"""Good records of each format of texts, and ways to spoil them; all drawn from the random generator that is given."""

from __future__ import annotations

import csv
import io
import json
import random
from typing import Any

from tests.helpers import mutations

_WORDS = (
    "laser", "Quanten", "knowledge", "知能", "naïve", "данные", "بيانات", "👩‍🔬", "e\u0301", "a\u200bb", "it's", '"', "x;y", "a,b",
    "<b>", "__label__", "\u00a0", "\u2028", "ß", "3.14", "-", "{", "[", "NaN", "\\", "#",
)  # fmt: skip
_LABELS = (
    "optics",
    "Künstliche Intelligenz",
    "urn:1",
    "https://a.org/2",
    "7",
    "9223372036854775807",
    "x y",
    "知能",
    "a\u00a0b",
)
_NASTY = [
    item.encode("utf-8", "surrogatepass")
    for item in (
        '"', '""', '"""', "'", ",", "\t", ";", "\n", "\r", "\r\n", "\n\n", "\0", "\x1b[31m", "\x0b", "\x1c", "\x85", "\u2028", "\ufeff", "\\",
        "\\u0000", "\\ud800", "\\ud83d\\ude00", "\\udc00\\ud800", "\\n", "\\x", "\\\"", "NaN", "-Infinity", "1e999", "-1", "-0", "1.0",
        "18446744073709551616", "0x1", "00", "true", "null", "[]", "[[]]", "{}", '""', '{"text": "a"}', ', "text": "b"', ', "tags": 3',
        "[" * 3000, "1" * 1001, "1" * 999, "x" * 1001, "{", "}", "[", "]", ":", "<", ">", "<>", "<a> <b>", "__label__", "__label__x",
        " __label__ ", " ", "  ", "\ud800", "\U0010ffff",
    )
] + [b"\xff", b"\xc3", b"\xed\xa0\x80", b"\xf4\x90\x80\x80", b"\xc0\x80"]  # fmt: skip


def text(rng: random.Random) -> str:
    """Words in several scripts, with what formats stumble over."""
    return rng.choice((" ", " ", "  ", ", ")).join(rng.choice(_WORDS) for _ in range(rng.choice((1, 2, 5, 20)))) + " w"


def labels(rng: random.Random) -> list[Any]:
    """One to four labels, strings and whole numbers."""
    return [rng.choice((*_LABELS, rng.randrange(2**64))) for _ in range(rng.choice((1, 1, 2, 4)))]


def jsonl(rng: random.Random) -> bytes:
    record = {
        "title": rng.choice((text(rng), "", None)),
        "text": text(rng),
        "tags": rng.choice((labels(rng), rng.choice(_LABELS))),
    }
    return json.dumps(record, ensure_ascii=rng.random() < 0.5).encode()


def annif(rng: random.Random) -> bytes:
    uris = (f"<{str(label).replace(' ', '-').replace(chr(160), '-')}>" for label in labels(rng))
    return f"{text(rng)}\t{' '.join(uris)}".encode()


def fasttext(rng: random.Random) -> bytes:
    keys = " ".join(f"__label__{str(label).replace(' ', '-')}" for label in labels(rng))
    return rng.choice((f"{keys} {text(rng)}", f"{text(rng)} {keys}")).encode()


def delimited(rng: random.Random, delimiter: str) -> bytes:
    cells = [
        str(rng.randrange(100)),
        rng.choice((text(rng), "")),
        text(rng),
        str(labels(rng)[0]),
        rng.choice(("", "second")),
    ]
    cells[2] += rng.choice(("", "", f"\n{text(rng)}", f'{delimiter}"'))
    row = io.StringIO()
    csv.writer(row, delimiter=delimiter, lineterminator="", quoting=rng.choice((0, 1))).writerow(cells)
    return row.getvalue().encode()


def spoil(rng: random.Random, record: bytes) -> bytes:
    """Applies one to three mutations to a record."""
    for _ in range(rng.choice((1, 1, 2, 3))):
        record = rng.choice((*_BYTES, _insert, _insert, _insert, _replace_value))(rng, record)
    return record


def join(rng: random.Random, records: list[bytes]) -> bytes:
    """Makes a file of records: line ends of either kind, sometimes a byte order mark, a missing last end or a cut."""
    end = rng.choice((b"\n", b"\n", b"\r\n"))
    data = end.join([*records, b""])
    if rng.random() < 0.15:
        data = b"\xef\xbb\xbf" + data
    if rng.random() < 0.2:
        data = rng.choice(
            (mutations.no_last_line_end, mutations.truncate, mutations.line_ends, mutations.repeat_slice)
        )(rng, data)
    return data


def _insert(rng: random.Random, data: bytes) -> bytes:
    at = rng.randrange(len(data) + 1)
    return data[:at] + rng.choice(_NASTY) + data[at:]


def _replace_value(rng: random.Random, data: bytes) -> bytes:
    """Replaces what stands between two of the characters that structure a record."""
    places = [at for at, byte in enumerate(data) if byte in b',:\t" ']
    if len(places) < 2:
        return data
    begin, end = sorted(rng.sample(places, 2))
    return data[: begin + 1] + rng.choice(_NASTY) + data[end:]


_BYTES = (
    mutations.flip_bytes,
    mutations.truncate,
    mutations.delete_slice,
    mutations.repeat_slice,
    mutations.swap_items,
    mutations.blanks,
)
