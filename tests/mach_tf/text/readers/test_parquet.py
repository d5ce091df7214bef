from __future__ import annotations

import gzip
import hashlib
import os
import random
import sys
import tracemalloc
import zipfile

import pyarrow
import pytest
from pyarrow import parquet

from mach_tf.data.libsvm import TextInput
from mach_tf.errors import InputError
from mach_tf.text.readers.opening import open_records
from mach_tf.text.readers.settings import InputSettings
from tests.mach_tf.text.readers.reading import read

SETTINGS = InputSettings("auto", ("title", "text"), ("tags",))
STRINGS = {"title": ["Lasers", None], "text": ["short\npulses", "知能 👩‍🔬"]}


def _write(folder, columns, **options):
    path = folder / "a.parquet"
    parquet.write_table(pyarrow.table(columns), path, write_page_checksum=True, **options)
    return path


@pytest.mark.parametrize(
    ("tags", "expected"),
    [
        ([["x", "y"], ["z", "z"]], [("x", "y"), ("z",)]),
        (pyarrow.array([[1, 2], [2**64 - 1]], pyarrow.list_(pyarrow.uint64())), [("1", "2"), (str(2**64 - 1),)]),
        (["x;y", "z"], [("x;y",), ("z",)]),
        (pyarrow.array(["x", "y"]).dictionary_encode(), [("x",), ("y",)]),
        (pyarrow.array([["x"], ["y"]], pyarrow.large_list(pyarrow.large_string())), [("x",), ("y",)]),
        ([5, 2**63 - 1], [("5",), (str(2**63 - 1),)]),
    ],
)
@pytest.mark.parametrize("compression", ["none", "snappy", "zstd"])
def test_columns_are_texts_and_labels(tmp_path, tags, expected, compression):
    path = _write(tmp_path, {**STRINGS, "tags": tags, "other": [1.5, None]}, compression=compression)
    records, bad_lines = read(path, SETTINGS)
    assert [record.labels for record in records] == expected
    assert [(record.line, record.texts) for record in records] == [
        (1, ("Lasers", "short\npulses")),
        (2, ("", "知能 👩‍🔬")),
    ]
    assert bad_lines == []


def test_nested_columns_are_named_by_dots(tmp_path):
    rows = [{"title": "a", "subjects": [{"uri": "x"}, {"uri": "y"}]}]
    path = _write(tmp_path, {"doc": rows, "a.b": ["c"]})
    settings = InputSettings("parquet", ("doc.title", "a.b"), ("doc.subjects.uri",))
    assert read(path, settings)[0] == [(1, ("a", "c"), ("x", "y"))]


@pytest.mark.parametrize(
    ("columns", "problem"),
    [
        ({"text": ["a", " "], "tags": [["x"], ["y"]]}, "a record must have text (got none in text)."),
        ({"text": ["a", None], "tags": [["x"], ["y"]]}, "a record must have text (got none in text)."),
        ({"text": ["a", "b"], "tags": [["x"], []]}, "a record must have a label (got none in tags)."),
        ({"text": ["a", "b"], "tags": [["x"], None]}, "a record must have a label (got none in tags)."),
        (
            {"text": ["a", "b"], "tags": [["x"], [None]]},
            "a label must be a string or a whole number (got None in tags).",
        ),
        ({"text": ["a", "b"], "tags": [1, -1]}, "a label that is a number must not be negative (got -1 in tags)."),
        ({"text": ["a", "b"], "tags": [["x"], ["y\nz"]]}, "a label must have no control characters or line breaks"),
    ],
)
def test_bad_rows_are_told(tmp_path, columns, problem):
    records, bad_lines = read(_write(tmp_path, columns), InputSettings("auto", ("text",), ("tags",)))
    assert [record.line for record in records] == [1]
    assert [line.line for line in bad_lines] == [2]
    assert problem in bad_lines[0].problem


@pytest.mark.parametrize("values", [[1.0, 2.0], [True, False], [b"x", b"y"], [{"a": "x"}, {"a": "y"}]])
def test_columns_of_other_types_are_refused(tmp_path, values):
    settings = InputSettings("auto", ("text",), ("tags",))
    _, bad_lines = read(_write(tmp_path, {"text": ["a", "b"], "tags": values}), settings)
    assert ["a label must be a string or a whole number" in line.problem for line in bad_lines] == [True, True]
    _, bad_lines = read(_write(tmp_path, {"text": values, "tags": ["a", "b"]}), settings)
    assert ["a text must be a string" in line.problem for line in bad_lines] == [True, True]


@pytest.mark.parametrize(
    "column",
    [
        pyarrow.array([1, 2**62 + 1], pyarrow.timestamp("ns")),
        pyarrow.array([1, 2**31 - 1], pyarrow.date32()),
        pyarrow.array([1, 2**62], pyarrow.timestamp("us")),
        pyarrow.array([1, 2**63 - 1], pyarrow.duration("ns")),
        pyarrow.StructArray.from_arrays([pyarrow.array(["a", "b"]), pyarrow.array(["c", "d"])], ["x", "x"]),
    ],
)
def test_columns_that_python_has_no_values_for_are_refused(tmp_path, column):
    path = _write(tmp_path, {"text": column, "tags": [1, 2]})
    records, bad_lines = read(path, InputSettings("auto", ("text",), ("tags",)))
    assert records == []
    assert [line.line for line in bad_lines] == [1, 2]


def test_bytes_that_are_not_utf8_cost_their_row_alone(tmp_path):
    column = pyarrow.array([b"a", b"\xff", "ä".encode()]).view(pyarrow.string())
    path = _write(tmp_path, {"text": column, "tags": [1, 2, 3]})
    records, bad_lines = read(path, InputSettings("auto", ("text",), ("tags",)))
    assert [record.texts for record in records] == [("a",), ("ä",)]
    assert [line.line for line in bad_lines] == [2]
    assert "text must be UTF-8" in bad_lines[0].problem


@pytest.mark.parametrize("n_records", [1, 30, 1000])
@pytest.mark.parametrize("n_bytes", [1, 5000, 1 << 20])
def test_batches_are_the_rows_in_order(tmp_path, n_records, n_bytes):
    path = _write(
        tmp_path, {"text": [f"text {row}" for row in range(500)], "tags": list(range(500))}, row_group_size=77
    )
    with open_records(TextInput(str(path)), InputSettings("auto", ("text",), ("tags",))) as reader:
        batches = list(reader.batches(n_records, n_bytes))
        (source,) = reader.finish()
    records = [record for batch in batches for record in batch.records]
    assert records == [(row + 1, (f"text {row}",), (str(row),)) for row in range(500)]
    assert max(len(batch.records) for batch in batches) <= n_records
    assert sum(batch.bytes_read for batch in batches) == os.path.getsize(path) == source.bytes
    assert source.sha256 == hashlib.sha256(path.read_bytes()).hexdigest()


@pytest.mark.parametrize(
    ("columns", "settings", "message"),
    [
        ({"a": ["x"]}, {}, "text_fields must name the fields with texts .the file has 'a'."),
        (
            {"a": ["x"]},
            {"text_fields": ("b",), "label_fields": ("a",)},
            "there must be a column 'b' .got 'a'.. Name columns",
        ),
        ({"a": ["x"]}, {"text_fields": ("a",), "label_fields": ("b.c",)}, "there must be a column 'b' .got 'a'"),
        ({"a": ["x"]}, {"text_fields": ("a",)}, "label_field must name the field with labels"),
    ],
)
def test_missing_columns_are_refused(tmp_path, columns, settings, message):
    with pytest.raises(InputError, match=message):
        read(_write(tmp_path, columns), InputSettings(**settings))


def test_labels_may_be_missing_where_they_are_optional(tmp_path):
    settings = InputSettings("auto", ("a",), ("b",), labels_optional=True)
    assert read(_write(tmp_path, {"a": ["x"]}), settings)[0] == [(1, ("x",), ())]


def test_without_pyarrow_the_message_says_what_to_install(tmp_path, monkeypatch):
    path = _write(tmp_path, {"a": ["x"]})
    monkeypatch.setitem(sys.modules, "pyarrow", None)
    with pytest.raises(InputError, match=r"pyarrow must be installed .*Install it: pip install 'mach-tf\[parquet\]'"):
        read(path, InputSettings("auto", ("a",), ("b",)))


def test_a_damaged_file_is_refused_or_right(tmp_path):
    columns = {
        "text": [f"text {row} of many" for row in range(200)],
        "tags": [[f"label {row % 7}"] for row in range(200)],
    }
    path = _write(tmp_path, columns)
    settings = InputSettings("auto", ("text",), ("tags",))
    right, data, generator = read(path, settings), path.read_bytes(), random.Random(0)
    refused = 0
    for turn in range(60):
        spoiled = bytearray(data)
        spoiled[generator.randrange(4, len(data))] ^= 1 << generator.randrange(8)
        path.write_bytes(spoiled if turn % 3 else data[: generator.randrange(5, len(data))])
        try:
            assert read(path, settings) == right
        except InputError as error:
            refused += 1
            assert str(path) in str(error)
    assert refused > 40


def test_a_pipe_is_refused(tmp_path):
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(InputError, match="must be a regular file"):
        read(tmp_path / "pipe", InputSettings("parquet", ("a",), ("b",)))
    with pytest.raises(InputError, match="missing must be a file"):
        read(tmp_path / "missing", InputSettings("parquet", ("a",), ("b",)))


def test_memory_does_not_grow_with_the_file(tmp_path):
    texts = [f"{row} " + os.urandom(250).hex() for row in range(12_000)]
    path = _write(tmp_path, {"text": texts, "tags": list(range(12_000))}, row_group_size=6_000, use_dictionary=False)
    before = pyarrow.total_allocated_bytes()
    tracemalloc.start()
    with open_records(TextInput(str(path)), InputSettings("auto", ("text",), ("tags",))) as reader:
        most = 0
        for batch in reader.batches(1000, 1 << 18):
            most = max(most, pyarrow.total_allocated_bytes() - before)
            assert len(batch.records) <= 1000
    assert tracemalloc.get_traced_memory()[1] < 4 << 20
    tracemalloc.stop()
    assert most < 3 << 20


@pytest.mark.parametrize("form", ["auto", "parquet"])
def test_a_member_of_an_archive_and_a_compressed_file_are_refused_with_a_command(tmp_path, form):
    path = _write(tmp_path, {**STRINGS, "tags": ["x", "y"]})
    settings = InputSettings(form, ("title", "text"), ("tags",))
    with zipfile.ZipFile(tmp_path / "a.zip", "w") as archive:
        archive.write(path, "b c/a.parquet")
    with pytest.raises(InputError, match=r"must be a file of its own.*\(unzip \S*/a\.zip 'b c/a\.parquet'\)"):
        read(tmp_path / "a.zip" / "b c" / "a.parquet", settings)
    (tmp_path / "a.parquet.gz").write_bytes(gzip.compress(path.read_bytes()))
    advice = r"\. Decompress it once" if form == "auto" else r"\(gunzip -c \S*a\.parquet\.gz > FILE\)"
    with pytest.raises(InputError, match=rf"got a .*(gzip|Parquet).*{advice}"):
        read(tmp_path / "a.parquet.gz", settings)
