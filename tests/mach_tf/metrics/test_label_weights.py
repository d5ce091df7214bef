"""Weights of labels for objectives, against their definitions."""

from __future__ import annotations

import itertools

import numpy as np
import pytest

from mach_tf.choices import OBJECTIVES
from mach_tf.errors import InputError
from mach_tf.metrics import label_weights, propensity

COUNTS = np.array([0, 1, 10, 500])


def test_every_objective_but_the_first_has_weights():
    assert OBJECTIVES[1:] == label_weights.OBJECTIVES


@pytest.mark.parametrize("a, b", [(0.55, 1.5), (0.6, 2.6)])
def test_psp_weighs_by_inverse_propensities(a, b):
    found = label_weights.log_weights("psp", COUNTS, 1000, a, b)
    np.testing.assert_allclose(np.exp(found), 1 / propensity.propensities(COUNTS, 1000, a, b))
    assert (np.diff(found) < 0).all()


def test_too_few_points_are_refused():
    with pytest.raises(InputError, match="at least 3 training points"):
        label_weights.log_weights("psp", COUNTS, 2)


def test_the_rule_is_the_best_of_all_rankings():
    """The expected gain of the 2 labels with the largest p w is that of the best of all pairs."""
    generator = np.random.default_rng(0)
    weights = np.exp(label_weights.log_weights("psp", COUNTS, 1000))
    for _ in range(50):
        gains = generator.random(4) * weights
        best = max(sum(gains[list(pair)]) for pair in itertools.combinations(range(4), 2))
        assert gains[np.argsort(-gains)[:2]].sum() == pytest.approx(best)
