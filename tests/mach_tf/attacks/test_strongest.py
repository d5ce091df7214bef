"""What the strongest attack is made of, and which of its parts is the worst."""

import itertools

import numpy as np
import pytest

from mach_tf.attacks import attack_chunks, strongest
from mach_tf.attacks.attack_run import AttackRun
from mach_tf.attacks.gradient_attacks import Attack
from mach_tf.metrics.ranking_metrics import hits


@pytest.mark.parametrize(
    ("ks", "names"),
    [
        ([1], ["margin (apgd)", "margin (square)"]),
        ([5], ["margin (apgd)", "precision@5 (apgd)", "margin (square)"]),
        ([1, 3, 10], ["margin (apgd)", "precision@3 (apgd)", "margin (square)"]),
    ],
)
def test_a_part_per_cut_off_below_the_labels(ks, names):
    attack = Attack("strongest", support="dense", steps=7, restarts=2, queries=9, seed=3)
    parts = strongest.parts(attack, ks, labels=10)
    assert [part.name for part in parts] == names
    for part in parts:
        assert (part.support, part.steps, part.restarts, part.queries, part.seed) == ("dense", 7, 2, 9, 3)


@pytest.mark.parametrize("k", [1, 2, 4])
def test_the_worst_has_the_fewest_hits_then_those_at_the_later_ranks(k):
    every = [np.array(row, bool) for row in itertools.product([False, True], repeat=k)]
    for first, second in itertools.product(every, every):
        keys = [(row.sum(), tuple(-np.flatnonzero(row))) for row in (first, second)]
        (chosen,) = strongest.worst([first[None], second[None]])
        if keys[0][0] != keys[1][0]:
            assert chosen == (keys[1][0] < keys[0][0])
        else:
            ranks = [np.flatnonzero(row).sum() for row in (first, second)]
            assert chosen == (ranks[1] > ranks[0])


def hits_at(outcome, points, k):
    return hits(outcome.top_labels[:, :k], points.labels(25)).sum(axis=1)


@pytest.mark.parametrize("k", [1, 3, 4])
def test_precision_costs_its_cut_off_most(ensemble, points, k):
    attacks = [Attack("apgd", "precision", k=cut_off) for cut_off in (1, 3, 4)]
    attacks += [Attack("apgd"), Attack("pgd", "push_out"), Attack("apgd", "worst_margin")]
    left = {
        attack.name: hits_at(AttackRun(ensemble, attack, k=4).outcomes(points, [0.1])[0], points, k).mean()
        for attack in attacks
    }
    assert min(left, key=left.get) == f"precision@{k} (apgd)"


def test_strongest_is_the_worst_of_its_parts(ensemble, points, monkeypatch):
    monkeypatch.setattr(attack_chunks, "_MAX_POINTS", 7)
    run = AttackRun(ensemble, Attack("strongest", steps=4, queries=5), k=4, ks=[1, 4])
    clean, outcome = run.outcomes(points, [0.0, 0.1])
    assert list(outcome.parts) == ["margin (apgd)", "precision@4 (apgd)", "margin (square)"]
    single = [
        Attack("apgd", "margin", steps=4),
        Attack("apgd", "precision", steps=4, k=4),
        Attack("square", "margin", queries=5),
    ]
    for part, attack in zip(outcome.parts.values(), single):
        (own,) = AttackRun(ensemble, attack, k=4).outcomes(points, [0.1])
        np.testing.assert_array_equal(part.top_labels, own.top_labels)
    left = [hits_at(part, points, 4) for part in outcome.parts.values()]
    np.testing.assert_array_equal(hits_at(outcome, points, 4), np.min(left, axis=0))
    np.testing.assert_array_equal(outcome.losses, np.max([part.losses for part in outcome.parts.values()], axis=0))
    assert all((part.top_labels == clean.top_labels).all() for part in clean.parts.values())


def test_strongest_with_all_labels_as_the_cut_off(ensemble, points):
    (outcome,) = AttackRun(ensemble, Attack("strongest", steps=2, queries=2), k=25, ks=[1, 25]).outcomes(points, [0.1])
    assert list(outcome.parts) == ["margin (apgd)", "margin (square)"]
    AttackRun(ensemble, Attack("apgd", "precision", steps=2), k=25).outcomes(points, [0.1])
