"""A changed point is its candidate's scale times the point and the candidate's few features."""

import numpy as np
import scipy.sparse

from mach_tf.attacks.word_candidates import differences
from mach_tf.points import from_csr


def points_of(dense):
    return from_csr(scipy.sparse.csr_matrix(np.asarray(dense, np.float32)))


def test_candidates_are_the_changed_points():
    random = np.random.default_rng(0)
    before = random.random((6, 30)) * (random.random((6, 30)) < 0.5)
    before[2] = 0
    state = np.sort(random.integers(0, 6, 40))
    after = before[state].copy()
    for row in after[:35]:
        row[random.integers(0, 30, 2)] = random.choice([0, 0.7], 2)
    after[35:] *= 3  # nothing but a scale
    after[7] = 0
    found = differences(points_of(before), points_of(after * random.random((40, 1)) ** 2 + 0), state)
    before, after = points_of(before).features(30).toarray(), points_of(after).features(30).toarray()
    changes = scipy.sparse.csr_matrix((found.amounts, found.ids, found.splits), (40, 30)).toarray()
    rebuilt = found.scale[:, None] * (before[state] + changes)
    norms = np.linalg.norm(after, axis=1)
    expected = np.divide(after, norms[:, None], out=np.zeros_like(after), where=norms[:, None] > 0)
    own = np.linalg.norm(rebuilt, axis=1, keepdims=True)
    np.testing.assert_allclose(np.divide(rebuilt, own, out=np.zeros_like(rebuilt), where=own > 0), expected, atol=1e-5)
    few = np.diff(found.splits)[(np.count_nonzero(before[state], axis=1) > 9) & (norms > 0)]
    assert few.max() <= 2, "features that are only scaled are no changes"
    assert not np.diff(found.splits)[35:][np.count_nonzero(before[state[35:]], axis=1) > 0].any()


def test_of_no_points():
    found = differences(points_of(np.zeros((0, 4))), points_of(np.zeros((0, 4))), np.zeros(0, np.int64))
    assert len(found) == 0 and len(found.ids) == 0
