"""What is added to sketches in hand, against sums over all labels."""

from __future__ import annotations

import numpy as np
import pytest
import scipy.sparse

from mach_tf.decoding import added_scores
from mach_tf.decoding.decode import Decoder
from mach_tf.decoding.exclusion import ExcludingDecoder
from mach_tf.estimators import label_scores
from mach_tf.ranker.added_part import AddedPart
from tests.helpers.rankers import added, random_ranker

LABELS, COLUMNS, POINTS = 40, 30, 9
RNG = np.random.default_rng(0)
TABLE = RNG.integers(0, 6, (3, LABELS)).astype(np.int32)
SCORES = RNG.standard_normal((POINTS, 3, 6)).astype(np.float32)
FEATURES = scipy.sparse.random(POINTS, COLUMNS, 0.3, "csr", np.float32, random_state=1)
EVERY = np.tile(np.arange(LABELS), (POINTS, 1))
DECODER = Decoder.of(TABLE, 6)


@pytest.mark.parametrize("ranked", [True, False])
@pytest.mark.parametrize("exclude", [True, False])
@pytest.mark.parametrize("entries", [1, 1 << 22])
def test_the_best_labels_by_the_sum(monkeypatch, ranked, exclude, entries):
    monkeypatch.setattr(added_scores, "_ENTRIES", entries)
    ranker = random_ranker(LABELS, COLUMNS) if ranked else None
    part = AddedPart(ranker, FEATURES)
    sums = label_scores(SCORES, TABLE, EVERY, "logit_mean") + part.to(EVERY)
    if ranked:
        np.testing.assert_allclose(part.to(EVERY), added(ranker, FEATURES.toarray()), rtol=1e-4, atol=1e-6)
    decoder = DECODER
    if exclude:
        gone = scipy.sparse.csr_matrix(RNG.random((POINTS, LABELS)) < 0.2)
        sums[gone.toarray()] = -np.inf
        decoder = ExcludingDecoder(DECODER, gone)
    found = part.over(decoder).top_k(SCORES, 5, "logit_mean")
    np.testing.assert_array_equal(found.labels, np.argsort(-sums, axis=1, kind="stable")[:, :5])
    np.testing.assert_array_equal(found.scores, -np.sort(-sums, axis=1)[:, :5])
