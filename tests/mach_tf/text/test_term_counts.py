from __future__ import annotations

import collections

import numpy as np
import pytest

from mach_tf.text.term_counts import TermCounts, merged


def documents(seed, n=200, vocabulary=500):
    generator = np.random.default_rng(seed)
    # Among the extremes of int64, and with equal low bits.
    keys = np.concatenate([generator.integers(-(2**63), 2**63, vocabulary), [0, -1, 2**63 - 1, -(2**63)]])
    keys[::2] <<= 20
    rows = [generator.choice(keys, generator.integers(0, 60)) for _ in range(n)]
    return np.concatenate([[0], np.cumsum([len(row) for row in rows])]), np.concatenate(rows), rows


def frequencies(rows):
    return dict(collections.Counter(int(key) for row in rows for key in set(row.tolist())))


@pytest.mark.parametrize("slots", [1, 64, 4096])
def test_each_fingerprint_counts_once_per_document(slots):
    splits, keys, rows = documents(0)
    counts = TermCounts(slots)
    assert counts.add(splits, keys, 1 << 20) == len(rows)
    found, numbers = counts.sorted()
    assert (np.diff(found) > 0).all() and counts.size == len(found)
    assert dict(zip(found.tolist(), numbers.tolist())) == frequencies(rows)


def test_a_full_table_takes_whole_documents_until_it_is_emptied():
    splits, keys, rows = documents(1)
    counts = TermCounts(64)
    done, total = 0, collections.Counter()
    while done < len(rows):
        added = counts.add(splits[done:], keys, 256)
        assert added > 0 and counts.slots == 256
        total.update(dict(zip(*(part.tolist() for part in counts.sorted()))))
        counts.clear()
        done += added
    assert total == frequencies(rows)


def test_one_document_may_need_more_than_the_table_may_have():
    counts = TermCounts(4)
    keys = np.arange(1000)
    assert counts.add(np.array([0, 0, 1000]), keys, 16) == 2
    np.testing.assert_array_equal(counts.sorted()[0], keys)


@pytest.mark.parametrize("most", [7, 100, 10**6])
@pytest.mark.parametrize("n_runs", [1, 5])
def test_merged_runs_are_the_counts_of_all(n_runs, most):
    runs, total = [], collections.Counter()
    for seed in range(n_runs):
        splits, keys, rows = documents(seed % 3)
        counts = TermCounts(64)
        counts.add(splits, keys, 1 << 20)
        runs.append(counts.sorted())
        total.update(frequencies(rows))
    parts = list(merged(runs, most))
    found = np.concatenate([part[0] for part in parts])
    assert (np.diff(found) > 0).all()
    assert dict(zip(found.tolist(), (int(n) for part in parts for n in part[1]))) == total
    assert most > 7 or max(len(part[0]) for part in parts) < 200
