"""Head, torso and tail by hand, and by a plain loop."""

import numpy as np
import pytest
import scipy.sparse

from mach_tf.metrics import breakdown, ranking_metrics


def test_groups_by_hand():
    # 18 assignments, thirds of 6: label 2 fills the first; 0 and 4 the second; the rest is tail, the unseen label 5 too.
    counts = np.array([3, 2, 6, 2, 3, 0, 2])
    expected = ["torso", "tail", "head", "tail", "torso", "tail", "tail"]
    assert [breakdown.GROUPS[g] for g in breakdown.label_groups(counts)] == expected


@pytest.mark.parametrize("seed", range(5))
def test_groups_hold_about_a_third_each_and_are_ordered(seed):
    counts = np.random.default_rng(seed).zipf(1.6, 3000).clip(max=200)
    groups = breakdown.label_groups(counts)
    mass = np.bincount(groups, counts, minlength=3) / counts.sum()
    assert np.abs(mass - 1 / 3).max() <= counts.max() / counts.sum()
    assert counts[groups == 0].min() >= counts[groups == 1].max()
    assert counts[groups == 1].min() >= counts[groups == 2].max()


def test_one_label_holds_the_middle():
    assert breakdown.label_groups(np.array([7])).tolist() == [1]
    assert breakdown.label_groups(np.zeros(3, np.int64)).tolist() == [2, 2, 2]


@pytest.mark.parametrize("k", [1, 3, 5])
def test_contributions_against_a_loop(k):
    rng = np.random.default_rng(k)
    truth = scipy.sparse.csr_matrix(rng.random((50, 30)) < 0.15, dtype=np.float32)
    top_labels = np.argsort(rng.random((50, 30)) - 0.5 * truth.toarray(), axis=1)[:, :5]
    groups = rng.integers(0, 3, 30).astype(np.int8)
    result = breakdown.by_frequency(top_labels, truth, groups, k)
    dense = truth.toarray() > 0
    for index, name in enumerate(breakdown.GROUPS):
        found = sum(dense[i, j] and groups[j] == index for i in range(50) for j in top_labels[i, :k])
        present = sum(dense[i, j] and groups[j] == index for i in range(50) for j in range(30))
        predicted = sum(groups[j] == index for i in range(50) for j in top_labels[i, :k])
        assert result[name].to_json() == {
            "labels": (groups == index).sum(),
            "share": pytest.approx(100 * present / dense.sum()),
            "predicted": pytest.approx(100 * predicted / (50 * k)),
            f"P@{k}": pytest.approx(100 * found / (50 * k)),
            f"R@{k}": pytest.approx(100 * found / present),
        }
    total = sum(group.precision for group in result.values())
    assert total == pytest.approx(ranking_metrics.summary(top_labels, truth, [k])[f"P@{k}"])
    assert sum(group.share for group in result.values()) == pytest.approx(100)


def test_nothing_predicted_and_nothing_true():
    result = breakdown.by_frequency(np.full((2, 5), -1), scipy.sparse.csr_matrix((2, 4)), np.zeros(4, np.int8))
    assert result["head"].to_json() == {"labels": 4, "share": 0.0, "predicted": 0.0, "P@5": 0.0, "R@5": 0.0}
