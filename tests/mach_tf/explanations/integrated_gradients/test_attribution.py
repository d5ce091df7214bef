"""Both methods give the decoder's scores; attributions that do not add up are refused with point, label and remedy."""

from __future__ import annotations

import numpy as np
import pytest
import scipy.sparse
import tensorflow as tf

from mach_tf.choices import ATTRIBUTION_METHODS
from mach_tf.classifier import SparseBatch, Weights, bucket_logits
from mach_tf.errors import InputError
from mach_tf.estimators import ESTIMATORS, bucket_scores, label_scores
from mach_tf.explanations.integrated_gradients import attribution
from mach_tf.explanations.integrated_gradients.attribution import AttributionConfig, check_complete, integrate
from mach_tf.explanations.integrated_gradients.paths import Pairs, from_zero
from mach_tf.saved_repetition import Repetition


def _setting(seed=0):
    rng = np.random.default_rng(seed)
    shapes = ((30, 16), (16,), (16, 6), (6,))
    made = [Weights(*(tf.Variable(rng.normal(size=s).astype(np.float32)) for s in shapes)) for _ in range(3)]
    repetitions = [Repetition(weights) for weights in made]
    table = rng.integers(0, 6, (3, 8)).astype(np.int32)
    matrix = scipy.sparse.random(3, 30, 0.3, "csr", random_state=seed)
    return repetitions, table, matrix, from_zero(matrix), Pairs(np.array([0, 2, 2, 4]), np.array([0, 7, 3, 1]))


@pytest.mark.parametrize("estimator", ESTIMATORS)
@pytest.mark.parametrize("method", ATTRIBUTION_METHODS)
def test_scores_are_the_decoders(estimator, method):
    if method == "exact" and estimator in ("min", "median"):
        with pytest.raises(InputError, match=f"{estimator} selects a repetition anew.*method='tape'"):
            AttributionConfig(estimator, method)
        return
    if method in ("shapley", "expected_gradients") and estimator in ("min", "median"):
        with pytest.raises(
            InputError, match=f"explains the estimators logit_mean and mean.*got {estimator}.*method='tape'"
        ):
            AttributionConfig(estimator, method)
        return
    repetitions, table, matrix, paths, pairs = _setting()
    for repetition in repetitions:  # units that rarely switch need few steps
        repetition.weights.hidden_bias.assign_add(tf.fill([16], 5.0))
    integrals = integrate(repetitions, table, paths, pairs, AttributionConfig(estimator, method, steps=64))
    batch = SparseBatch(
        *(tf.constant(a) for a in (paths.row_splits, paths.feature_ids, matrix.data.astype(np.float32)))
    )
    scores = bucket_scores(np.stack([bucket_logits(r.weights, batch).numpy() for r in repetitions], axis=1), estimator)
    every = label_scores(scores, table, np.tile(np.arange(8), (3, 1)), estimator)
    np.testing.assert_allclose(integrals.scores, every[pairs.points(), pairs.labels], rtol=1e-4, atol=1e-6)


def test_views_are_not_copies():
    repetitions, *_ = _setting()
    network, again = next(attribution.networks(repetitions)), next(attribution.networks(repetitions))
    assert network.hidden_kernel.__array_interface__["data"][0] == again.hidden_kernel.__array_interface__["data"][0]
    np.testing.assert_array_equal(network.hidden_kernel, repetitions[0].weights.hidden_kernel.numpy())


def test_too_few_steps_are_refused_with_point_label_and_remedy():
    repetitions, table, _, paths, pairs = _setting()
    with pytest.raises(InputError, match=r"point 1[02], label [0137] .*raise steps \(now 1\) or use method='exact'"):
        integrate(repetitions, table, paths, pairs, AttributionConfig("logit_mean", "tape", 1), np.array([10, 11, 12]))
    with pytest.raises(InputError, match=r"raise steps \(now 1\)\.$"):
        integrate(repetitions, table, paths, pairs, AttributionConfig("min", "tape", 1))


def test_the_worst_pair_is_named():
    repetitions, table, _, paths, pairs = _setting()
    integrals = integrate(repetitions, table, paths, pairs, AttributionConfig())
    off = integrals._replace(scores=integrals.scores + np.array([0.0, 0.1, -9.0, 0.0]))
    with pytest.raises(InputError, match=r"point 2, label 3 .*\(2 of 4 explanations"):
        check_complete(off, paths, pairs, AttributionConfig())


def test_weights_that_are_not_finite_are_refused():
    repetitions, table, _, paths, pairs = _setting()
    repetitions[1].weights.output_bias.assign(tf.fill([6], np.nan))
    with pytest.raises(InputError, match="not finite"):
        integrate(repetitions, table, paths, pairs, AttributionConfig())


@pytest.mark.parametrize(("field", "value"), [("estimator", "max"), ("method", "guess")])
def test_unknown_settings_are_refused(field, value):
    with pytest.raises(ValueError, match=f"{field} must be one of .*{value}"):
        AttributionConfig(**{field: value})


@pytest.mark.parametrize(
    ("config", "expected"),
    [
        (AttributionConfig("mean", steps=7), "exact"),
        (AttributionConfig("min", "tape", 7, "midpoint"), "tape, 7 midpoint steps"),
    ],
)
def test_describes_itself(config, expected):
    assert config.describe() == expected


@pytest.mark.parametrize("method", ["exact", "shapley", "expected_gradients"])
def test_methods_that_need_sums_of_units_are_refused_for_one_class_per_point(method):
    repetitions, table, _, paths, pairs = _setting()
    multiclass = [Repetition(each.weights, multiclass=True) for each in repetitions]
    with pytest.raises(InputError, match=rf"The method must be tape for a model .* \(got {method}\)"):
        integrate(multiclass, table, paths, pairs, AttributionConfig(method=method))


@pytest.mark.parametrize("multiclass", [False, True])
@pytest.mark.parametrize("estimator", ESTIMATORS)
def test_gradient_x_input_is_the_change_for_small_moves(estimator, multiclass):
    repetitions, table, _, paths, pairs = _setting()
    repetitions = [Repetition(each.weights, multiclass=multiclass) for each in repetitions]
    config = AttributionConfig(estimator, "gradient_x_input")
    found = integrate(repetitions, table, paths, pairs, config)
    values, entries = found.attributions(paths, pairs), found.entries(paths, pairs)
    for feature in range(0, len(paths.feature_ids), 3):
        # The path's end moves by a thousandth of the feature's value.
        moved = paths._replace(
            difference=paths.difference * np.where(np.arange(len(paths.feature_ids)) == feature, 1.001, 1)
        )
        change = (integrate(repetitions, table, moved, pairs, config).scores - found.scores) / 0.001
        expected = np.bincount(np.repeat(np.arange(4), np.diff(found.splits)), values * (entries == feature), 4)
        np.testing.assert_allclose(change, expected, rtol=0.05, atol=5e-3)
