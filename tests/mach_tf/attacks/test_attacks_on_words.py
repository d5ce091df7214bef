"""Runs of attacks on words: against predictions of all shorter points, in chunks, streamed and transferred."""

import numpy as np
import pytest
import scipy.sparse

from mach_tf.attacks import attack_chunks
from mach_tf.attacks.attack_run import AttackRun
from mach_tf.attacks.gradient_attacks import Attack
from mach_tf.ensemble import Ensemble
from mach_tf.errors import InputError
from mach_tf.metrics.ranking_metrics import hits


def same_outcomes(ours, theirs):
    for our, their in zip(ours, theirs):
        np.testing.assert_array_equal(our.top_labels, their.top_labels)
        np.testing.assert_allclose(our.relative_norms, their.relative_norms, rtol=1e-5)
    assert len(ours) == len(theirs)


def test_attacks_on_words_need_a_margin():
    assert Attack.named("add_words").name == "add_words"
    assert Attack.named("add_words", beam=2).to_json() == {"method": "add_words", "objective": "margin", "beam": 2}
    assert Attack.named("add_words", objective="precision", k=3).name == "precision@3 (add_words)"
    with pytest.raises(InputError, match=r"drop_words needs one of the objectives margin, .* \(got loss\)"):
        Attack("drop_words")


def fresh_hits(model, dense, truth):
    """Whether the top label that a prediction of dense rows shows is true, bool [n]."""
    top_labels = model.decode(scipy.sparse.csr_matrix(dense), 3).labels
    return hits(top_labels, truth)[:, 0]


def test_dropped_words_cost_what_predictions_of_all_shorter_points_show(directories, points):
    model = Ensemble.load(directories[0])
    clean, one, many = AttackRun(model, Attack.named("drop_words", beam=30), k=3).outcomes(points, [0, 1, 100])
    dense, truth = points.features(20).toarray(), points.labels(25)
    for row in range(len(points)):
        shorter = np.repeat(dense[row][None], len(np.flatnonzero(dense[row])) + 1, axis=0)
        shorter[np.arange(len(shorter) - 1), np.flatnonzero(dense[row])] = 0
        norms = np.linalg.norm(shorter, axis=1, keepdims=True)
        shorter = np.divide(shorter, norms, out=np.zeros_like(shorter), where=norms > 0)
        left = fresh_hits(model, shorter, truth[np.full(len(shorter), row)])
        assert hits(one.top_labels, truth)[row, 0] == left.all(), row
    np.testing.assert_array_equal(hits(clean.top_labels, truth)[:, 0], fresh_hits(model, dense, truth))
    assert (one.relative_norms <= 1.5).all() and not clean.relative_norms.any()
    assert hits(many.top_labels, truth)[:, 0].sum() <= hits(one.top_labels, truth)[:, 0].sum()


@pytest.mark.parametrize("method", ["drop_words", "swap_words", "add_words"])
def test_attacks_on_words_do_not_depend_on_chunks_or_streaming(directories, points, monkeypatch, method):
    attack = Attack.named(method)
    expected = AttackRun(Ensemble.load(directories[0], keep=True), attack, k=3).outcomes(points, [0, 2])
    monkeypatch.setattr(attack_chunks, "_STREAMED_FACTOR", 1)
    monkeypatch.setattr(attack_chunks, "_MAX_POINTS", 7)
    same_outcomes(AttackRun(Ensemble.load(directories[0], keep=False), attack, k=3).outcomes(points, [0, 2]), expected)


def test_words_transfer_and_leave_labels_out(directories, points):
    first, second = (Ensemble.load(path) for path in directories)
    attack = Attack.named("drop_words", objective="top_label")
    excluded = scipy.sparse.csr_matrix(np.eye(len(points), 25))
    clean, changed = AttackRun(first, attack, k=3, source=second, excluded=excluded).outcomes(points, [0, 3])
    assert (clean.targets == clean.top_labels[:, 0]).all()
    assert (changed.top_labels[np.arange(25), 0] != np.arange(25)).all()
