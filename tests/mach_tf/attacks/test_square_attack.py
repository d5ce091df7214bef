"""The square attack: its ball, its schedule, what it finds without gradients."""

import itertools

import numpy as np
import pytest
import scipy.sparse

from mach_tf.attacks import objectives
from mach_tf.attacks.apgd import apgd
from mach_tf.attacks.gradient_attacks import Attack
from mach_tf.attacks.input_gradient import attack_input
from mach_tf.attacks.objectives import Objective
from mach_tf.attacks.square_attack import share_of_features, square_attack
from mach_tf.choices import SUPPORTS
from mach_tf.points import from_csr
from tests.helpers.tiny_ensemble import label_scores, make_ensemble


def objective_of(ensemble, points, support="nonzero"):
    return Objective("margin", ensemble, ensemble.decoder, attack_input(points, 20, support), "logit_mean")


@pytest.mark.parametrize("support", SUPPORTS)
@pytest.mark.parametrize("clip_nonnegative", [False, True])
def test_stays_in_the_ball_and_rises_with_the_queries(ensemble, points, support, clip_nonnegative):
    objective = objective_of(ensemble, points, support)
    clean, before = objective.inputs.clean, objective.worth(objective.inputs.clean)
    for queries in (1, 10, 60):
        attack = Attack("square", queries=queries, clip_nonnegative=clip_nonnegative, support=support)
        values = square_attack(attack, objective, 0.1)
        assert np.abs(values.astype(np.float64) - clean).max() <= 0.1 * (1 + 1e-6)
        assert not clip_nonnegative or values.min() >= 0
        worth = objective.worth(values)
        assert (worth >= before - 1e-6).all()
        if queries == 60:
            assert (worth > objective.worth(clean) + 1e-3).mean() > 0.8


def test_asks_for_no_gradient(ensemble, points, monkeypatch):
    monkeypatch.setattr(objectives, "value_gradient", lambda *_: pytest.fail("a gradient was computed"))
    square_attack(Attack("square", queries=3), objective_of(ensemble, points), 0.1)


def test_finds_the_best_corner_and_nearly_what_gradients_find(ensemble):
    ensemble, rng = make_ensemble(seed=4), np.random.default_rng(4)
    dense = np.zeros((30, 20), np.float32)
    for row in dense:
        row[rng.choice(20, 6, replace=False)] = rng.random(6) * 0.5
    truth = np.eye(25)[label_scores(ensemble, dense).argmax(axis=1)]
    objective = objective_of(ensemble, from_csr(scipy.sparse.csr_matrix(dense), scipy.sparse.csr_matrix(truth)))
    best = np.full(30, -np.inf)
    for corner in itertools.product([-0.1, 0.1], repeat=6):
        best = np.maximum(best, objective.worth(objective.inputs.clean + np.tile(np.float32(corner), 30)))
    found = objective.worth(square_attack(Attack("square", queries=150), objective, 0.1))
    # A random search may stay in a local maximum; and it keeps the clean value of a feature where both borders are worse.
    assert (found >= best - 1e-3).mean() >= 0.7
    assert found.mean() == pytest.approx(best.mean(), abs=0.03)
    with_gradients = objective.worth(apgd(Attack("apgd", steps=20), objective, 0.1))
    assert found.mean() == pytest.approx(with_gradients.mean(), abs=0.03)


def test_each_point_has_its_own_size(ensemble, points):
    objective = objective_of(ensemble, points)
    sizes = np.where(np.arange(30) % 2, 0.05, 0.2).astype(np.float32)
    attack = Attack("square", queries=5)
    both = square_attack(attack, objective, sizes)
    for parity, size in enumerate((0.2, 0.05)):
        own = objective.inputs.points.rows() % 2 == parity
        np.testing.assert_allclose(both[own], square_attack(attack, objective, size)[own], atol=1e-6)


def test_subsets_shrink_as_in_the_original():
    """Of 10,000 queries the original halves its squares after 10, 50, 200, 500, 1000, 2000, 4000, 6000 and 8000."""
    shares = [share_of_features(query, 10_000) for query in range(10_000)]
    changes = np.flatnonzero(np.diff(shares)) + 1
    assert changes.tolist() == [11, 51, 201, 501, 1001, 2001, 4001, 6001, 8001]
    assert shares[0] == 0.8 and shares[-1] == 0.8 / 512
