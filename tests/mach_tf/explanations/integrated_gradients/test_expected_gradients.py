"""Expected gradients against Integrated Gradients from each baseline, feature by feature."""

from __future__ import annotations

import numpy as np
import pytest
import scipy.sparse

from mach_tf.explanations.integrated_gradients import expected_gradients
from mach_tf.explanations.integrated_gradients.attribution import AttributionConfig, integrate
from mach_tf.explanations.integrated_gradients.paths import Pairs, between
from tests.helpers import tiny_ensemble


@pytest.mark.parametrize("ranked", [False, True])
@pytest.mark.parametrize("estimator", ["logit_mean", "mean"])
def test_is_the_mean_over_baselines(estimator, ranked):
    ensemble = tiny_ensemble.make_ensemble(ranked=ranked)
    points = tiny_ensemble.make_points(ensemble, 6)
    ends = points.features(20)
    starts = scipy.sparse.vstack([tiny_ensemble.make_points(ensemble, 5, seed=9).features(20), ends[:1]], "csr")
    pairs = Pairs(np.arange(7) * 2, np.tile([3, 11], 6))
    config = AttributionConfig(estimator, "expected_gradients")

    def one(paths):
        return integrate(
            ensemble.repetitions, ensemble.bucket_table, paths, pairs, config, None, ensemble.ranker_of(estimator)
        )

    paths, found = expected_gradients.integrate(one, starts, ends, pairs)
    expected, base = np.zeros((12, 20)), np.zeros(12)
    for row in range(starts.shape[0]):
        path = between(starts[row], ends)
        part = one(path)
        owners = np.repeat(np.arange(12), np.diff(part.splits))
        np.add.at(expected, (owners, path.feature_ids[part.entries(path, pairs)]), part.attributions(path, pairs) / 6)
        base += part.baseline_scores / 6
    dense = np.zeros((12, 20))
    owners = np.repeat(np.arange(12), np.diff(found.splits))
    dense[owners, paths.feature_ids[found.entries(paths, pairs)]] = found.attributions(paths, pairs)
    np.testing.assert_allclose(dense, expected, atol=1e-12)
    np.testing.assert_allclose(found.baseline_scores, base)
    np.testing.assert_allclose(found.completeness_gaps(paths, pairs), 0, atol=1e-9)


def test_a_feature_as_large_as_the_mean_of_the_baselines_keeps_its_value():
    ensemble = tiny_ensemble.make_ensemble()
    ends = scipy.sparse.csr_matrix(([0.5, 0.5], ([0, 0], [2, 5])), (1, 20))
    starts = scipy.sparse.csr_matrix(([0.25, 0.75], ([0, 1], [2, 2])), (2, 20))  # their mean is the point's value
    pairs, config = Pairs(np.array([0, 1]), np.array([3])), AttributionConfig()

    def one(paths):
        return integrate(ensemble.repetitions, ensemble.bucket_table, paths, pairs, config)

    paths, found = expected_gradients.integrate(one, starts, ends, pairs)
    assert abs(found.completeness_gaps(paths, pairs)[0]) < 1e-9
    assert abs(found.attributions(paths, pairs)[0]) > 1e-6
