"""The score of one label per point, in chunks, against scoring every label with NumPy."""

from __future__ import annotations

import numpy as np
import pytest

from mach_tf import points
from mach_tf.ensemble import Ensemble
from mach_tf.explanations.label_scores import label_scores
from tests.helpers import rankers
from tests.helpers import world as worlds


@pytest.mark.parametrize("ranked", [False, True])
@pytest.mark.parametrize("estimator", ["logit_mean", "mean", "min", "median"])
def test_scores_of_chosen_labels(world, tmp_path, estimator, ranked, monkeypatch):
    model = rankers.with_ranker(world.model, str(tmp_path / "model"), 30, 40) if ranked else world.model
    ensemble = Ensemble.load(model)
    monkeypatch.setattr(Ensemble, "chunk_points", 5)
    hashed = ensemble.manifest.feature_spec.apply(points.from_csr(world.features))
    labels = np.arange(len(hashed)) * 2
    found = label_scores(ensemble, hashed, labels, estimator)
    expected = worlds.every_score(ensemble, hashed, estimator)[np.arange(len(hashed)), labels]
    np.testing.assert_allclose(found, expected, rtol=1e-4, atol=1e-6)
    assert label_scores(ensemble, hashed[:0], labels[:0], estimator).shape == (0,)
