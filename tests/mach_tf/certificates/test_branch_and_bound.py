"""branch_and_bound: equal to the optimum of mixed-integer programming, never above it, and ends early where it may."""

import numpy as np
import pytest
import scipy.optimize

from mach_tf.certificates.branch_and_bound import smallest_difference
from mach_tf.certificates.linear_bounds import linear_bounds
from mach_tf.certificates.perturbations import PerturbationSet
from tests.helpers import certified


@pytest.mark.parametrize("epsilon", [0, 1e-6, 0.05, 0.2, 0.5])
@pytest.mark.parametrize("seed", range(6))
def test_equal_to_the_mixed_integer_optimum(seed, epsilon):
    world = certified.small(seed, n=5, hidden=8)
    units = world.units(PerturbationSet(epsilon))
    for label, other in ((0, 1), (4, 7), (8, 2)):
        weights, constant = certified.difference(units, world.layer, label, other)
        exact = certified.smallest(units, weights, constant)
        found = smallest_difference(units, weights, constant)
        assert found.bound == pytest.approx(exact, abs=1e-6)
        assert found.value == pytest.approx(exact, abs=1e-6)
        assert (np.abs(found.perturbation) <= units.box.half).all()
        active = np.maximum(units.centre + found.perturbation @ units.kernel.astype(np.float64), 0)
        assert weights @ active + constant == pytest.approx(found.value)


def test_every_number_of_branches_gives_a_bound():
    world = certified.small(0, hidden=12)
    units = world.units(PerturbationSet(0.4))
    weights, constant = certified.difference(units, world.layer, 0, 1)
    exact = certified.smallest(units, weights, constant)
    (linear,) = linear_bounds(units, weights[None], np.array([constant]))
    bounds = [smallest_difference(units, weights, constant, most=most).bound for most in (1, 3, 9, 27, 10_000)]
    assert bounds == sorted(bounds) and linear - 1e-9 <= bounds[0] < bounds[-1] <= exact + 1e-7
    assert bounds[-1] == pytest.approx(exact, abs=1e-6)


def test_ends_once_the_answer_is_known():
    world = certified.small(0, hidden=12)
    units = world.units(PerturbationSet(0.4))
    weights, constant = certified.difference(units, world.layer, 0, 1)
    full = smallest_difference(units, weights, constant)
    proved = smallest_difference(units, weights, constant, enough=full.value - 0.2)
    refuted = smallest_difference(units, weights, constant, enough=full.value + 5)
    assert proved.bound > full.value - 0.2 and refuted.value <= full.value + 5
    assert 1 <= proved.branches < full.branches and refuted.branches < full.branches


def test_wrong_multipliers_of_the_solver_give_no_wrong_bound(monkeypatch):
    """Bounds hold whatever the solver answers."""
    solve, rng = scipy.optimize.linprog, np.random.default_rng(0)

    def wrong(*arguments, **options):
        found = solve(*arguments, **options)
        found.ineqlin.marginals = found.ineqlin.marginals + rng.standard_normal(len(found.ineqlin.marginals))
        return found

    monkeypatch.setattr(scipy.optimize, "linprog", wrong)
    for seed in range(10):
        world = certified.small(seed)
        units = world.units(PerturbationSet(0.3))
        weights, constant = certified.difference(units, world.layer, 0, 1)
        found = smallest_difference(units, weights, constant, most=50)
        assert found.bound <= certified.smallest(units, weights, constant) + 1e-7


def test_a_solver_that_fails_proves_nothing(monkeypatch):
    monkeypatch.setattr(scipy.optimize, "linprog", lambda *_, **__: scipy.optimize.OptimizeResult(x=None))
    world = certified.small(0)
    units = world.units(PerturbationSet(0.3))
    found = smallest_difference(units, *certified.difference(units, world.layer, 0, 1), most=100)
    assert found.bound == -np.inf


def test_a_point_without_features():
    world = certified.small(0, n=0)
    units = world.units(PerturbationSet(0.1))
    weights, constant = certified.difference(units, world.layer, 0, 1)
    scores = world.scores(np.zeros((1, 0)))[0]
    assert smallest_difference(units, weights, constant).bound == pytest.approx(scores[0] - scores[1], abs=1e-6)
