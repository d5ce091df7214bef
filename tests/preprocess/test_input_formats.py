"""The same records in every format of texts, through the program's flags: the datasets are the same, byte for byte."""

from __future__ import annotations

import bz2
import csv
import gzip
import json
import lzma
import pathlib
from collections.abc import Sequence
from typing import Callable, NamedTuple

import pyarrow
import pytest
import zstandard
from pyarrow import parquet

from mach_tf.errors import InputError
from mach_tf.manifest import DatasetManifest
from tests.helpers import programs, sample_texts

# Labels that fit no signed number of 64 bits, and one with a small number.
IDS = {"physics": 2**64 - 1, "optics": 2**63, "biology": 7}


class Pair(NamedTuple):
    """A record: its text, and its labels."""

    text: str
    ids: list[int]


RECORDS = [
    Pair(f"{title}, Größe {content}", [IDS[label] for label in labels])
    for title, content, labels in sample_texts.examples(30)
]
FIELDS = ["--text_fields=text", "--label_field=ids"]
ZSTD = zstandard.ZstdCompressor().compress


def _text(
    compress: Callable[[bytes], bytes], line: Callable[[Pair], str], end: str = "\n", before: str = ""
) -> Callable:
    def write(path: pathlib.Path, records: Sequence[Pair]) -> list[str]:
        path.write_bytes(compress((before + "".join(line(record) + end for record in records)).encode()))
        return [f"--train={path}"]

    return write


def _table(delimiter: str, header: bool = True, columns: int = 1, end: str = "\r\n", before: str = "") -> Callable:
    """Writes labels into one column, separated by semicolons, or one each into several."""

    def write(path: pathlib.Path, records: Sequence[Pair]) -> list[str]:
        with open(path, "w", newline="", encoding="utf-8") as file:
            file.write(before)
            writer = csv.writer(file, delimiter=delimiter, lineterminator=end)
            if header:
                writer.writerow(["text", *(f"id{column}" for column in range(columns))])
            for text, ids in records:
                cells = [";".join(map(str, ids))] if columns == 1 else [*ids, *[""] * (columns - len(ids))]
                writer.writerow([text, *cells])
        return [f"--train={path}"]

    return write


def _parquet(path: pathlib.Path, records: Sequence[Pair]) -> list[str]:
    ids = pyarrow.array([record.ids for record in records], pyarrow.list_(pyarrow.uint64()))
    parquet.write_table(pyarrow.table({"text": [record.text for record in records], "ids": ids}), path)
    return [f"--train={path}"]


def _parallel(path: pathlib.Path, records: Sequence[Pair]) -> list[str]:
    labels = path.with_name("labels.txt")
    path.write_text("".join(f"{record.text}\n" for record in records))
    labels.write_text("".join(f"{' '.join(map(str, record.ids))}\n" for record in records))
    return [f"--train_features={path}", f"--train_labels={labels}"]


def _json(record: Pair) -> str:
    return json.dumps({"uid": "x", "text": record.text, "ids": record.ids})


def _nested(record: Pair) -> str:
    return json.dumps(
        {"doc": {"text": record.text}, "tags": [{"id": str(one)} for one in record.ids]}, ensure_ascii=False
    )


def _fasttext(record: Pair) -> str:
    return f"{' '.join(f'__label__{one}' for one in record.ids)} {record.text}"


def _annif(record: Pair) -> str:
    return f"{record.text}\t{' '.join(f'<{one}>' for one in record.ids)}"


SEMICOLON = "--label_separator=;"
FORMATS = {
    "train.jsonl": (_text(bytes, _json), FIELDS),
    "trn.json.gz": (_text(gzip.compress, _json, "\r\n"), FIELDS),
    "nested.jsonl.xz": (
        _text(lzma.compress, _nested, "\n", "\ufeff"),
        ["--text_fields=doc.text", "--label_field=tags.id"],
    ),
    "header.csv": (_table(",", before="\ufeff"), ["--text_fields=text", "--label_field=id0", SEMICOLON]),
    "numbers.csv": (_table(",", header=False), ["--text_fields=0", "--label_field=1", SEMICOLON]),
    "columns.csv": (_table(",", columns=2), ["--text_fields=text", "--label_field=id0,id1"]),
    "header.tsv": (_table("\t", end="\n"), ["--text_fields=text", "--label_field=id0", SEMICOLON]),
    "corpus.tsv.bz2": (_text(bz2.compress, _annif, "\r\n", "\ufeff"), []),
    "fasttext.txt.zst": (_text(ZSTD, _fasttext), []),
    "a.parquet": (_parquet, FIELDS),
    "texts.txt": (_parallel, ["--input_format=lines"]),
}


def _preprocess(folder: pathlib.Path, name: str, records: Sequence[Pair], *more: str) -> DatasetManifest:
    folder.mkdir(exist_ok=True)
    write, given = FORMATS[name]
    out = f"{folder}/out"
    programs.run("preprocess.to_tfrecord", *write(folder / name, records), *given, f"--output_dir={out}", *more)
    return DatasetManifest.read(out)


@pytest.fixture(scope="module")
def expected(tmp_path_factory) -> DatasetManifest:
    manifest = _preprocess(tmp_path_factory.mktemp("expected"), "train.jsonl", RECORDS)
    assert manifest.labels == len(IDS) and manifest.splits["train"].points == len(RECORDS)
    return manifest


def _with_a_bad_one(name: str) -> tuple[list[Pair], str]:
    """The records and one without text, and the beginning of the message about that."""
    line = 7 if name.startswith(("header", "columns")) else 6
    return [*RECORDS[:5], Pair(" ", [7]), *RECORDS[5:]], f"{name}, line {line}: a record must have text"


@pytest.mark.parametrize("name", [name for name in FORMATS if name != "train.jsonl"])
def test_every_format_makes_the_same_dataset(tmp_path, expected, name):
    records, message = _with_a_bad_one(name)
    manifest = _preprocess(tmp_path, name, records, "--on_bad_line=skip")
    assert message in (tmp_path / "out" / "skipped.txt").read_text()
    assert [shard.sha256 for shard in manifest.splits["train"].shards] == [
        shard.sha256 for shard in expected.splits["train"].shards
    ]
    assert sorted(manifest.read_label_names(f"{tmp_path}/out") or []) == sorted(map(str, IDS.values()))
    assert manifest.text is not None and expected.text is not None
    assert manifest.text.document_frequencies_sha256 == expected.text.document_frequencies_sha256


@pytest.mark.parametrize("name", ["header.csv", "texts.txt"])
def test_a_record_without_text_is_refused(tmp_path, name):
    records, message = _with_a_bad_one(name)
    with pytest.raises(InputError, match=f"{message} .*--on_bad_line=skip"):
        _preprocess(tmp_path, name, records)
    assert not (tmp_path / "out").exists()
