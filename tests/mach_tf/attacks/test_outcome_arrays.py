"""Outcomes survive an .npz file."""

import dataclasses

import numpy as np
import pytest

from mach_tf.attacks import outcome_arrays
from mach_tf.attacks.attack_run import Outcome


def outcome(seed, targets=False, parts=None):
    rng = np.random.default_rng(seed)
    chosen = rng.integers(-1, 9, 4) if targets else None
    top_labels = rng.integers(0, 9, (4, 2)).astype(np.int32)
    return Outcome(0.1 * seed, top_labels, rng.random(4), rng.random(4), chosen, parts or {})


def same(ours, theirs):
    for field in dataclasses.fields(Outcome):
        our, their = (getattr(each, field.name) for each in (ours, theirs))
        if field.name == "parts":
            assert list(our) == list(their)
            for name in our:
                same(our[name], their[name])
        else:
            np.testing.assert_array_equal(our, their)
            assert type(our) is type(their)


@pytest.mark.parametrize("count", [1, 12])
def test_there_and_back(tmp_path, count):
    parts = {"margin (apgd)": outcome(7), "precision@5 (apgd)": outcome(8)}
    outcomes = [outcome(i, targets=i % 2 == 1, parts=parts if i % 3 == 0 else None) for i in range(count)]
    path = tmp_path / "part.npz"
    np.savez(path, **outcome_arrays.to_arrays(outcomes))
    with np.load(path, allow_pickle=False) as arrays:
        found = outcome_arrays.from_arrays({name: arrays[name] for name in arrays.files})
    assert len(found) == count
    for ours, theirs in zip(found, outcomes):
        same(ours, theirs)
