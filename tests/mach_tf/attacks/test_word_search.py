"""The search for words against brute force over all sets of changes."""

import itertools

import numpy as np
import pytest
import scipy.sparse

from mach_tf.attacks import word_search as module
from mach_tf.attacks.feature_changes import FeatureChanges
from mach_tf.attacks.input_gradient import attack_input
from mach_tf.attacks.objectives import Objective
from mach_tf.attacks.word_search import word_search
from mach_tf.hashing import FeatureSpec
from mach_tf.points import from_csr


def objectives(network, name):
    def make(points, owner, support):
        aimed = None if name != "top_label" else owner % 25
        return Objective(name, network, network.decoder, attack_input(points, 20, support), "logit_mean", 3, aimed)

    return make


def worth(network, name, points, owner):
    one = objectives(network, name)(points, owner, "nonzero")
    return one.worth(one.inputs.clean)


def all_drops(dense, most):
    """The rows that are left when at most `most` features are dropped, of unit length, [rows, 20]."""
    present = np.flatnonzero(dense)
    sets = [chosen for m in range(most + 1) for chosen in itertools.combinations(present, m)]
    rows = np.repeat(dense[None], len(sets), axis=0)
    for row, chosen in zip(rows, sets):
        row[list(chosen)] = 0
    norms = np.linalg.norm(rows, axis=1, keepdims=True)
    return np.divide(rows, norms, out=np.zeros_like(rows), where=norms > 0)


@pytest.mark.parametrize(("kind", "name"), [("ensemble", "margin"), ("ensemble", "precision"), ("ranked", "top_label")])
def test_with_a_wide_beam_it_is_exact(request, points, kind, name):
    network, points = request.getfixturevalue(kind), points[:8]
    changes = FeatureChanges("drop_words", 20, FeatureSpec(0))
    found = word_search(changes, objectives(network, name), points, 0, [0, 1, 2], 100)
    for most, states in enumerate(found):
        np.testing.assert_array_equal(states.owner, np.arange(8))
        own = worth(network, name, states.points, states.owner)
        for row in range(8):
            rows = all_drops(points[row : row + 1].features(20).toarray()[0], most)
            every = from_csr(scipy.sparse.csr_matrix(rows), points[np.full(len(rows), row)].labels(25))
            best = worth(network, name, every, np.full(len(rows), row)).max()
            np.testing.assert_allclose(own[row], best, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("method", ["drop_words", "add_words"])
def test_more_words_and_a_wider_beam_never_help_the_model(ensemble, points, method):
    changes = FeatureChanges(method, 20, FeatureSpec(0))
    by_beam = [
        [worth(ensemble, "margin", each.points, each.owner) for each in word_search(
            changes, objectives(ensemble, "margin"), points, 0, [3, 0, 1, 30], beam
        )]
        for beam in (1, 4)
    ]  # fmt: skip
    for three, none, one, many in by_beam:
        assert (none <= one).all() and (one <= three).all() and (three <= many).all() and one.mean() > none.mean()
    assert by_beam[1][0].mean() >= by_beam[0][0].mean()


def test_results_do_not_depend_on_the_blocks(ensemble, points, monkeypatch):
    changes = FeatureChanges("drop_words", 20, FeatureSpec(0))
    expected = word_search(changes, objectives(ensemble, "margin"), points, 0, [2], 2)[0]
    monkeypatch.setattr(module, "_AT_ONCE", 7)
    monkeypatch.setattr(module, "_FEATURES_AT_ONCE", 11)
    found = word_search(changes, objectives(ensemble, "margin"), points, 0, [2], 2)[0]
    np.testing.assert_array_equal(found.points.feature_ids, expected.points.feature_ids)


def test_nothing_to_change(ensemble):
    empty = from_csr(scipy.sparse.csr_matrix((2, 20), dtype=np.float32), scipy.sparse.csr_matrix(np.eye(2, 25)))
    unlabelled = from_csr(scipy.sparse.csr_matrix(np.eye(2, 20, dtype=np.float32)), scipy.sparse.csr_matrix((2, 25)))
    one_feature = from_csr(scipy.sparse.csr_matrix(np.eye(2, 20, dtype=np.float32)), empty.labels(25))
    for points in (empty, unlabelled, one_feature):
        changes = FeatureChanges("drop_words", 20, FeatureSpec(0))
        (states,) = word_search(changes, objectives(ensemble, "margin"), points, 0, [4], 1)
        assert len(states.points) == 2 and np.diff(states.points.row_splits).max() <= 1


def test_equal_features_are_a_tie_that_is_decided_the_same_every_time(ensemble):
    equal = from_csr(
        scipy.sparse.csr_matrix(np.full((3, 20), 20**-0.5, np.float32)), scipy.sparse.csr_matrix(np.eye(3, 25))
    )
    changes = FeatureChanges("drop_words", 20, FeatureSpec(0))
    runs = [word_search(changes, objectives(ensemble, "margin"), equal, 0, [2], 3)[0] for _ in range(2)]
    np.testing.assert_array_equal(runs[0].points.feature_ids, runs[1].points.feature_ids)
