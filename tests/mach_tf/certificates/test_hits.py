"""hits: the certain hits are the fewest over all rankings that respect what is proved."""

import itertools

import numpy as np
import pytest

from mach_tf.certificates.hits import certain_hits


@pytest.mark.parametrize("seed", range(40))
def test_never_more_than_the_fewest_over_all_rankings(seed):
    rng = np.random.default_rng(seed)
    n_true, n_false = 3, 3
    ahead = rng.random((n_true, n_false)) < 0.6
    fewest = dict.fromkeys((1, 2, 3), n_true)
    for order in itertools.permutations(range(n_true + n_false)):
        place = np.argsort(order)
        if (ahead & (place[:n_true, None] > place[None, n_true:])).any():
            continue
        for k in fewest:
            fewest[k] = min(fewest[k], sum(label < n_true for label in order[:k]))
    for k, hits in fewest.items():
        assert certain_hits(ahead, k) <= hits


def test_cases():
    none = np.zeros((2, 3), bool)
    assert certain_hits(none, 3) == 0 and certain_hits(none, 5) == 2 and certain_hits(none, 4) == 1
    assert certain_hits(np.ones((2, 3), bool), 1) == 1
    assert certain_hits(np.array([[True, False], [False, True]]), 1) == 1  # each false label is behind one true label
    assert certain_hits(np.array([[True, False], [True, False]]), 1) == 0
    assert certain_hits(np.zeros((0, 4), bool), 3) == 0
