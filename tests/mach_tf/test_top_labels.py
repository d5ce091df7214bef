"""Scores for users: a dense copy of the sparse form must rank as the decoder does, whatever rounding makes equal."""

from __future__ import annotations

import numpy as np
import pytest

from mach_tf import estimators
from mach_tf.errors import InputError
from mach_tf.top_labels import default_k, top_labels

LABELS = 50


def decoded(estimator, seed):
    """Scores that fall, with ties, of which many are extreme: sigmoids that round to 0 or to 1, or to each other."""
    generator = np.random.default_rng(seed)
    if estimator == "logit_mean":
        scores = generator.choice([1e-3, 1.0, 30.0, 100.0, 1e4, 3e38], (40, 1)) * generator.normal(size=(40, 12))
        scores[::3] = 4 + generator.integers(0, 4, (14, 12)) * 4.8e-7  # neighbours in float32
    else:
        scores = generator.random((40, 12)) ** generator.choice([0.001, 1, 40, 1000], (40, 1))
    scores = np.clip(scores, -3e38, 3e38).astype(np.float32)
    scores[:, 5] = scores[:, 4]
    labels = np.argsort(generator.random((40, LABELS)), axis=1)[:, :12].astype(np.int32)
    order = np.lexsort((labels, -scores), axis=1)  # ties go to the smaller id, as in the decoder
    return np.take_along_axis(labels, order, 1), np.take_along_axis(scores, order, 1)


@pytest.mark.parametrize("estimator", estimators.ESTIMATORS)
@pytest.mark.parametrize("seed", range(5))
@pytest.mark.parametrize("buckets", [2, 1000])
def test_a_dense_copy_ranks_as_the_decoder_does(estimator, seed, buckets):
    labels, scores = decoded(estimator, seed)
    found = top_labels(labels, scores, estimator, buckets, "probability")
    dense = found.matrix(LABELS).toarray()
    np.testing.assert_array_equal(np.argsort(-dense, axis=1, kind="stable")[:, :12], labels)
    assert found.scores.dtype == np.float32 and found.scores.min() > 0 and found.scores.max() <= 1
    exact = estimators.probabilities(scores, estimator, buckets)
    np.testing.assert_allclose(found.scores, exact, rtol=1e-5, atol=1e-37)
    falls = scores[:, 1:] < scores[:, :-1]
    np.testing.assert_array_equal(found.scores[:, 1:] < found.scores[:, :-1], falls)


def test_fewer_labels_have_the_same_scores():
    labels, scores = decoded("logit_mean", 0)
    many = top_labels(labels, scores, "logit_mean", 8, "probability")
    few = top_labels(labels[:, :3], scores[:, :3], "logit_mean", 8, "probability")
    np.testing.assert_array_equal(few.scores, many.scores[:, :3])


@pytest.mark.parametrize("estimator", estimators.ESTIMATORS)
def test_logit_gives_the_label_scores(estimator):
    labels, scores = decoded(estimator, 1)
    found = top_labels(labels, scores, estimator, 8, "logit")
    np.testing.assert_array_equal(found.scores, estimators.reported(scores, estimator, 8))


def test_another_scale_is_refused():
    with pytest.raises(InputError, match="scores must be one of probability, logit"):
        top_labels(*decoded("mean", 0), "mean", 8, "percent")


@pytest.mark.parametrize("estimator", estimators.ESTIMATORS)
@pytest.mark.parametrize("scale", ["probability", "logit"])
def test_labels_below_a_probability_are_left_out(estimator, scale):
    labels, scores = decoded(estimator, 2)
    whole = top_labels(labels, scores, estimator, 8, scale)
    probabilities = top_labels(labels, scores, estimator, 8, "probability").scores
    threshold = float(np.median(probabilities))
    found = top_labels(labels, scores, estimator, 8, scale, threshold)
    kept = probabilities >= threshold
    assert kept.any() and not kept.all()
    np.testing.assert_array_equal(found.labels, np.where(kept, labels, -1))
    np.testing.assert_array_equal(found.scores[kept], whole.scores[kept])
    assert set(found.scores[~kept]) == {0 if scale == "probability" else -np.inf}
    rows = found.matrix(LABELS)
    assert rows.nnz == kept.sum() and rows.dtype == np.float32
    for row, labels_of_row, present in zip(rows, labels, kept):
        assert row.indices.tolist() == labels_of_row[present].tolist()


def test_labels_that_stay_come_first_whatever_they_are_ranked_by():
    """Where labels are ranked for another metric, one in the middle of a row may have the lowest probability."""
    labels, scores = np.array([[3, 1, 2], [0, 4, 5]], np.int32), np.array([[-3, 2, -1], [1, -4, -1]], np.float32)
    found = top_labels(labels, scores, "logit_mean", 8, "logit", 0.2)
    assert found.labels.tolist() == [[1, 2, -1], [0, 5, -1]]
    assert found.scores.tolist() == [[2, -1, -np.inf], [1, -1, -np.inf]]


@pytest.mark.parametrize("probability", [-0.1, 1.1, float("nan"), "0.5"])
def test_a_probability_outside_its_range_is_refused(probability):
    labels, scores = decoded("mean", 0)
    with pytest.raises(
        InputError, match=r"min_probability must be (a finite number from 0 to 1|0 or more|at most 1) \(got"
    ):
        top_labels(labels, scores, "mean", 8, "probability", probability)


def test_by_default_five_labels_are_predicted_or_all():
    assert [default_k(labels) for labels in (1, 4, 5, 6, 670_091)] == [1, 4, 5, 5, 5]
