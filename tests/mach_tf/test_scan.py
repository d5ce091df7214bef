"""Scanning all labels, packed and plainly, in any number of parts, against a sort."""

from __future__ import annotations

import numpy as np
import pytest

from mach_tf import scan, sketch

WIDTH, COUNT = 40, 3000


def problem(repetitions, kind, points=9):
    generator = np.random.default_rng(repetitions)
    shape = (points, repetitions, WIDTH)
    scores = {
        "random": lambda: generator.random(shape),
        "shifted": lambda: generator.normal(1000, 1e-3, shape),
        "ties": lambda: generator.integers(0, 2, shape),
        "outlier": lambda: np.where(generator.random(shape) < 0.001, 1e6, generator.random(shape)),
    }[kind]().astype(np.float32)
    table = generator.integers(0, WIDTH, (repetitions, COUNT)).astype(np.int32)
    expected = sketch.label_scores(scores, table, np.tile(np.arange(COUNT), (points, 1)), "mean")
    by_label = np.ascontiguousarray(table.T.astype(np.uint16))
    return scores, by_label, np.argsort(-expected, axis=1, kind="stable")[:, :6]


@pytest.mark.parametrize("kind", ["random", "shifted", "ties", "outlier"])
@pytest.mark.parametrize("repetitions", [1, 4, 16, 100])
@pytest.mark.parametrize("largest", scan.PACKINGS)
@pytest.mark.parametrize("chunks", [1, 3])
def test_packed(repetitions, kind, largest, chunks):
    scores, by_label, expected = problem(repetitions, kind)
    labels, values = np.full((9, 6), -7, np.int32), np.empty((9, 6), np.float32)
    points = np.array([0, 2, 3, 5, 6, 7, 8])
    left = scan.scan_packed(scores, by_label, points, chunks, largest, labels, values)
    done = np.setdiff1d(points, left)
    np.testing.assert_array_equal(labels[done], expected[done])
    assert (labels[[1, 4]] == -7).all()
    if kind == "random":
        assert len(left) == 0


def test_points_that_cannot_be_packed_are_left():
    scores, by_label, _ = problem(4, "random")
    scores[1] = 0.5
    scores[2, 1, 3] = np.inf
    labels, values = np.empty((9, 6), np.int32), np.empty((9, 6), np.float32)
    left = scan.scan_packed(scores, by_label, np.arange(9), 1, scan.PACKINGS[0], labels, values)
    assert {1, 2} <= set(left.tolist())


@pytest.mark.parametrize("chunks", [1, 4])
def test_plainly(chunks):
    scores, by_label, expected = problem(5, "ties")
    labels, values = np.empty((9, 6), np.int32), np.empty((9, 6), np.float32)
    scan.scan_plainly(scores, by_label, scan.MEAN, np.arange(9), chunks, labels, values)
    np.testing.assert_array_equal(labels, expected)


def test_insert_keeps_order_and_takes_a_label_once():
    labels, values = np.full(3, scan.NO_LABEL, np.int32), np.full(3, -np.inf, np.float32)
    for label, score in ((5, 1.0), (3, 1.0), (5, 1.0), (9, 2.0), (1, 0.5), (4, 1.0)):
        worst = scan.insert(labels, values, np.int32(label), np.float32(score))
    assert labels.tolist() == [9, 3, 4] and values.tolist() == [2, 1, 1] and worst == 1
