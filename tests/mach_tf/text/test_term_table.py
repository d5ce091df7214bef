from __future__ import annotations

import collections

import numpy as np
import pytest

from mach_tf.text.term_table import TermTable


@pytest.mark.parametrize("features", [0, 1, 2, 256, 257, 5000])
def test_known_terms_are_counted_by_record_and_id(features):
    generator = np.random.default_rng(features)
    # Among the extremes of int64, and with equal low bits, which choose the slot.
    known = np.unique([*generator.integers(-(2**63), 2**63, features) >> 8 << 8, 0, -1, 2**63 - 1, -(2**63)])
    known = generator.permutation(known)[:features]
    unknown = generator.integers(-(2**63), 2**63, 50)
    lengths = np.array([0, 1, 900, 0, *generator.integers(0, 60, 40), 0])
    splits = np.concatenate([[0], np.cumsum(lengths)])
    occurring = generator.choice(np.concatenate([known, unknown]), splits[-1])
    weights = generator.choice(np.float32([0.3, 1, 2.5]), splits[-1])
    found = TermTable(known).count(splits, occurring, weights)
    ids = {int(key): i for i, key in enumerate(known)}
    for row in range(len(lengths)):
        counts, first = collections.defaultdict(float), {}
        for i in range(splits[row], splits[row + 1]):
            term = ids.get(int(occurring[i]))
            if term is not None:
                counts[term] += float(weights[i])
                first.setdefault(term, i)
        own = slice(found.row_splits[row], found.row_splits[row + 1])
        assert found.ids[own].tolist() == sorted(counts)
        # In the order of the occurrences: sums of three weights depend on it.
        assert dict(zip(found.ids[own].tolist(), found.counts[own].tolist())) == counts
        assert dict(zip(found.ids[own].tolist(), found.first[own].tolist())) == first
        assert (found.rows[own] == row).all()
    assert found.row_splits[-1] == len(found.ids)


def test_no_records_have_no_terms():
    found = TermTable(np.array([7])).count(np.zeros(1, np.int64), np.zeros(0, np.int64), np.zeros(0, np.float32))
    assert [len(part) for part in found] == [1, 0, 0, 0, 0]
