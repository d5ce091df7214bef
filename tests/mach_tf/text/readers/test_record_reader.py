from __future__ import annotations

import hashlib
import json
import os
import tracemalloc

import pytest

from mach_tf.data.libsvm import TextInput
from mach_tf.errors import InputError
from mach_tf.text.readers.opening import open_records
from tests.mach_tf.text.readers.reading import ONE_TEXT


def _write(path, count: int, length: int = 20) -> None:
    with open(path, "w") as file:
        for number in range(count):
            file.write(json.dumps({"text": f"{number} " + "x" * length, "tags": [number % 7]}) + "\n")


@pytest.mark.parametrize("n_records", [1, 7, 1000])
@pytest.mark.parametrize("n_bytes", [1, 300, 1 << 20])
def test_batches_are_the_records_in_order(tmp_path, n_records, n_bytes):
    path = tmp_path / "a.jsonl"
    _write(path, 100)
    with open_records(TextInput(str(path)), ONE_TEXT) as reader:
        batches = list(reader.batches(n_records, n_bytes))
        (source,) = reader.finish()
        assert reader.text_bytes == os.path.getsize(path)
        assert reader.fields == ("text",)
    assert [record.line for batch in batches for record in batch.records] == list(range(1, 101))
    assert max(len(batch.records) for batch in batches) <= n_records
    assert all(batch.records for batch in batches)
    assert sum(batch.bytes_read for batch in batches) == source.bytes == os.path.getsize(path)
    assert source.sha256 == hashlib.sha256(path.read_bytes()).hexdigest()
    assert {batch.path for batch in batches} == {str(path)}


def test_a_bad_line_is_told_once_however_many_batches_its_block_makes(tmp_path):
    path = tmp_path / "a.jsonl"
    _write(path, 10)
    with open(path, "a") as file:
        file.write("{}\n")
    with open_records(TextInput(str(path)), ONE_TEXT) as reader:
        batches = list(reader.batches(3, 1 << 20))
    assert len(batches) == 4 and [line.line for batch in batches for line in batch.bad_lines] == [11]


def test_memory_does_not_grow_with_the_file(tmp_path):
    peaks = []
    for count in (1_000, 8_000):
        path = tmp_path / f"{count}.jsonl"
        _write(path, count, 500)
        tracemalloc.start()
        with open_records(TextInput(str(path)), ONE_TEXT) as reader:
            assert sum(len(batch.records) for batch in reader.batches(500, 1 << 16)) == count
        peaks.append(tracemalloc.get_traced_memory()[1])
        tracemalloc.stop()
    assert peaks[1] < 1.2 * peaks[0]
    assert peaks[1] < 3 << 20


def test_a_file_that_changes_while_it_is_read_is_refused(tmp_path):
    path = tmp_path / "a.jsonl"
    _write(path, 100)
    with open_records(TextInput(str(path)), ONE_TEXT) as reader:
        list(reader.batches(10, 1000))
        with open(path, "a") as file:
            file.write("{}\n")
        with pytest.raises(InputError, match="changed while it was read"):
            reader.finish()
