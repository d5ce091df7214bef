"""The best of some labels, against sorting the scores of all."""

from __future__ import annotations

import numpy as np
import pytest

from mach_tf import estimators
from mach_tf.decoding.decode import Decoder
from mach_tf.decoding.restriction import RestrictedDecoder

REPETITIONS, BUCKETS, LABELS = 3, 5, 60


@pytest.mark.parametrize("estimator", estimators.ESTIMATORS)
@pytest.mark.parametrize("chosen", [[7], [0, 59], list(range(3, 60, 4)), list(range(60))], ids=len)
@pytest.mark.parametrize("levels", [2, 1000])  # few levels make equal scores, which the smaller label wins
def test_it_ranks_as_the_whole_decoder_does(estimator, chosen, levels):
    generator = np.random.default_rng(0)
    whole = Decoder.of(generator.integers(0, BUCKETS, (REPETITIONS, LABELS)).astype(np.int32), BUCKETS)
    scores = (generator.integers(0, levels, (9, REPETITIONS, BUCKETS)) / levels).astype(np.float32)
    decoder = RestrictedDecoder.of(whole, np.array(chosen))
    k = min(4, decoder.labels)
    found = decoder.top_k(scores, k, estimator)
    every = estimators.label_scores(scores, whole.table, np.tile(chosen, (9, 1)), estimator)
    order = np.argsort(-every, axis=1, kind="stable")[:, :k]
    np.testing.assert_array_equal(found.labels, np.array(chosen)[order])
    np.testing.assert_array_equal(found.scores, np.take_along_axis(every, order, axis=1))
    assert found.labels.dtype == np.int32
