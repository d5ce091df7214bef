"""Metrics against napkinXC, scikit-learn and cases worked out by hand."""

import math

import numpy as np
import pytest
import scipy.sparse

from mach_tf.errors import InputError
from mach_tf.metrics import ranking_metrics

KS = (1, 2, 3, 5, 7)


def make_case(seed, points=60, labels=40, width=7, density=0.1):
    """Random labels (some points without any, many with fewer than k) and a random ranking."""
    rng = np.random.default_rng(seed)
    dense = scipy.sparse.random(points, labels, density, random_state=seed).toarray() > 0
    dense[[3, points - 1]] = False
    truth = scipy.sparse.csr_matrix(dense, dtype=np.float32)
    scores = rng.random((points, labels)) + 0.8 * truth.toarray()
    return np.argsort(-scores, axis=1)[:, :width], truth, rng.uniform(0.05, 1, labels)


def as_lists(top_labels, truth):
    return [list(truth[i].indices) for i in range(truth.shape[0])], [
        [int(j) for j in row if j >= 0] for row in top_labels
    ]


@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize("density", [0.02, 0.1, 0.5])
@pytest.mark.parametrize(
    ("ours", "theirs"),
    [
        ("P", "precision_at_k"),
        ("nDCG", "ndcg_at_k"),
        ("R", "recall_at_k"),
        ("coverage", "coverage_at_k"),
        ("PSP", "psprecision_at_k"),
        ("PSnDCG", "psndcg_at_k"),
    ],
)
def test_agrees_with_napkinxc(seed, density, ours, theirs):
    napkinxc = pytest.importorskip("napkinxc.metrics")
    top_labels, truth, propensities = make_case(seed, density=density)
    inverse = {"inv_ps": 1 / propensities} if ours.startswith("PS") else {}
    expected = getattr(napkinxc, theirs)(*as_lists(top_labels, truth), k=max(KS), **inverse)
    summary = ranking_metrics.summary(top_labels, truth, KS, propensities)
    for k in KS:
        assert summary[f"{ours}@{k}"] == pytest.approx(100 * expected[k - 1], abs=1e-9)


@pytest.mark.parametrize("k", KS)
def test_ndcg_agrees_with_scikit_learn(k):
    sklearn_metrics = pytest.importorskip("sklearn.metrics")
    top_labels, truth, _ = make_case(5, width=40)
    scores = np.zeros(truth.shape)
    np.put_along_axis(scores, top_labels, np.arange(40, 0, -1)[None], axis=1)
    expected = sklearn_metrics.ndcg_score(truth.toarray(), scores, k=k)
    assert ranking_metrics.summary(top_labels, truth, [k])[f"nDCG@{k}"] == pytest.approx(100 * expected, abs=1e-9)


def hand_case():
    """Three points over 6 labels: two of three labels found at ranks 1 and 3; no label; the one label at rank 2."""
    top_labels = np.array([[4, 0, 1], [0, 1, 2], [3, 5, 0]])
    truth = scipy.sparse.csr_matrix(np.array([[0, 1, 1, 0, 1, 0], [0] * 6, [0, 0, 0, 0, 0, 1]], np.float32))
    return top_labels, truth, np.array([1, 0.5, 0.1, 1, 0.25, 0.5])


def test_by_hand():
    top_labels, truth, propensities = hand_case()
    third = 1 / math.log2(4)
    second = 1 / math.log2(3)
    full = 1 + second + third
    expected = {
        "P@1": 1 / 3,
        "P@3": (2 / 3 + 1 / 3) / 3,
        "nDCG@1": 1 / 3,
        "nDCG@3": ((1 + third) / full + second) / 3,
        # hits 4 (weight 4) and 1 (weight 2); the best three are 2 (10), 4 (4), 1 (2); label 5 weighs 2.
        "PSP@1": 4 / (10 + 2),
        "PSP@3": (4 + 2 + 2) / (16 + 2),
        "PSnDCG@3": ((4 + 2 * third) / full + 2 * second) / ((10 + 4 * second + 2 * third) / full + 2),
        "R@3": (2 / 3 + 1) / 3,
        "RP@1": 1 / 3,
        "RP@3": (2 / 3 + 1) / 3,
        "coverage@1": 1 / 4,
        "coverage@3": 3 / 4,
    }
    summary = ranking_metrics.summary(top_labels, truth, [1, 3], propensities)
    for name, value in expected.items():
        assert summary[name] == pytest.approx(100 * value, abs=1e-9), name


def test_r_precision_is_the_original_codes_precision():
    top_labels, truth, _ = make_case(9, density=0.03)
    summary = ranking_metrics.summary(top_labels, truth, [5])
    lists = as_lists(top_labels, truth)
    expected = np.mean([len(set(t) & set(p[:5])) / min(max(len(t), 1), 5) for t, p in zip(*lists)])
    assert summary["RP@5"] == pytest.approx(100 * expected, abs=1e-9)
    assert summary["RP@5"] > summary["P@5"]


@pytest.mark.parametrize("seed", range(3))
def test_a_perfect_ranking_scores_100(seed):
    _, truth, propensities = make_case(seed, density=0.3)
    keep = ranking_metrics.label_totals(truth) > 0
    truth = truth[keep]
    best = np.argsort(-truth.toarray() / propensities, axis=1, kind="stable")[:, :7]
    summary = ranking_metrics.summary(best, truth, KS, propensities)
    for k in KS:
        for name in ("nDCG", "PSP", "PSnDCG", "RP"):
            assert summary[f"{name}@{k}"] == pytest.approx(100)


def test_missing_predictions_are_never_hits():
    truth = scipy.sparse.csr_matrix(np.ones((2, 2), np.float32))
    assert ranking_metrics.hits(np.array([[0, -1], [-1, -1]]), truth).tolist() == [[True, False], [False, False]]
    assert ranking_metrics.summary(np.array([[0, -1], [-1, -1]]), truth, [2], np.ones(2))["PSP@2"] == pytest.approx(25)


def test_empty_rows_at_both_ends():
    truth = scipy.sparse.csr_matrix(np.array([[0, 0, 0], [1, 0, 1], [0, 0, 0]], np.float32))
    assert ranking_metrics.hits(np.array([[0, 2], [0, 2], [0, 2]]), truth).tolist() == [
        [False] * 2,
        [True] * 2,
        [False] * 2,
    ]


def test_points_without_any_label_give_zero_everywhere():
    summary = ranking_metrics.summary(np.array([[0, 1]]), scipy.sparse.csr_matrix((1, 3)), [1, 2], np.ones(3))
    assert set(summary.values()) == {0.0}


def test_cut_offs_ascend_and_come_once():
    assert ranking_metrics.cut_offs((5, 1, 3, 1), 9) == [1, 3, 5]
    assert ranking_metrics.cut_offs(np.array([9]), 9) == [9]


@pytest.mark.parametrize(("labels", "expected"), [(1, [1]), (2, [1]), (4, [1, 3]), (5, [1, 3, 5]), (9, [1, 3, 5])])
def test_the_default_cut_offs_end_at_the_number_of_labels(labels, expected):
    assert ranking_metrics.cut_offs(None, labels) == expected


@pytest.mark.parametrize(
    ("ks", "rule"),
    [
        ([], r"positive whole numbers \(got \)"),
        ([0], r"positive whole numbers \(got 0\)"),
        ([1, 1.5], r"positive whole numbers \(got 1,1\.5\)"),
        ([1, 10], r"not exceed the 9 labels \(got 10\)"),
    ],
)
def test_other_cut_offs_are_refused(ks, rule):
    with pytest.raises(InputError, match=f"ks must .*{rule}"):
        ranking_metrics.cut_offs(ks, 9)


@pytest.mark.parametrize("ks", [[0], [4], [], [1, -1]])
def test_refuses_a_cut_off_out_of_range(ks):
    top_labels, truth, _ = hand_case()
    with pytest.raises(ValueError, match=r"k must be in \[1, 3\]"):
        ranking_metrics.per_point(top_labels, truth, ks)


@pytest.mark.parametrize(
    ("top_labels", "rule"), [([[0]], r"\[3, k\]"), ([[6], [0], [0]], "label ids"), ([[-2], [0], [0]], "label ids")]
)
def test_refuses_predictions_that_do_not_fit(top_labels, rule):
    with pytest.raises(ValueError, match=rule):
        ranking_metrics.hits(np.array(top_labels), hand_case()[1])


def test_per_point_values_make_up_the_summary():
    top_labels, truth, propensities = make_case(2)
    parts = ranking_metrics.per_point(top_labels, truth, KS, propensities)
    assert all(p.numerator.shape == p.denominator.shape == (60,) for p in parts.values())
    summary = ranking_metrics.summary(top_labels, truth, KS, propensities)
    assert list(summary)[: len(parts)] == list(parts)
    assert summary["P@5"] == pytest.approx(100 * parts["P@5"].numerator.mean())


def test_with_one_label_per_point_accuracy_is_the_share_of_points_whose_label_is_found():
    labels = scipy.sparse.csr_matrix(np.eye(4)[[0, 1, 2, 3]])
    top = np.array([[0, 1, 2], [2, 1, 0], [0, 1, 3], [3, 2, 1]])
    found = ranking_metrics.per_point(top, labels, [1, 3], one_label=True)
    percent = {name: metric.percent for name, metric in found.items() if name[:5] in ("accur", "error")}
    assert percent == {"accuracy@1": 50, "accuracy@3": 75, "error@1": 50, "error@3": 25}
    assert not any("accuracy" in name for name in ranking_metrics.per_point(top, labels, [1, 3]))
