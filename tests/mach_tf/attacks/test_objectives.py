"""Objectives against brute force over all label scores, and their gradients against finite differences."""

import numpy as np
import pytest

from mach_tf import choices, estimators
from mach_tf.attacks import targets
from mach_tf.attacks.input_gradient import attack_input, bucket_logits
from mach_tf.attacks.objectives import Objective


def objective_of(ensemble, points, name, estimator="logit_mean", support="nonzero"):
    chosen = None
    if name in ("top_label", *choices.TARGETED_OBJECTIVES):
        chosen = np.arange(len(points)) % 25
        chosen[4] = targets.NO_TARGET
    inputs = attack_input(points, 20, support)
    return Objective(name, ensemble, ensemble.decoder, inputs, estimator, 3, chosen)


def all_scores(ensemble, objective, values):
    logits = bucket_logits(ensemble.repetitions, objective.inputs, values)
    every = np.broadcast_to(np.arange(25), (len(logits), 25))
    scores = estimators.bucket_scores(logits, objective.estimator)
    found = estimators.label_scores(scores, ensemble.bucket_table, every, objective.estimator)
    return (found + objective._added(values).to(every)).astype(np.float64)


def worth_of_precision(scores, true, k):
    """By the number of true labels in the top k, and the two labels that change places next."""
    if not len(true):
        return 0.0
    ranked = np.argsort(-scores, kind="stable")
    inside = np.isin(ranked[:k], true).sum()
    false, own = np.sort(np.delete(scores, true))[::-1], np.sort(scores[true])[::-1]
    if not inside:
        return false[k - 1] - own[0]
    margin = false[k - inside] - own[inside - 1]
    return -inside + margin / (1 - margin)


def by_definition(name, scores, true, target):
    if name in ("margin", "worst_margin"):
        if not len(true):
            return 0.0
        best_false = np.delete(scores, true).max()
        return best_false - (scores[true].max() if name == "margin" else scores[true].min())
    if name == "precision":
        return worth_of_precision(scores, true, 3)
    if target == targets.NO_TARGET:
        return 0.0
    rival = np.sort(np.delete(scores, target))[-1 if name == "top_label" else -3]
    return scores[target] - rival if name == "push_in" else rival - scores[target]


@pytest.mark.parametrize(
    ("kind", "estimator"), [*(("ensemble", each) for each in estimators.ESTIMATORS), ("ranked", "logit_mean")]
)
@pytest.mark.parametrize("name", sorted({*choices.ATTACK_OBJECTIVES} - {"loss"}))
def test_margins_are_those_of_the_definition(request, points, name, kind, estimator):
    ensemble = request.getfixturevalue(kind)
    objective = objective_of(ensemble, points, name, estimator)
    values = objective.inputs.clean + np.float32(0.1)
    if name == "precision" and estimator in ("min", "median"):
        return  # labels that share the bucket that decides are tied, and the definition does not say which goes first
    scores, truth = all_scores(ensemble, objective, values), points.labels(25).toarray()
    chosen = objective.targets if objective.targets is not None else np.zeros(len(points), int)
    expected = [
        by_definition(name, row, np.flatnonzero(true), target) for row, true, target in zip(scores, truth, chosen)
    ]
    np.testing.assert_allclose(objective.worth(values), expected, atol=1e-12)
    np.testing.assert_array_equal(objective.evaluate(values)[0], objective.worth(values))


# The worth of the precision is no plain difference of scores; its gradient is that of the margin it is made of.
@pytest.mark.parametrize("support", choices.SUPPORTS)
@pytest.mark.parametrize("name", sorted({*choices.ATTACK_OBJECTIVES} - {"precision"}))
@pytest.mark.parametrize(
    ("kind", "estimator"), [("ensemble", "logit_mean"), ("ensemble", "mean"), ("ranked", "logit_mean")]
)
def test_gradients_are_the_slopes(request, points, name, kind, estimator, support):
    """Along random directions; the piecewise linear network has a kink between the two ends now and then."""
    ensemble = request.getfixturevalue(kind)
    objective = objective_of(ensemble, points, name, estimator, support)
    rng = np.random.default_rng(0)
    values = objective.inputs.clean
    if kind == "ranked":
        values = values + np.float32(0.01)  # what a ranker adds has a kink at the origin, where the empty point is
    gradient = objective.gradient(values)
    slopes, expected = [], []
    for _ in range(8):
        direction = rng.standard_normal(values.shape).astype(np.float32)
        step = np.float32(1e-3)
        ends = [objective.worth(values + sign * step * direction) for sign in (1, -1)]
        slopes.append((ends[0] - ends[1]) / (2 * step))
        expected.append(along(objective, gradient * direction))
    error = np.abs(np.array(slopes) - expected)
    scale = np.abs(expected).max()
    assert scale > 0
    assert np.median(error) < 2e-3 * scale
    assert (error < 2e-2 * scale).mean() > 0.9


def along(objective, products):
    if products.ndim == 2:
        return products.sum(axis=1)
    return np.bincount(objective.inputs.points.rows(), products, minlength=len(objective.inputs.points))
