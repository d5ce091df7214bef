"""The FGSM step against finite differences of the label-space loss."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest
import scipy.sparse

from mach_tf import points
from mach_tf.attacks.gradient_attacks import fgsm_step
from mach_tf.attacks.label_loss import label_loss
from mach_tf.ensemble import Ensemble
from tests.helpers import model_directory


@pytest.mark.parametrize("estimator", ["mean", "logit_mean"])
def test_moves_each_feature_by_epsilon_uphill(tmp_path, estimator):
    model_directory.write(str(tmp_path))
    ensemble = Ensemble.load(str(tmp_path))
    features = scipy.sparse.random(3, 60, 0.1, "csr", random_state=1)
    labels = scipy.sparse.random(3, 30, 0.1, "csr", random_state=2)
    hashed = ensemble.manifest.feature_spec.apply(points.from_csr(features, labels))
    moved = fgsm_step(ensemble, hashed, estimator, 0.01)
    step = moved.feature_values - hashed.feature_values
    np.testing.assert_allclose(np.abs(step), 0.01, rtol=1e-3)

    def loss(values):
        matrix = dataclasses.replace(hashed, feature_values=values).features(40)
        return label_loss(ensemble.bucket_logits(matrix), ensemble.bucket_table, hashed, estimator)[0].sum()

    checked = 0
    for entry in range(len(step)):
        up, down = hashed.feature_values.copy(), hashed.feature_values.copy()
        up[entry] += 1e-3
        down[entry] -= 1e-3
        slope = (loss(up) - loss(down)) / 2e-3
        if abs(slope) > 1e-3:
            assert np.sign(slope) == np.sign(step[entry])
            checked += 1
    assert checked > len(step) // 2
