"""The fewest features to leave out, against trying all sets of features with a decoder that scores every label in NumPy."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
import scipy.sparse

from mach_tf import points
from mach_tf.explanations.counterfactuals import Counterfactual, counterfactual
from tests.helpers import world as worlds


def _is_in(ensemble, row, removed, label, k, estimator):
    """Returns whether the label is among the top k of a raw row without some features."""
    row = row.toarray()
    row[0, list(removed)] = 0
    hashed = ensemble.manifest.feature_spec.apply(points.from_csr(scipy.sparse.csr_matrix(row.astype(np.float32))))
    scores = worlds.every_score(ensemble, hashed, estimator)[0]
    return label in np.argsort(-scores, kind="stable")[:k]


@pytest.mark.parametrize("estimator", ["logit_mean", "mean"])
@pytest.mark.parametrize("k", [1, 3])
def test_no_smaller_set_does_it(world, ensemble, k, estimator):
    sizes = set()
    for point in range(12):
        row = world.features[point]
        raw = points.from_csr(row)
        if len(raw.feature_ids) > 9:
            continue
        label = int(ensemble.decode(ensemble.hash_points(raw), 1, estimator).labels[0, 0])
        order = np.random.default_rng(point).permutation(len(raw.feature_ids))
        found = counterfactual(ensemble, raw, label, k, order, estimator)
        assert found.is_fewest
        sets = [s for n in range(1, 10) for s in itertools.combinations(raw.feature_ids.tolist(), n)]
        works = [s for s in sets if not _is_in(ensemble, row, s, label, k, estimator)]
        if found.removed is None:
            assert not works
        else:
            assert not _is_in(ensemble, row, found.removed, label, k, estimator) and len(found.removed) == len(works[0])
        sizes.add(None if found.removed is None else len(found.removed))
    assert len(sizes) > (k == 3)


def test_few_candidates_give_an_answer_that_works_but_claims_nothing(world, ensemble):
    claimed = []
    for point in range(12):
        raw = points.from_csr(world.features[point])
        label = int(ensemble.decode(ensemble.hash_points(raw), 1, "logit_mean").labels[0, 0])
        found = counterfactual(ensemble, raw, label, 2, np.arange(len(raw.feature_ids)), "logit_mean", candidates=1)
        claimed.append(found.is_fewest)
        if found.removed:
            assert not _is_in(ensemble, world.features[point], found.removed, label, 2, "logit_mean")
            assert found.is_fewest == (len(found.removed) == 1)
    assert not all(claimed)


def test_a_label_that_is_not_at_the_top_and_a_point_without_features(world, ensemble):
    raw = points.from_csr(world.features[:1])
    last = int(ensemble.decode(ensemble.hash_points(raw), 30, "logit_mean").labels[0, -1])
    assert counterfactual(ensemble, raw, last, 1, np.arange(len(raw.feature_ids)), "logit_mean") == (1, (), True)
    nothing = points.from_csr(scipy.sparse.csr_matrix((1, 60), dtype=np.float32))
    best, *_, worst = ensemble.decode(ensemble.hash_points(nothing), 30, "logit_mean").labels[0].tolist()
    assert counterfactual(ensemble, nothing, best, 1, np.arange(0), "logit_mean") == Counterfactual(1, None, True)
    assert counterfactual(ensemble, nothing, worst, 1, np.arange(0), "logit_mean") == Counterfactual(1, (), True)
