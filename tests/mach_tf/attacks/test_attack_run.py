"""Attacks on a whole ensemble: against adversarial-robustness-toolbox, brute force, and their defining properties."""

import dataclasses
import weakref

import numpy as np
import pytest
import scipy.sparse
import tensorflow as tf

from mach_tf import repetitions
from mach_tf.attacks import attack_chunks, targets
from mach_tf.attacks.attack_run import AttackRun
from mach_tf.attacks.gradient_attacks import Attack
from mach_tf.attacks.input_gradient import NonzeroInput
from mach_tf.choices import SIGN_METHODS, SUPPORTS
from mach_tf.decoding.decode import Decoder
from mach_tf.ensemble import Ensemble
from mach_tf.metrics.ranking_metrics import hits
from mach_tf.points import from_csr
from tests.helpers.tiny_ensemble import label_scores, make_ensemble

EPSILONS = [0.0, 0.02, 0.2]


@pytest.mark.parametrize("estimator", ["logit_mean", "mean", "min"])
@pytest.mark.parametrize("support", SUPPORTS)
@pytest.mark.parametrize("method", ["fgsm", "pgd", "apgd"])
def test_epsilon_zero_is_clean_and_the_loss_grows(ensemble, points, method, support, estimator):
    run = AttackRun(ensemble, Attack(method, support=support), k=3, estimator=estimator)
    clean, small, large = run.outcomes(points, EPSILONS)
    if estimator == "logit_mean":
        scores = label_scores(ensemble, points.features(20).toarray())
        np.testing.assert_array_equal(clean.top_labels, np.argsort(-scores, axis=1, kind="stable")[:, :3])
    assert not clean.relative_norms.any()
    assert clean.losses.mean() < small.losses.mean() < large.losses.mean()
    assert (small.relative_norms <= large.relative_norms + 1e-6).all()


def test_chunks_change_nothing(ensemble, points, monkeypatch):
    run = AttackRun(ensemble, Attack("pgd", steps=3), k=4)
    expected = run.outcomes(points, EPSILONS)
    monkeypatch.setattr(attack_chunks, "_MAX_POINTS", 7)
    sizes = []

    def progress(chunks):
        sizes.extend(len(chunk) for chunk in chunks)
        return chunks

    for ours, theirs in zip(run.outcomes(points, EPSILONS, progress), expected):
        np.testing.assert_array_equal(ours.top_labels, theirs.top_labels)
        np.testing.assert_allclose(ours.losses, theirs.losses, rtol=1e-5)
        np.testing.assert_allclose(ours.relative_norms, theirs.relative_norms, rtol=1e-5)
    assert sizes == [7, 7, 7, 7, 2]


@pytest.mark.parametrize("method", SIGN_METHODS)
@pytest.mark.parametrize("estimator", ["logit_mean", "mean"])
def test_perturbs_as_the_toolbox_does(ensemble, points, method, estimator):
    """The toolbox attacks a network whose outputs are the label scores, all of them made at once."""
    pytest.importorskip("art")
    from art.attacks.evasion import ProjectedGradientDescentNumpy
    from art.estimators.classification import TensorFlowV2Classifier

    def scores(x, training=False):
        values = []
        for repetition, row in zip(ensemble.repetitions, ensemble.bucket_table):
            weights = repetition.weights
            hidden = tf.nn.relu(tf.cast(x, tf.float32) @ weights.hidden_kernel + weights.hidden_bias)
            logits = hidden @ weights.output_kernel + weights.output_bias
            values.append(tf.gather(logits if estimator == "logit_mean" else tf.sigmoid(logits), row, axis=1))
        mean = tf.add_n(values) / len(values)
        return tf.sigmoid(mean) if estimator == "logit_mean" else mean

    classifier = TensorFlowV2Classifier(
        scores, nb_classes=25, input_shape=(20,), loss_object=tf.keras.losses.BinaryCrossentropy()
    )
    steps, relative_step = (1, 1.0) if method == "fgsm" else (5, 0.4)
    theirs = ProjectedGradientDescentNumpy(
        classifier, norm=np.inf, eps=0.1, eps_step=0.1 * relative_step, max_iter=steps, num_random_init=0, verbose=False
    ).generate(points.features(20).toarray(), points.labels(25).toarray())
    run = AttackRun(
        ensemble, Attack(method, support="dense", steps=steps, relative_step=relative_step), k=3, estimator=estimator
    )
    (ours,) = run.outcomes(points, [0.1])
    expected = np.argsort(-scores(theirs).numpy(), axis=1, kind="stable")[:, :3]
    np.testing.assert_array_equal(ours.top_labels, expected)
    moved = np.linalg.norm(theirs - points.features(20).toarray(), axis=1)
    filled = np.diff(points.row_splits) > 0
    np.testing.assert_allclose(ours.relative_norms[filled], moved[filled], rtol=1e-4)


def test_nonzero_support_touches_present_features_only(ensemble, points, monkeypatch):
    seen = []
    original = NonzeroInput.forward

    def forward(self, weights, values):
        seen.append(self.features(values).toarray())
        return original(self, weights, values)

    monkeypatch.setattr(NonzeroInput, "forward", forward)
    AttackRun(ensemble, Attack("pgd", random_start=True, clip_nonnegative=True)).outcomes(points, [0.4])
    clean = points.features(20).toarray()
    assert any((values != clean).any() for values in seen)
    for values in seen:
        assert not values[clean == 0].any()
        assert values.min() >= 0
        assert np.abs(values - clean).max() <= 0.4 + 1e-6


@pytest.mark.parametrize("objective", ["push_out", "push_in"])
@pytest.mark.parametrize("estimator", ["logit_mean", "mean", "median"])
def test_targeted_attacks_reach_their_aim_more_often_the_larger(ensemble, points, objective, estimator):
    attack = Attack("pgd", objective=objective, support="dense")
    run = AttackRun(ensemble, attack, k=4, estimator=estimator)
    clean, *attacked_points = run.outcomes(points, [0.0, 0.15, 0.5])
    tried = clean.targets != targets.NO_TARGET
    assert tried.sum() > 10

    def inside(outcome):
        return (outcome.top_labels == outcome.targets[:, None]).any(axis=1)[tried].mean()

    assert inside(clean) == (1 if objective == "push_out" else 0)
    small, large = (inside(outcome) for outcome in attacked_points)
    if objective == "push_out":
        assert 1 > small > large
        assert large < 0.2
    else:
        assert 0 < small < large
        assert large > 0.6


def first_is_true(outcome, points):
    return hits(outcome.top_labels[:, :1], points.labels(25))[:, 0]


@pytest.mark.parametrize("support", SUPPORTS)
def test_the_margin_costs_more_precision_than_the_loss(ensemble, points, support):
    found = {}
    for attack in (Attack("pgd", support=support), Attack("apgd", "margin", support, restarts=3)):
        (outcome,) = AttackRun(ensemble, attack, k=1).outcomes(points, [0.05])
        found[attack.name] = first_is_true(outcome, points).mean()
    assert found["margin (apgd)"] < found["pgd"]


@pytest.mark.parametrize("estimator", ["logit_mean", "mean", "median"])
def test_top_label_changes_what_is_predicted(ensemble, points, estimator):
    run = AttackRun(ensemble, Attack("apgd", "top_label"), k=2, estimator=estimator)
    clean, small, large = run.outcomes(points, [0.0, 0.05, 0.3])
    changed = [(outcome.top_labels[:, 0] != clean.top_labels[:, 0]).mean() for outcome in (small, large)]
    assert 0 < changed[0] < changed[1]
    np.testing.assert_array_equal(clean.targets, clean.top_labels[:, 0])


def test_push_in_of_one_label_for_all(ensemble, points):
    run = AttackRun(ensemble, Attack("pgd", objective="push_in"), k=2, target_label=17)
    (outcome,) = run.outcomes(points, [0.5])
    assert set(outcome.targets) == {17, targets.NO_TARGET}


def test_transfer_is_weaker_than_white_box(ensemble, points):
    other = make_ensemble(seed=9)
    white_box, transfer = (
        AttackRun(ensemble, Attack(), source=source).outcomes(points, [0.1])[0] for source in (None, other)
    )
    assert white_box.losses.mean() > transfer.losses.mean()
    own = AttackRun(ensemble, Attack(), source=ensemble).outcomes(points, [0.1])[0]
    np.testing.assert_array_equal(own.losses, white_box.losses)


@pytest.mark.parametrize("support", SUPPORTS)
@pytest.mark.parametrize(
    ("method", "objective"), [("pgd", "loss"), ("pgd", "push_in"), ("apgd", "margin"), ("square", "loss")]
)
def test_chunks_change_no_random_draw(ensemble, points, monkeypatch, support, method, objective):
    attack = Attack(
        method, objective, support, steps=1, relative_step=0.1, restarts=2, queries=4, random_start=True, seed=3
    )
    run = AttackRun(ensemble, attack, k=3)
    (whole,) = run.outcomes(points, [0.1])
    monkeypatch.setattr(attack_chunks, "_MAX_POINTS", 7)
    same_outcomes(run.outcomes(points, [0.1]), [whole])
    other = dataclasses.replace(run, attack=dataclasses.replace(attack, seed=4)).outcomes(points, [0.1])[0]
    assert not np.allclose(other.losses, whole.losses, rtol=1e-3)


def same_outcomes(ours, theirs):
    for our, their in zip(ours, theirs):
        np.testing.assert_array_equal(our.top_labels, their.top_labels)
        np.testing.assert_allclose(our.losses, their.losses, rtol=1e-5)
        np.testing.assert_allclose(our.relative_norms, their.relative_norms, rtol=1e-5)
        np.testing.assert_array_equal(our.targets, their.targets)
    assert len(ours) == len(theirs)


@pytest.fixture
def one_at_a_time(monkeypatch):
    """Refuses to load a repetition while the one before is still in memory; the number loaded."""
    held, loaded = [], []
    original = repetitions.load_repetition

    def load(path, *expected):
        assert not any(variable() is not None for variable in held), f"{path} is loaded while another one is held"
        repetition = original(path, *expected)
        held.append(weakref.ref(repetition.weights.hidden_kernel))
        loaded.append(path)
        return repetition

    monkeypatch.setattr(repetitions, "load_repetition", load)
    return loaded


ATTACKS = [
    Attack("fgsm"),
    Attack("pgd", support="dense", steps=2, random_start=True),
    Attack("pgd", objective="push_in", steps=2),
    Attack("pgd", objective="push_out", steps=2, clip_nonnegative=True),
    Attack("apgd", "margin", steps=2, restarts=2),
    Attack("square", "margin", support="dense", queries=3),
]


@pytest.mark.parametrize("attack", ATTACKS, ids=lambda attack: f"{attack.name} {attack.support}")
def test_streamed_repetitions_give_what_those_in_memory_give(directories, points, one_at_a_time, monkeypatch, attack):
    monkeypatch.setattr(attack_chunks, "_STREAMED_FACTOR", 1)
    streamed = Ensemble.load(directories[0], keep=False)
    monkeypatch.setattr(attack_chunks, "_MAX_POINTS", 16)
    found = AttackRun(streamed, attack, k=3).outcomes(points, [0.0, 0.1])
    assert len(one_at_a_time) > 3 * 2, "each chunk reads each repetition anew"
    monkeypatch.undo()
    kept = Ensemble.load(directories[0], keep=True)
    same_outcomes(found, AttackRun(kept, attack, k=3).outcomes(points, [0.0, 0.1]))


def test_a_streamed_source_transfers_the_same(directories, points):
    outcomes = [
        AttackRun(
            Ensemble.load(directories[0], keep=True), ATTACKS[1], k=3, source=Ensemble.load(directories[1], keep=keep)
        ).outcomes(points, [0.1])
        for keep in (True, False)
    ]
    same_outcomes(*outcomes)


@pytest.mark.parametrize("support", SUPPORTS)
@pytest.mark.parametrize("method", ["fgsm", "pgd", "apgd"])
def test_points_without_features_stay_where_nothing_can_move(ensemble, support, method):
    empty = from_csr(scipy.sparse.csr_matrix((2, 20), dtype=np.float32), scipy.sparse.csr_matrix((2, 25)))
    clean, moved = AttackRun(ensemble, Attack(method, support=support)).outcomes(empty, [0.0, 0.1])
    assert not moved.relative_norms.any()
    if support == "nonzero":
        np.testing.assert_array_equal(moved.losses, clean.losses)
    else:
        assert (moved.losses > clean.losses).all()


@pytest.mark.parametrize("objective", ["loss", "margin", "precision", "push_out", "push_in"])
def test_excluded_labels_are_neither_predicted_nor_targets(ensemble, points, objective, monkeypatch):
    monkeypatch.setattr(attack_chunks, "_MAX_POINTS", 7)
    spec = ensemble.manifest.bucket_spec
    monkeypatch.setattr(ensemble, "decoder", Decoder.of(ensemble.bucket_table, spec.buckets))
    best = AttackRun(ensemble, Attack("pgd", steps=2), k=3).outcomes(points, [0.0])[0].top_labels
    rows = np.repeat(np.arange(len(points)), 2)
    excluded = scipy.sparse.csr_matrix(
        (np.ones(len(rows), bool), (rows, best[:, :2].ravel())), shape=(len(points), ensemble.manifest.labels)
    )
    run = AttackRun(ensemble, Attack("pgd", objective, steps=2), k=3, excluded=excluded)
    clean, attacked = run.outcomes(points, [0.0, 0.2])
    np.testing.assert_array_equal(clean.top_labels[:, 0], best[:, 2])
    for outcome in (clean, attacked):
        assert not excluded[np.arange(len(points))[:, None], outcome.top_labels].toarray().any()
        if outcome.targets is not None:
            chosen = np.flatnonzero(outcome.targets != targets.NO_TARGET)
            assert len(chosen) and not excluded[chosen, outcome.targets[chosen]].any()
