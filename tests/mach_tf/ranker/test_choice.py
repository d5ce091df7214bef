"""The choice of the penalty: small where labels are noisy."""

from __future__ import annotations

import numpy as np
import pytest
import scipy.sparse

from mach_tf.ranker import choice, classifiers
from tests.mach_tf.ranker.test_classifiers import clustered


def noisy(points=400, labels=30, columns=40, seed=0):
    """Labels that hang on single features, and then mostly on chance."""
    generator = np.random.default_rng(seed)
    x = (generator.random((points, columns)) < 0.2).astype(np.float32)
    x /= np.maximum(np.linalg.norm(x, axis=1, keepdims=True), 1)
    chance = 0.02 + 0.2 * (x[:, :labels] > 0)
    return scipy.sparse.csr_matrix(x), scipy.sparse.csr_matrix(
        generator.random((points, labels)) < chance, dtype=np.float32
    )


def chosen(features, labels, seed=0):
    return choice.choose(features, labels, classifiers.candidates(features, labels), seed)


def test_clear_labels_keep_the_largest_penalty():
    features, labels, _ = clustered()
    found = chosen(features, labels)
    assert found.penalty == choice.PENALTIES[0] and found.points == 90
    assert found.precision > 100 * (1 + 1 / 3 + 1 / 5) / 3 * 0.9  # one label a point


def test_noise_takes_a_smaller_one():
    features, labels = noisy()
    assert chosen(features, labels).penalty < choice.PENALTIES[0]


@pytest.mark.parametrize(
    ("precisions", "tried", "chosen_penalty"),
    [
        ((70.0, 69.0, 90.0, 90.0), 2, 1.0),
        ((70.0, 71.0, 70.9, 90.0), 3, 1.0),
        ((70.0, 70.0, 75.0, 75.0), 4, 0.1),
        ((10.0, 20.0, 30.0, 40.0), 4, 0.03),
    ],
)
def test_no_penalty_is_tried_after_one_that_ranks_worse(monkeypatch, precisions, tried, chosen_penalty):
    features, labels = noisy()
    near = classifiers.candidates(features, labels)
    found = iter(precisions)
    monkeypatch.setattr(choice, "_precision", lambda *_: next(found))
    assert choice.choose(features, labels, near, 0).penalty == chosen_penalty
    assert len(list(found)) == len(precisions) - tried


def test_the_seed_chooses_the_points():
    features, labels = noisy()
    assert chosen(features, labels) == chosen(features, labels)
    assert chosen(features, labels).precision != chosen(features, labels, seed=1).precision


def test_the_smallest_data():
    features, labels, _ = clustered(points=2, labels=2)
    assert chosen(features, labels) == (choice.PENALTIES[0], 100.0, 1)


def test_half_an_assignment_per_label_is_enough():
    features, labels = noisy(points=100, labels=30)
    count = chosen(features, labels).points
    rest = np.random.default_rng(0).permutation(100)[count:]
    for width, held in ((2 * labels[rest].nnz, count), (2 * labels[rest].nnz + 1, 0)):
        padded = scipy.sparse.hstack([labels, scipy.sparse.csr_matrix((100, width - 30))], "csr")
        assert chosen(features, padded).points == held


def test_labels_with_too_few_points_take_the_largest_penalty():
    features, labels = noisy(points=20, labels=30)
    rare = scipy.sparse.hstack([labels, scipy.sparse.csr_matrix((20, 500))], "csr")
    assert chosen(features, rare) == (choice.PENALTIES[0], 0.0, 0)
