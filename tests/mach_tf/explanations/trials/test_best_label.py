"""Scores and attributions of best labels against NumPy, one point and one feature at a time."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest
import scipy.sparse

from mach_tf import points
from mach_tf.explanations.integrated_gradients.attribution import AttributionConfig
from mach_tf.explanations.label_scores import label_scores
from mach_tf.explanations.trials import best_label
from tests.helpers import world as worlds

ESTIMATORS = ["mean", "logit_mean"]


@pytest.fixture(scope="module")
def hashed(world, ensemble):
    return ensemble.manifest.feature_spec.apply(points.from_csr(world.features, world.labels))


@pytest.mark.parametrize("estimator", ESTIMATORS)
def test_best_labels_and_their_scores(ensemble, hashed, estimator):
    scores = worlds.every_score(ensemble, hashed, estimator)
    labels = best_label.best_labels(ensemble, hashed, estimator)
    assert labels.tolist() == scores.argmax(axis=1).tolist()
    found = label_scores(ensemble, hashed, labels, estimator)
    np.testing.assert_allclose(found, scores.max(axis=1), rtol=1e-4, atol=1e-6)


@pytest.mark.parametrize("estimator", ESTIMATORS)
def test_integrated_gradients_add_up(ensemble, hashed, estimator, monkeypatch):
    monkeypatch.setattr(best_label, "_CHUNK_POINTS", 5)  # twelve points: three chunks
    labels = best_label.best_labels(ensemble, hashed, estimator)
    found = best_label.attributions(ensemble, hashed, labels, AttributionConfig(estimator))
    nothing = points.from_csr(scipy.sparse.csr_matrix((1, ensemble.manifest.columns)))
    base = worlds.every_score(ensemble, nothing, estimator)[0, labels]
    change = worlds.every_score(ensemble, hashed, estimator).max(axis=1) - base
    np.testing.assert_allclose(np.add.reduceat(found, hashed.row_splits[:-1]), change, atol=1e-5)


@pytest.mark.parametrize("estimator", ESTIMATORS)
def test_gradient_x_input_is_the_networks(ensemble, hashed, estimator):
    labels = best_label.best_labels(ensemble, hashed, estimator)
    found = best_label.attributions(ensemble, hashed, labels, AttributionConfig(estimator, "gradient_x_input"))
    base = label_scores(ensemble, hashed, labels, estimator)
    for entry in range(0, len(found), 7):
        values = hashed.feature_values.copy()
        values[entry] *= 1.001
        point = np.searchsorted(hashed.row_splits, entry, side="right") - 1
        moved = label_scores(ensemble, dataclasses.replace(hashed, feature_values=values), labels, estimator)
        assert (moved - base)[point] / 0.001 == pytest.approx(found[entry], rel=0.05, abs=4e-3)
