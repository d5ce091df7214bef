"""Attributions in hashed features: what they add up to from each kind of baseline, and expected gradients as a mean over baselines."""

from __future__ import annotations

import numpy as np
import pytest
import scipy.sparse

from mach_tf import points
from mach_tf.explanations import hashed_attributions
from mach_tf.explanations.integrated_gradients.attribution import AttributionConfig
from mach_tf.explanations.integrated_gradients.paths import Pairs
from tests.helpers import world as worlds

PAIRS = Pairs(np.array([0, 2, 2, 3, 4]), np.array([4, 0, 7, 29]))


@pytest.fixture(scope="module")
def hashed(world, ensemble):
    return ensemble.hash_points(points.from_csr(world.features))


def attributions(ensemble, ends, config, baseline):
    """Returns the attributions as an array [pairs, D], and the integrals."""
    paths, found = hashed_attributions.integrate(ensemble, ends, PAIRS, config, baseline)
    rows = np.repeat(np.arange(len(PAIRS.labels)), np.diff(found.splits))
    cells = rows, paths.feature_ids[found.entries(paths, PAIRS)]
    shape = len(PAIRS.labels), ends.shape[1]
    return scipy.sparse.csr_matrix((found.attributions(paths, PAIRS), cells), shape).toarray(), found


@pytest.mark.parametrize("estimator", ["mean", "logit_mean"])
@pytest.mark.parametrize("rows", [0, 1, 4])
def test_they_add_up_to_the_change_of_the_score(ensemble, hashed, estimator, rows):
    ends, starts = hashed[:4], hashed[5 : 5 + rows] if rows else scipy.sparse.csr_matrix((1, hashed.shape[1]))
    found, integrals = attributions(ensemble, ends, AttributionConfig(estimator), starts if rows else None)

    def scores(matrix):
        matrix = scipy.sparse.csr_matrix(matrix, dtype=np.float32)
        return worlds.every_score(ensemble, points.from_csr(matrix), estimator)

    after = scores(ends)[PAIRS.points(), PAIRS.labels]
    before = np.broadcast_to(scores(starts), (4, ensemble.labels))[PAIRS.points(), PAIRS.labels]
    np.testing.assert_allclose(found.sum(axis=1), after - before, atol=1e-4)
    np.testing.assert_allclose(integrals.scores, after, rtol=1e-4, atol=1e-5)
    np.testing.assert_allclose(integrals.baseline_scores, before, rtol=1e-4, atol=1e-5)


def test_expected_gradients_are_a_mean_over_baselines(ensemble, hashed):
    found, integrals = attributions(ensemble, hashed[:4], AttributionConfig(method="expected_gradients"), hashed[5:8])
    each = [attributions(ensemble, hashed[:4], AttributionConfig(), hashed[row]) for row in range(5, 8)]
    np.testing.assert_allclose(found, np.mean([values for values, _ in each], axis=0), atol=1e-7)
    np.testing.assert_allclose(integrals.baseline_scores, np.mean([one.baseline_scores for _, one in each], axis=0))
