"""Exact decoding against a full sort of all label scores, on every path through it."""

from __future__ import annotations

import numpy as np
import pytest

from mach_tf import estimators
from mach_tf.decoding import decode
from mach_tf.decoding.best_list import BestList
from mach_tf.decoding.decode import Decoder

BUCKETS = 50


def peaked(generator, points, repetitions, table):
    """Logits of a trained model: few high buckets over a low background."""
    logits = generator.normal(-8, 1.5, (points, repetitions, BUCKETS))
    for point in range(points):
        for label in generator.integers(0, table.shape[1], 4):
            for r in range(repetitions):
                logits[point, r, table[r, label]] = generator.normal(generator.normal(0, 2), 1)
    return logits


def sketches(kind, generator, points, repetitions, table):
    shape = (points, repetitions, BUCKETS)
    if kind == "peaked":
        return peaked(generator, points, repetitions, table)
    return {
        "flat": lambda: generator.normal(-3, 0.1, shape),
        "wide": lambda: generator.normal(0, 5, shape),
        "constant": lambda: np.full(shape, -2.0),
        "ties": lambda: generator.integers(-2, 2, shape).astype(float),
        "nearly equal": lambda: 1 + generator.integers(0, 3, shape) * 2.0**-23,
        "saturated": lambda: generator.choice([-200.0, 200.0], shape),
        "infinite": lambda: generator.choice([-np.inf, -1.0, 2.0], shape),
        "one repetition decides": lambda: generator.normal(0, 1, shape) * (np.arange(repetitions) == 0)[:, None],
        "plateau": lambda: np.where(generator.random(shape) < 0.5, 1.0, -1.0) + generator.normal(0, 1e-3, shape),
        "huge": lambda: generator.normal(0, 1e30, shape),
    }[kind]()


KINDS = (
    *("peaked", "flat", "wide", "constant", "ties", "nearly equal", "saturated"),
    *("infinite", "one repetition decides", "plateau", "huge"),
)


def brute_force(scores, table, k, estimator):
    count = table.shape[1]
    every = np.broadcast_to(np.arange(count), (len(scores), count))
    with np.errstate(invalid="ignore"):
        values = estimators.label_scores(scores, table, every, estimator)
    order = np.argsort(-values, axis=1, kind="stable")[:, :k]
    return order, np.take_along_axis(values, order, axis=1)


@pytest.fixture(params=["search", "scan", "as chosen"])
def path(request, monkeypatch):
    """Makes decoding search even few labels and never give up, or never search, or choose by itself."""
    if request.param == "search":
        monkeypatch.setattr(decode, "_FEW_LABELS", 1)
        monkeypatch.setattr(decode, "_SEARCH_TIME", dict.fromkeys(decode._SEARCH_TIME, 1e-9))
    elif request.param == "scan":
        monkeypatch.setattr(decode, "_FEW_LABELS", 10**9)
    return request.param


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("repetitions", [1, 2, 5, 16])
@pytest.mark.parametrize("estimator", estimators.ESTIMATORS)
def test_the_top_k_are_those_of_a_full_sort(path, estimator, repetitions, kind):
    generator = np.random.default_rng(len(kind) * repetitions)
    table = generator.integers(0, BUCKETS, (repetitions, 1500)).astype(np.int32)
    decoder = Decoder.of(table, BUCKETS)
    logits = sketches(kind, generator, 6, repetitions, table).astype(np.float32)
    scores = estimators.bucket_scores(logits, estimator)
    for k in (1, 5, 40):
        found = decoder.top_k(scores, k, estimator)
        labels, values = brute_force(scores, table, k, estimator)
        np.testing.assert_array_equal(found.labels, labels)
        np.testing.assert_array_equal(found.scores, values)


@pytest.mark.parametrize("estimator", estimators.ESTIMATORS)
@pytest.mark.parametrize(("count", "k"), [(1, 1), (2, 2), (7, 7), (60, 60), (3000, 3000)])
def test_k_up_to_all_labels(path, estimator, count, k):
    generator = np.random.default_rng(count)
    table = generator.integers(0, BUCKETS, (3, count)).astype(np.int32)
    scores = estimators.bucket_scores(generator.normal(size=(2, 3, BUCKETS)), estimator)
    found = Decoder.of(table, BUCKETS).top_k(scores, k, estimator)
    np.testing.assert_array_equal(found.labels, brute_force(scores, table, k, estimator)[0])


@pytest.mark.parametrize("estimator", estimators.ESTIMATORS)
def test_a_peaked_sketch_is_decoded_without_scoring_most_labels(estimator):
    generator = np.random.default_rng(0)
    count, repetitions, width = 100_000, 8, 1000
    table = generator.integers(0, width, (repetitions, count)).astype(np.int32)
    logits = generator.normal(-9, 1, (20, repetitions, width))
    for point in range(20):
        logits[point, np.arange(repetitions), table[:, generator.integers(0, count, 5)].T] = 2
    scores = estimators.bucket_scores(logits, estimator)
    found = Decoder.of(table, width).top_k(scores, 5, estimator)
    np.testing.assert_array_equal(found.labels, brute_force(scores, table, 5, estimator)[0])
    assert found.scored.max() < count / 20


@pytest.mark.parametrize("points", [1, 5, 40])
def test_flat_sketches_are_scanned_after_little_search(points):
    generator = np.random.default_rng(0)
    table = generator.integers(0, 500, (8, 50_000)).astype(np.int32)
    found = Decoder.of(table, 500).top_k(generator.random((points, 8, 500), np.float32), 5, "mean")
    assert found.scanned.all()
    # One point is scanned plainly; for many points, most labels are only bounded.
    assert found.scored.max() < (51_000 if points == 1 else 5_000)


@pytest.mark.parametrize("estimator", ["mean", "logit_mean"])
def test_a_few_hard_points_among_easy_ones_are_searched_longer(estimator):
    generator = np.random.default_rng(0)
    count, repetitions, width, points = 200_000, 8, 2000, np.arange(60)
    table = generator.integers(0, width, (repetitions, count)).astype(np.int32)
    logits = generator.normal(-9, 1, (60, repetitions, width))
    hard = [40, 50]
    for point in points:
        labels = generator.integers(0, count, 60 if point in hard else 5)
        logits[point, np.arange(repetitions), table[:, labels].T] = generator.normal(1, 1, (len(labels), repetitions))
    scores = estimators.bucket_scores(logits, estimator)
    decoder = Decoder.of(table, width)
    found = decoder.top_k(scores, 5, estimator)
    np.testing.assert_array_equal(found.labels, brute_force(scores, table, 5, estimator)[0])
    kind = estimators.get(estimator).kernel
    searched_once = decoder._search(scores, kind, points, decoder._budget(60, kind), BestList.empty(60, 5))
    assert np.flatnonzero(searched_once < 0).tolist() == hard
    assert not found.scanned.any()
    assert found.scored.max() < count / 100


@pytest.mark.parametrize("points", [0, 1, 3, 4, 9, 130])
def test_any_number_of_points(path, points):
    generator = np.random.default_rng(points)
    table = generator.integers(0, BUCKETS, (4, 400)).astype(np.int32)
    scores = generator.normal(size=(points, 4, BUCKETS)).astype(np.float32)
    found = Decoder.of(table, BUCKETS).top_k(scores, 5, "logit_mean")
    assert found.labels.shape == found.scores.shape == (points, 5) and found.scored.shape == (points,)
    np.testing.assert_array_equal(found.labels, brute_force(scores, table, 5, "logit_mean")[0])


def test_the_first_repetitions_alone():
    generator = np.random.default_rng(5)
    table = generator.integers(0, BUCKETS, (6, 300)).astype(np.int32)
    scores = generator.normal(size=(3, 6, BUCKETS)).astype(np.float32)
    found = Decoder.of(table, BUCKETS).first(2).top_k(scores[:, :2], 5, "mean")
    np.testing.assert_array_equal(found.labels, brute_force(scores[:, :2], table[:2], 5, "mean")[0])


@pytest.mark.slow  # another type of table compiles all kernels anew
def test_more_buckets_than_16_bits_count():
    generator = np.random.default_rng(6)
    table = generator.integers(0, 70_000, (2, 1000)).astype(np.int32)
    table[:, :3] = 69_999
    scores = np.zeros((1, 2, 70_000), np.float32)
    scores[..., 69_999] = 1
    assert Decoder.of(table, 70_000).top_k(scores, 3, "mean").labels.tolist() == [[0, 1, 2]]


@pytest.mark.parametrize("shape", [(2, 3, BUCKETS - 1), (2, 4, BUCKETS), (3, BUCKETS)])
def test_scores_of_another_shape_are_refused(shape):
    table = np.zeros((3, 20), np.int32)
    with pytest.raises(ValueError, match=r"must be \[n, 3, 50\]"):
        Decoder.of(table, BUCKETS).top_k(np.zeros(shape, np.float32), 1, "mean")


@pytest.mark.parametrize("bits", [0x7FC00000, 0xFFC00000, 0x7F800001, 0xFF800001])
def test_nan_is_refused(bits):
    scores = np.full((2, 3, BUCKETS), -np.inf, np.float32)
    scores.view(np.uint32)[1, 2, 3] = bits
    with pytest.raises(ValueError, match="must not be NaN"):
        Decoder.of(np.zeros((3, 20), np.int32), BUCKETS).top_k(scores, 1, "mean")
