"""Generated records: decided by the seed, in Zipf's proportions, as long as they should be."""

from __future__ import annotations

import collections
import json

import numpy as np
import pytest

from benchmarks import synthetic_text


@pytest.fixture(autouse=True)
def fewer_words(monkeypatch):
    monkeypatch.setattr(synthetic_text, "WORDS", 3000)


def read(path):
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]


def test_the_seed_decides_the_file(tmp_path):
    for name, seed in (("one", 1), ("same", 1), ("other", 2)):
        synthetic_text.write_records(str(tmp_path / name), 50, seed)
    assert (tmp_path / "one").read_bytes() == (tmp_path / "same").read_bytes() != (tmp_path / "other").read_bytes()


def test_shape_of_the_records(tmp_path, monkeypatch):
    monkeypatch.setattr(synthetic_text, "_CHUNK", 700)  # the last chunk is a short one
    synthetic_text.write_records(str(tmp_path / "file"), 2000)
    records = read(tmp_path / "file")
    assert len(records) == 2000 and all(list(record) == ["text", "labels"] for record in records)
    words = [record["text"].lower().rstrip(".").split(" ") for record in records]
    assert np.mean([len(row) for row in words]) == pytest.approx(synthetic_text.WORDS_PER_RECORD, rel=0.03)
    tags = [len(record["labels"]) for record in records]
    assert min(tags) >= 1 and max(tags) == synthetic_text.TAGS_PER_RECORD
    assert all(len(set(record["labels"])) == len(record["labels"]) for record in records)
    counts = [count for _, count in collections.Counter(word for row in words for word in row).most_common()]
    # 1 / rank: the first word has twice the share of the second, and the upper ten some 2.3 / 8 of all.
    assert 0.15 < sum(counts[:10]) / sum(counts) < 0.5 and len(counts) > 1500
    pairs = collections.Counter(pair for row in words for pair in zip(row, row[1:]))
    assert sum(count for count in pairs.values() if count > 1) > 0.3 * sum(pairs.values())
