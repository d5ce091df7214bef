from __future__ import annotations

import os

import numpy as np
import pytest

from mach_tf.data.libsvm import TextInput
from mach_tf.errors import InputError
from mach_tf.text import record_batches
from mach_tf.text.readers.settings import InputSettings
from mach_tf.text.record_batches import RecordBatches, text_fields
from tests.helpers import sample_texts

SETTINGS = InputSettings("jsonl", ("title", "content"), ("labels",))


def _files(tmp_path, *sizes):
    return [
        TextInput(sample_texts.write_jsonl(tmp_path / f"{i}.jsonl", sample_texts.examples(size, seed=i)))
        for i, size in enumerate(sizes)
    ]


def test_records_come_in_order_with_their_places_in_the_split(tmp_path, monkeypatch):
    monkeypatch.setattr(record_batches, "BATCH_RECORDS", 7)
    train, test = _files(tmp_path, 20, 15), _files(tmp_path, 20, 15)[1:]
    batches = RecordBatches({"train": train, "test": test}, SETTINGS)
    found = list(batches)
    assert all(len(batch.records) <= 7 for batch in found)
    for split, n in (("train", 35), ("test", 15)):
        places = np.concatenate([batch.places for batch in found if batch.split == split])
        np.testing.assert_array_equal(places, np.arange(n))
    titles = [record.texts[0] for batch in found if batch.split == "train" for record in batch.records]
    assert titles == [example.title for i, n in ((0, 20), (1, 15)) for example in sample_texts.examples(n, seed=i)]
    assert [len(batches.sources[split]) for split in ("train", "test")] == [2, 1]
    assert sum(batch.bytes_read for batch in found) == sum(os.path.getsize(file.path) for file in [*train, *test])
    assert batches.text_bytes == sum(os.path.getsize(file.path) for file in [*train, *test])


def test_the_text_fields_are_those_of_all_files(tmp_path):
    assert text_fields(_files(tmp_path, 3, 3), SETTINGS) == ("title", "content")
    annif = TextInput(sample_texts.write_annif(tmp_path / "a.tsv", sample_texts.examples(3)))
    assert text_fields([annif], InputSettings()) == ("text",)


def test_files_that_cannot_be_read_twice_are_refused(tmp_path):
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(InputError, match="must be a regular file, because it is read more than once"):
        text_fields([TextInput(str(tmp_path / "pipe"))], SETTINGS)
