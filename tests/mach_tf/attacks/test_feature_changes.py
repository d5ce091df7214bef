"""Changes of features against the same changes of dense rows."""

import numpy as np
import pytest
import scipy.sparse

from mach_tf.attacks.feature_changes import FeatureChanges
from mach_tf.hashing import FeatureSpec
from mach_tf.points import from_csr


class Near:
    """The next two features are near."""

    def of(self, ids):
        return np.stack([ids + 1, ids + 2], axis=1) * (ids[:, None] < 17) - (ids[:, None] >= 17)


def changes_of(method, norm="l2"):
    return FeatureChanges(method, 20, FeatureSpec(0, norm=norm), Near())


def expected(dense, method):
    present, changed = np.flatnonzero(dense), []
    for feature in present if method != "add_words" else range(20):
        for new in {"drop_words": [-1], "swap_words": [feature + 1, feature + 2], "add_words": [feature]}[method]:
            row = dense.copy()
            if method != "add_words":
                row[feature] = 0
            if new >= 0:
                if (method == "swap_words" and feature >= 17) or dense[new]:
                    continue
                row[new] = (
                    dense[feature] if method == "swap_words" else np.median(dense[present]) if len(present) else 1
                )
            changed.append(row)
    return changed


@pytest.mark.parametrize("norm", ["l2", "none"])
@pytest.mark.parametrize("method", ["drop_words", "swap_words", "add_words"])
def test_every_change_is_proposed_and_built(points, method, norm):
    changes = changes_of(method, norm)
    states = changes.start(points, 0)
    candidates, build = changes.proposals(states, lambda some: np.zeros((len(some.points), 20), np.float32))
    built = build(np.arange(len(candidates)))
    found = built.points.features(20).toarray()
    shift = scipy.sparse.csr_matrix((candidates.amounts, candidates.ids, candidates.splits), (len(found), 20)).toarray()
    dense = points.features(20).toarray()
    np.testing.assert_allclose(candidates.scale[:, None] * (dense[candidates.state] + shift), found, atol=1e-6)
    np.testing.assert_array_equal(built.owner, candidates.state)
    np.testing.assert_array_equal(built.points.labels(25).toarray(), points.labels(25)[candidates.state].toarray())
    for row in range(len(points)):
        rows = np.array(expected(dense[row], method)).reshape(-1, 20)
        if norm == "l2":
            norms = np.linalg.norm(rows, axis=1, keepdims=True)
            rows = np.divide(rows, norms, out=np.zeros_like(rows), where=norms > 0)
        own = found[built.owner == row]
        assert len(own) == len(rows)
        np.testing.assert_allclose(own[np.lexsort(own.T.round(4))], rows[np.lexsort(rows.T.round(4))], atol=1e-6)


def test_a_replaced_feature_is_not_replaced_again():
    changes = changes_of("swap_words")
    states = changes.start(from_csr(scipy.sparse.csr_matrix(np.eye(1, 20, 4, dtype=np.float32))), 0)
    for number in (2, 0):
        candidates, build = changes.proposals(states, None)
        assert len(candidates) == number
        states = build(np.arange(len(candidates)))


def test_points_without_features():
    empty = from_csr(scipy.sparse.csr_matrix((2, 20), dtype=np.float32))
    for method, number in (("drop_words", 0), ("swap_words", 0), ("add_words", 40)):
        changes = changes_of(method)
        candidates, build = changes.proposals(changes.start(empty, 0), lambda some: np.zeros((2, 20), np.float32))
        assert len(candidates) == number
        built = build(np.arange(number))
        assert len(built.points) == number and (built.points.feature_values == 1).all()
