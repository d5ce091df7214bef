"""Spoiled records of every format are read as the plain readers read them, or refused as they refuse them, and nothing else."""

from __future__ import annotations

import bz2
import gzip
import lzma
import math
import pathlib
import random
from typing import Any, Callable, NamedTuple, Optional

import pyarrow
import pytest
import zstandard
from pyarrow import parquet

from mach_tf import file_kinds
from mach_tf.data.libsvm import TextInput
from mach_tf.errors import InputError
from mach_tf.text.readers.opening import open_records
from mach_tf.text.readers.settings import InputSettings
from tests.helpers import mutations, reference_readers, text_mutations
from tests.helpers.reference_parser import Refused
from tests.helpers.reference_readers import Row

# Spoiled records of each format; those of Parquet are spoiled value by value.
FAST, SLOW = 2_000, 10_000
RECORDS_PER_FILE, SPOILED = 8, 0.7
TEXTS, LABELS = ("title", "text"), ("tags",)
COMPRESSORS = (gzip.compress, bz2.compress, lzma.compress, zstandard.ZstdCompressor(write_checksum=True).compress)


class Format(NamedTuple):
    """A format: its settings, how a good record is written, the first line, and how a plain reader reads a file."""

    settings: InputSettings
    write: Callable[[random.Random], bytes]
    read: Callable[[bytes], list[Row]]
    header: tuple[bytes, ...] = ()


def _table(form: str, delimiter: str) -> Format:
    columns = ("tags", "more")
    return Format(
        InputSettings(form, TEXTS, columns),
        lambda rng: text_mutations.delimited(rng, delimiter),
        lambda data: reference_readers.read_delimited(data, delimiter, TEXTS, columns),
        (delimiter.join(("id", *TEXTS, *columns)).encode(),),
    )


FORMATS = {
    "jsonl": Format(
        InputSettings("jsonl", TEXTS, LABELS),
        text_mutations.jsonl,
        lambda data: reference_readers.read_jsonl(data, TEXTS, LABELS),
    ),
    "csv": _table("csv", ","),
    "tsv": _table("tsv", "\t"),
    "annif": Format(InputSettings("annif"), text_mutations.annif, reference_readers.read_annif),
    "fasttext": Format(InputSettings("fasttext"), text_mutations.fasttext, reference_readers.read_fasttext),
}


def _outcome(rng: random.Random, source: TextInput, settings: InputSettings) -> Optional[list[Row]]:
    """What the reader makes of a file, in batches of random sizes; None if it refuses the file."""
    rows = []
    try:
        with open_records(source, settings) as reader:
            for batch in reader.batches(rng.choice((1, 3, 100)), rng.choice((1, 50, 1 << 20))):
                rows += [Row(record.line, record[1:]) for record in batch.records]
                rows += [Row(line.line, None) for line in batch.bad_lines]
                assert all(str(line).isprintable() and str(line).endswith(".") for line in batch.bad_lines)
            reader.finish()
    except InputError as error:
        assert any(path and path in str(error) for path in source)
        return None
    return sorted(rows)


def _expected(read: Callable[..., list[Row]], *data: bytes) -> Optional[list[Row]]:
    try:
        if any(file_kinds.recognise(one[: file_kinds.HEAD_BYTES], "file") for one in data):
            return None
        return read(*data)
    except Refused:
        return None


def _written(rng: random.Random, path: pathlib.Path, data: bytes) -> bool:
    """Writes a file, sometimes compressed; returns whether it is damaged so that it must be refused."""
    if rng.random() < 0.8 or not data:
        path.write_bytes(data)
        return False
    packed = rng.choice(COMPRESSORS)(data)
    cut = rng.random() < 0.3
    path.write_bytes(packed[: rng.randrange(7, len(packed) - 1)] if cut else packed)
    return cut


def _records(rng: random.Random, write: Callable[[random.Random], bytes]) -> list[bytes]:
    good = [write(rng) for _ in range(RECORDS_PER_FILE)]
    return [text_mutations.spoil(rng, record) if rng.random() < SPOILED else record for record in good]


def _check_format(folder: pathlib.Path, name: str, seed: int) -> None:
    form, rng = FORMATS[name], random.Random(seed)
    data = text_mutations.join(rng, [*form.header, *_records(rng, form.write)])
    path = folder / "file"
    damaged = _written(rng, path, data)
    expected = None if damaged else _expected(form.read, data)
    found = _outcome(rng, TextInput(str(path)), form.settings)
    assert found == expected, (seed, data)


def _check_parallel(folder: pathlib.Path, seed: int) -> None:
    rng = random.Random(seed)
    paths = [folder / "texts", folder / "labels"]
    texts = _records(rng, lambda rng: text_mutations.text(rng).encode())
    labels = _records(rng, lambda rng: " ".join(map(str, text_mutations.labels(rng))).encode())
    if rng.random() < 0.8:  # otherwise spoiled lines that became several or none shift all others
        texts, labels = ([line.replace(b"\n", b" ") for line in lines] for lines in (texts, labels))
    files = [b"\n".join([*lines, b""]) for lines in (texts, labels)]
    damaged = [_written(rng, path, data) for path, data in zip(paths, files)]
    expected = None if any(damaged) else _expected(reference_readers.read_parallel, *files)
    assert _outcome(rng, TextInput(*map(str, paths)), InputSettings("lines")) == expected, (seed, files)


def _value(rng: random.Random, strings: bool) -> Any:
    text = text_mutations.text(rng)
    spoiled = text_mutations.spoil(rng, text.encode()).decode("utf-8", "ignore")
    return rng.choice((text, text, spoiled, "", None) if strings else (3, 2**63 - 1, 0, -1, None))


def _check_parquet(folder: pathlib.Path, seed: int) -> None:
    rng, path = random.Random(seed), folder / "file.parquet"
    strings, lists = rng.random() < 0.7, rng.random() < 0.7
    rows = []
    for _ in range(RECORDS_PER_FILE):
        tags = [_value(rng, strings) for _ in range(rng.choice((0, 1, 3)))] if lists else _value(rng, strings)
        rows.append({"title": _value(rng, True), "text": _value(rng, True), "tags": rng.choice((tags, tags, None))})
    kind = pyarrow.string() if strings else pyarrow.int64()
    schema = pyarrow.schema(
        [("title", pyarrow.string()), ("text", pyarrow.string()), ("tags", pyarrow.list_(kind) if lists else kind)]
    )
    parquet.write_table(pyarrow.Table.from_pylist(rows, schema), path, row_group_size=3, write_page_checksum=True)
    # A row is a JSON object, so the plain reader of those reads it.
    expected = [reference_readers.read_record(number, row, TEXTS, LABELS) for number, row in enumerate(rows, 1)]
    damaged = rng.random() < 0.1
    if damaged:
        path.write_bytes(mutations.truncate(rng, path.read_bytes())[:-1] + b".")
    found = _outcome(rng, TextInput(str(path)), InputSettings("parquet", TEXTS, LABELS))
    assert found == (None if damaged else expected), (seed, rows)


def _check(folder: pathlib.Path, name: str, spoiled: int, first_seed: int) -> None:
    for seed in range(first_seed, first_seed + math.ceil(spoiled / (RECORDS_PER_FILE * SPOILED))):
        if name == "parquet":
            _check_parquet(folder, seed)
        elif name == "parallel":
            _check_parallel(folder, seed)
        else:
            _check_format(folder, name, seed)


@pytest.mark.parametrize("name", [*FORMATS, "parallel", "parquet"])
def test_spoiled_records_are_right_or_refused(tmp_path, name):
    _check(tmp_path, name, FAST, 0)


@pytest.mark.slow
@pytest.mark.parametrize("name", [*FORMATS, "parallel", "parquet"])
def test_many_spoiled_records_are_right_or_refused(tmp_path, name):
    _check(tmp_path, name, SLOW, 1000)
