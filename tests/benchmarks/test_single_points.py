"""What is timed in process predicts the library's labels; peers are trained and predict."""

from __future__ import annotations

import numpy as np
import pytest

from benchmarks import single_points
from mach_tf.ensemble import Ensemble
from mach_tf.serving.exporting import export


def test_the_naive_way_and_the_servable_find_the_labels_of_the_library(evaluated, tmp_path):
    model = Ensemble.load(evaluated.model_dir)
    features = evaluated.test[0][2:5]
    export(model, tmp_path / "tiny" / "1")
    expected = model.top_k(features, 3).labels
    for arm, source in (("naive", evaluated.model_dir), ("servable", str(tmp_path / "tiny" / "1"))):
        predict = single_points._ARMS[arm](str(source), 3)
        np.testing.assert_array_equal(np.stack([np.ravel(predict(row)) for row in features]), expected)
    assert single_points.prepare("naive", str(evaluated.model_dir), features, 3)() == (3, 0)


def test_what_is_not_installed_is_named(monkeypatch):
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    assert single_points.missing("omikuji") == "omikuji is left out: it is not installed (pip install omikuji)."
    assert single_points.missing("naive") == ""


@pytest.mark.parametrize("peer", single_points.PEERS)
def test_peers_are_trained_and_predict(evaluated, peer):
    if single_points.missing(peer):
        pytest.skip(single_points.missing(peer))
    assert single_points.prepare(peer, str(evaluated.dataset_dir), evaluated.test[0][:2], 3)() == (2, 0)
