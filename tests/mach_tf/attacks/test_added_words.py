"""The best features to add, against sorting all of them."""

import numpy as np

from mach_tf.attacks import added_words
from mach_tf.attacks.word_states import States


def test_steepest_absent_features_in_blocks(points, monkeypatch):
    monkeypatch.setattr(added_words, "TRIED_ADDITIONS", 5)
    monkeypatch.setattr(added_words, "_BLOCK_FLOATS", 7 * 20)
    slopes, weights = np.random.default_rng(0).standard_normal((2, 30, 20))
    weights = np.where(weights[0] > 0, weights[0], 0)
    states = States(points, np.arange(30), list(range(30)))
    found = added_words.best_additions(states, lambda some: slopes[some.owner].copy(), 20, weights)
    present = points.features(20).toarray() != 0
    worth = np.where(present | (weights == 0), -np.inf, slopes * weights)
    for row, own in zip(worth, found):
        best = set(np.argsort(-row)[:5])
        assert {feature for feature in own if row[feature] > -np.inf} == {f for f in best if row[f] > -np.inf}
