"""Models with random weights: they load, have the size asked for, and are the same each time."""

from __future__ import annotations

import numpy as np

import mach_tf
from benchmarks import random_model


def test_it_loads_and_repeats(tmp_path):
    weights = []
    for name in ("one", "two"):
        random_model.write(str(tmp_path / name), columns=9, labels=20, hidden=4, buckets=5, repetitions=2)
        model = mach_tf.Ensemble.load(tmp_path / name)
        assert model.sketch_shape == (2, 5) and model.labels == 20 and model.manifest.columns == 9
        weights.append(model.repetitions[1].weights)
    for one, two in zip(*weights):
        np.testing.assert_array_equal(np.asarray(one), np.asarray(two))
    assert np.std(weights[0].hidden_kernel) > 0.1
