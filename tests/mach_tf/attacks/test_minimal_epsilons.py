"""The minimal epsilon against a scan of points with one feature, and against attacks of that size."""

import dataclasses

import numpy as np
import pytest
import scipy.sparse

from mach_tf.attacks import attack_chunks
from mach_tf.attacks.attack_run import AttackRun
from mach_tf.attacks.gradient_attacks import Attack
from mach_tf.attacks.minimal_epsilons import minimal_epsilons
from mach_tf.points import from_csr
from tests.helpers.tiny_ensemble import label_scores

LARGEST = 0.8
ATTACK = Attack("apgd", steps=8)


def top_labels_of(ensemble, points):
    return label_scores(ensemble, points.features(20).toarray().astype(np.float64)).argmax(axis=1)


@pytest.mark.parametrize("method", ["apgd", "square", "strongest"])
def test_is_that_of_a_scan_where_one_feature_moves(ensemble, method):
    rng = np.random.default_rng(2)
    dense = np.zeros((40, 20), np.float32)
    dense[np.arange(40), rng.integers(0, 20, 40)] = rng.random(40) + 0.2
    points = from_csr(scipy.sparse.csr_matrix(dense))
    top_labels = top_labels_of(ensemble, points)
    attack = dataclasses.replace(ATTACK, method=method, queries=8)
    found = minimal_epsilons(ensemble, points, top_labels, attack, LARGEST, "logit_mean")
    scan = np.full(40, np.inf)
    for size in np.arange(0.002, LARGEST + 1e-9, 0.002):
        for sign in (-1, 1):
            moved = dense + sign * size * (dense > 0)
            changed = label_scores(ensemble, moved.astype(np.float64)).argmax(axis=1) != top_labels
            scan = np.where(changed, np.minimum(scan, size), scan)
    assert 10 < np.isfinite(scan).sum() < 40
    # A label may lead within an interval only, which a border of the ball jumps over.
    close = np.abs(found - scan) <= 0.002 + 0.03 * scan
    assert (close | (np.isinf(found) & np.isinf(scan))).mean() >= 0.85
    assert (found >= scan - 0.0021).all()


@pytest.mark.parametrize("support", ["nonzero", "dense"])
def test_an_attack_of_that_size_succeeds(ensemble, points, support):
    attack = dataclasses.replace(ATTACK, support=support, clip_nonnegative=True)
    top_labels = top_labels_of(ensemble, points)
    found = minimal_epsilons(ensemble, points, top_labels, attack, LARGEST, "logit_mean")
    assert np.isfinite(found).mean() > 0.5 and (found[np.isfinite(found)] <= LARGEST * (1 + 1e-6)).all()
    run = AttackRun(ensemble, dataclasses.replace(attack, objective="top_label"), k=1)
    for size in (0.05, 0.2):
        (outcome,) = run.outcomes(points, [size])
        changed = outcome.top_labels[:, 0] != top_labels
        # Bisection may miss what an attack of another size finds, not often.
        assert (changed <= (found <= 1.04 * size)).mean() > 0.9
        assert (changed >= (found <= size / 1.04)).mean() > 0.9


def test_chunks_change_nothing(ensemble, points, monkeypatch):
    top_labels, attack = top_labels_of(ensemble, points), dataclasses.replace(ATTACK, steps=3, restarts=2)
    whole = minimal_epsilons(ensemble, points, top_labels, attack, LARGEST, "logit_mean")
    monkeypatch.setattr(attack_chunks, "_MAX_POINTS", 16)
    parts = minimal_epsilons(ensemble, points, top_labels, attack, LARGEST, "logit_mean")
    np.testing.assert_allclose(parts, whole, rtol=1e-4)


def test_nothing_succeeds_without_features(ensemble):
    empty = from_csr(scipy.sparse.csr_matrix((3, 20), dtype=np.float32))
    found = minimal_epsilons(ensemble, empty, top_labels_of(ensemble, empty), ATTACK, LARGEST, "logit_mean")
    assert np.isinf(found).all()
