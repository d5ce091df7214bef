"""Scanning by blocks, in any number of parts, against a sort; and that it scores few labels."""

from __future__ import annotations

import numpy as np
import pytest

from mach_tf import estimators
from mach_tf.buckets import invert
from mach_tf.decoding.best_list import NO_LABEL, BestList
from mach_tf.decoding.block_scan import scan_blocks
from mach_tf.decoding.table import both_ways

WIDTH, COUNT = 40, 4000
ESTIMATORS = {estimators.MEAN: "mean", estimators.MIN: "min", estimators.MEDIAN: "median"}


def problem(generator, kind, points, repetitions):
    shape = (points, repetitions, WIDTH)
    scores = {
        "random": lambda: generator.random(shape),
        "normal": lambda: generator.normal(-8, 1.3, shape),
        "shifted": lambda: generator.normal(1000, 1e-3, shape),
        "ties": lambda: generator.integers(0, 2, shape),
        "outlier": lambda: np.where(generator.random(shape) < 0.001, 1e6, generator.random(shape)),
        "low outlier": lambda: np.where(generator.random(shape) < 0.001, -1e30, generator.random(shape)),
        "peaked": lambda: np.where(generator.random(shape) < 0.05, 1, 1e-4) * generator.random(shape),
    }[kind]().astype(np.float32)
    return scores, generator.integers(0, WIDTH, (repetitions, COUNT)).astype(np.int32)


def scanned(scores, table, kind, points, chunks=1, k=6, known=None):
    best = BestList.empty(len(scores), k)
    if known is not None:
        best.labels[:, 0], best.values[:, 0] = known
    both = both_ways(table, invert(table, WIDTH))
    return scan_blocks(scores, both, kind, points, chunks, best), best.labels, best.values


def every_score(scores, table, kind):
    return estimators.label_scores(scores, table, np.tile(np.arange(COUNT), (len(scores), 1)), ESTIMATORS[kind])


@pytest.mark.parametrize("kind", ["random", "normal", "shifted", "ties", "outlier", "low outlier", "peaked"])
@pytest.mark.parametrize("repetitions", [1, 16, 100])
@pytest.mark.parametrize("estimator", ESTIMATORS)
@pytest.mark.parametrize("chunks", [1, 3])
def test_it_finds_what_a_sort_does(repetitions, kind, estimator, chunks):
    generator = np.random.default_rng(repetitions)
    scores, table = problem(generator, kind, 9, repetitions)
    points = np.array([0, 2, 3, 5, 6, 7, 8])
    scored, labels, values = scanned(scores, table, estimator, points, chunks)
    expected = every_score(scores, table, estimator)[points]
    order = np.argsort(-expected, axis=1, kind="stable")[:, :6]
    done = scored >= 0
    np.testing.assert_array_equal(labels[points][done], order[done])
    np.testing.assert_array_equal(values[points][done], np.take_along_axis(expected, order, axis=1)[done])
    assert (labels[[1, 4]] == NO_LABEL).all()
    if kind in ("random", "normal") and repetitions <= 16:
        assert done.all()


@pytest.mark.parametrize("points", [1, 63, 64, 65, 200])
def test_blocks_that_are_not_full(points):
    scores, table = problem(np.random.default_rng(points), "normal", points, 8)
    scored, labels, _ = scanned(scores, table, estimators.MEAN, np.arange(points))
    expected = np.argsort(-every_score(scores, table, estimators.MEAN), axis=1, kind="stable")[:, :6]
    np.testing.assert_array_equal(labels, expected)
    assert (scored >= 0).all() and scored.mean() < COUNT / 3


def test_it_adds_to_what_is_known():
    scores, table = problem(np.random.default_rng(0), "normal", 3, 8)
    expected = every_score(scores, table, estimators.MEAN)
    order = np.argsort(-expected, axis=1, kind="stable")[:, :6]
    best = order[:, 0]
    _, labels, _ = scanned(scores, table, estimators.MEAN, np.arange(3), known=(best, expected[np.arange(3), best]))
    np.testing.assert_array_equal(labels, order)
    _, labels, _ = scanned(scores, table, estimators.MEAN, np.arange(3), known=(COUNT, 100))
    np.testing.assert_array_equal(labels, np.column_stack([np.full(3, COUNT), order[:, :5]]))


@pytest.mark.parametrize("k", [1, 50, 2000, COUNT])
def test_many_labels_asked_for(k):
    scores, table = problem(np.random.default_rng(k), "normal", 3, 8)
    scored, labels, _ = scanned(scores, table, estimators.MEAN, np.arange(3), k=k)
    expected = np.argsort(-every_score(scores, table, estimators.MEAN), axis=1, kind="stable")[:, :k]
    np.testing.assert_array_equal(labels[scored >= 0], expected[scored >= 0])


def test_points_whose_labels_cannot_be_told_apart_are_left():
    scores, table = problem(np.random.default_rng(1), "random", 9, 4)
    scores[1] = 0.5
    scores[2, 1, 3] = -np.inf
    scores[3] = -np.inf
    scored, _, _ = scanned(scores, table, estimators.MEAN, np.arange(9))
    assert np.flatnonzero(scored < 0).tolist() == [1, 2, 3]
