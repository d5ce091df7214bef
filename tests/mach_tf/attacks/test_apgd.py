"""APGD: against its definition point by point, adversarial-robustness-toolbox, and an exhaustive search on tiny points."""

import itertools
import math
from fractions import Fraction

import numpy as np
import pytest
import scipy.sparse
import tensorflow as tf

from mach_tf.attacks import apgd as module
from mach_tf.attacks.apgd import apgd, checkpoints
from mach_tf.attacks.gradient_attacks import Attack, perturb
from mach_tf.attacks.input_gradient import attack_input
from mach_tf.attacks.objectives import Objective
from mach_tf.attacks.random_draws import draws
from mach_tf.points import from_csr
from tests.helpers.tiny_ensemble import label_scores, make_ensemble


def objective_of(ensemble, points, name="margin", support="nonzero"):
    return Objective(name, ensemble, ensemble.decoder, attack_input(points, 20, support), "logit_mean", 3)


def of_one_point(start, evaluate, project, epsilon, steps):
    """Algorithm 1 of Croce and Hein, for one point, as it is written there."""
    x, before, step = start, start, 2 * np.float32(epsilon)
    f, slope = evaluate(x)
    best, best_f, best_slope = x, f, slope
    shares = [Fraction(0), Fraction("0.22")]
    while shares[-1] + max(shares[-1] - shares[-2] - Fraction("0.03"), Fraction("0.06")) <= 1:
        shares.append(shares[-1] + max(shares[-1] - shares[-2] - Fraction("0.03"), Fraction("0.06")))
    stops = [math.ceil(share * steps) for share in shares]
    history, steps_before, best_before = [f], None, f
    for k in range(1, steps + 1):
        z = project(x + step * np.sign(slope))
        a = 1 if k == 1 else 0.75
        x, before = project(x + np.float32(a) * (z - x) + np.float32(1 - a) * (x - before)), x
        f, slope = evaluate(x)
        history.append(f)
        if f > best_f:
            best, best_f, best_slope = x, f, slope
        if k in stops:
            since = stops[stops.index(k) - 1]
            rises = sum(history[i + 1] > history[i] for i in range(since, k))
            stuck = steps_before == step and best_before == best_f
            steps_before, best_before = step, best_f
            if rises < 0.75 * (k - since) or stuck:
                step = step / 2
                x, f, slope = best, best_f, best_slope
                history[-1] = f
    return best


@pytest.mark.parametrize("support", ["nonzero", "dense"])
@pytest.mark.parametrize("steps", [1, 4, 15])
def test_each_point_goes_as_algorithm_1_says(ensemble, points, support, steps):
    epsilon = 0.2
    ours = apgd(Attack("apgd", steps=steps), objective_of(ensemble, points, support=support), epsilon)
    splits = np.arange(31) if support == "dense" else points.row_splits
    for point in range(8):
        objective = objective_of(ensemble, points[range(point, point + 1)], support=support)
        clean = objective.inputs.clean

        def evaluate(values, objective=objective):
            worth, slope = objective.evaluate(values)
            return worth[0], slope

        def project(values, clean=clean):
            return np.clip(values, clean - np.float32(epsilon), clean + np.float32(epsilon))

        theirs = of_one_point(clean, evaluate, project, epsilon, steps)
        mine = ours[splits[point] : splits[point + 1]]
        # Other sums in another order may decide a tie of two steps otherwise; the worth must not differ.
        assert objective.worth(mine)[0] == pytest.approx(objective.worth(theirs)[0], abs=2e-4)


@pytest.mark.parametrize("steps", [1, 3, 10, 50, 100])
def test_checkpoints(steps):
    found = checkpoints(steps)
    assert found[0] == math.ceil(0.22 * steps) and found == sorted(set(found)) and found[-1] <= steps
    if steps == 100:
        assert found == [22, 41, 57, 70, 80, 87, 93, 99]


@pytest.mark.parametrize("seed", range(2))
def test_reaches_what_the_toolbox_reaches(seed, monkeypatch):
    """The toolbox, from the same start; it counts rises in another way, so that steps differ, not what is reached."""
    pytest.importorskip("art")
    from art.attacks.evasion import auto_projected_gradient_descent as theirs
    from art.estimators.classification import TensorFlowV2Classifier

    ensemble = make_ensemble(repetitions=2, labels=6, seed=seed)
    rng = np.random.default_rng(seed)
    dense = rng.random((25, 20)).astype(np.float32)
    truth = np.eye(6)[label_scores(ensemble, dense).argmax(axis=1)]
    points = from_csr(scipy.sparse.csr_matrix(dense), scipy.sparse.csr_matrix(truth))

    def scores(x, training=False):
        values = []
        for repetition, row in zip(ensemble.repetitions, ensemble.bucket_table):
            weights = repetition.weights
            hidden = tf.nn.relu(tf.cast(x, tf.float32) @ weights.hidden_kernel + weights.hidden_bias)
            values.append(tf.gather(hidden @ weights.output_kernel + weights.output_bias, row, axis=1))
        return tf.add_n(values) / len(values)

    class Margin(tf.keras.losses.Loss):
        def call(self, truth, found):
            false = tf.reduce_max(tf.where(tf.cast(truth, bool), -1e9, found), axis=1)
            return false - tf.reduce_max(tf.where(tf.cast(truth, bool), found, -1e9), axis=1)

    classifier = TensorFlowV2Classifier(scores, 6, (20,), loss_object=Margin(reduction="none"))
    monkeypatch.setattr(theirs, "random_sphere", lambda n, m, *_: np.zeros((n, m)))
    epsilon = 0.15
    found = theirs.AutoProjectedGradientDescent(
        classifier, np.inf, epsilon, 2 * epsilon, max_iter=20, nb_random_init=1, batch_size=25, verbose=False
    ).generate(dense, truth)
    objective = objective_of(ensemble, points, support="dense")
    ours = apgd(Attack("apgd", steps=20), objective, epsilon)
    reached, expected = objective.worth(ours), objective.worth(found.astype(np.float32))
    assert (reached > 0).sum() >= (expected > 0).sum() > 5
    assert (expected < 0).any()
    assert reached.mean() >= expected.mean() - 1e-3


def test_finds_what_all_corners_of_small_balls_hold():
    """Six features have 64 corners. A margin is not convex, so that now and then a corner, or an inner point, beats the other."""
    ensemble, rng = make_ensemble(seed=4), np.random.default_rng(4)
    dense = np.zeros((40, 20), np.float32)
    for row in dense:
        row[rng.choice(20, 6, replace=False)] = rng.random(6) * 0.5
    truth = np.eye(25)[label_scores(ensemble, dense).argmax(axis=1)]
    points = from_csr(scipy.sparse.csr_matrix(dense), scipy.sparse.csr_matrix(truth))
    objective = objective_of(ensemble, points)
    best = np.full(40, -np.inf)
    for corner in itertools.product([-0.1, 0.1], repeat=6):
        best = np.maximum(best, objective.worth(objective.inputs.clean + np.tile(np.float32(corner), 40)))
    found = objective.worth(apgd(Attack("apgd", steps=20, restarts=5), objective, 0.1))
    assert 5 < (best > 0).sum() < 35
    assert (found[best > 0] > 0).mean() >= 0.9
    assert found.mean() == pytest.approx(best.mean(), abs=0.02)


@pytest.mark.parametrize("name", ["loss", "margin", "worst_margin"])
@pytest.mark.parametrize("support", ["nonzero", "dense"])
def test_stays_in_the_ball_and_never_loses(ensemble, points, name, support):
    objective = objective_of(ensemble, points, name, support)
    clean = objective.inputs.clean
    for restarts, random_start in ((1, False), (3, True)):
        attack = Attack("apgd", restarts=restarts, random_start=random_start, clip_nonnegative=True)
        values = apgd(attack, objective, 0.1)
        assert np.abs(values.astype(np.float64) - clean).max() <= 0.1 * (1 + 1e-6) and values.min() >= 0
        if not random_start:
            assert (objective.worth(values) >= objective.worth(clean)).all()


def test_restarts_keep_the_best_of_each_point(ensemble, points):
    objective = objective_of(ensemble, points)
    worths = [objective.worth(apgd(Attack("apgd", steps=3, restarts=count), objective, 0.1)) for count in (1, 2, 6)]
    assert (worths[0] <= worths[1] + 1e-6).all() and (worths[1] <= worths[2] + 1e-6).all()
    assert (worths[0] < worths[2] - 1e-4).any()
    assert not np.array_equal(draws([0, 1], 0, (5,)), draws([0, 2], 0, (5,)))


def test_each_point_has_its_own_size(ensemble, points):
    objective = objective_of(ensemble, points)
    sizes = np.where(np.arange(30) % 2, 0.05, 0.2).astype(np.float32)
    both = apgd(Attack("apgd"), objective, sizes)
    for parity, size in enumerate((0.2, 0.05)):
        own = objective.inputs.points.rows() % 2 == parity
        np.testing.assert_allclose(both[own], apgd(Attack("apgd"), objective, size)[own], atol=1e-6)


def test_is_stronger_than_pgd_on_the_same_objective(ensemble, points):
    objective = objective_of(ensemble, points)
    (pgd,) = perturb(Attack("pgd", "margin"), objective.gradient, objective.inputs.clean, [0.1])
    ours = apgd(Attack("apgd", restarts=2), objective, 0.1)
    assert objective.worth(ours).mean() > objective.worth(pgd).mean()


def test_slopes_that_are_not_finite_move_nothing():
    np.testing.assert_array_equal(module._signs(np.array([np.nan, np.inf, -2.0, 0.0])), [0, 0, -1, 0])
