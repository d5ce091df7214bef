"""Attacking and certifying a model from Python."""

from __future__ import annotations

import numpy as np

import mach_tf
from mach_tf.ensemble import Ensemble


def test_attack_measures_what_the_metrics_lose(model, raw):
    ensemble = Ensemble.load(model[0])
    predicted = ensemble.predict(raw, k=2)
    truth = (predicted != 0).astype(np.float32)  # what it predicts, so that there is something to lose
    clean, small, large = ensemble.attack(raw, truth, epsilon=[0, 0.05, 0.5], ks=[1, 2], support="dense")
    assert clean.metrics["P@2"] == 100 and clean.lost["P@2"] == 0
    assert clean.loss < small.loss < large.loss
    assert large.lost["P@2"] > small.lost["P@2"] >= 0 and large.attack.support == "dense"
    (by_pgd,) = ensemble.attack(raw, truth, 0.5, "pgd", support="dense")
    assert by_pgd.attack.name == "pgd" and by_pgd.loss > clean.loss


def test_certificates_are_those_of_the_function(model, raw):
    ensemble = Ensemble.load(model[0])
    truth = (ensemble.predict(raw, k=2) != 0).astype(np.float32)
    found = ensemble.certify(raw, truth, epsilon=[0.0, 0.001], ks=[1, 2])
    expected = mach_tf.certify(model[0], raw, truth, epsilon=[0.0, 0.001], ks=[1, 2])
    assert str(found) == str(expected) and (found.clean == [1, 2]).all()
    for ours, theirs in zip(found.sizes, expected.sizes):
        np.testing.assert_array_equal(ours.points.hits, theirs.points.hits)
    assert found.sizes[0].points.hits.sum() >= found.sizes[1].points.hits.sum() > 0
