"""quadratic_bounds: below the exact minimum, and far tighter than linear relaxation where many units are unstable."""

import numpy as np
import pytest

from mach_tf.certificates import quadratic_bounds
from mach_tf.certificates.linear_bounds import linear_bounds
from mach_tf.certificates.perturbations import PerturbationSet
from mach_tf.certificates.quadratic_bounds import QuadraticRelaxation
from tests.helpers import certified


@pytest.mark.parametrize("epsilon", [0, 1e-6, 0.02, 0.1, 0.4])
@pytest.mark.parametrize("seed", range(4))
def test_below_the_exact_minimum(seed, epsilon):
    world = certified.small(seed)
    units = world.units(PerturbationSet(epsilon))
    for label, other in ((0, 1), (4, 7), (8, 2)):
        weights, constant = certified.difference(units, world.layer, label, other)
        exact = certified.smallest(units, weights, constant)
        found = QuadraticRelaxation(units).bound(weights, constant, enough=np.inf)
        assert found.bound <= exact + 1e-7
        assert found.value >= exact - 1e-6
        assert (np.abs(found.perturbation) <= units.box.half).all()
        if units.stable.all():
            assert found.bound == pytest.approx(exact, abs=1e-4)


def test_tighter_than_linear_relaxation_with_many_units():
    world = certified.small(0, n=50, repetitions=4, hidden=200)
    units = world.units(PerturbationSet(0.02))
    assert (~units.stable).sum() > 200
    weights, constant = certified.difference(units, world.layer, 0, 1)
    (linear,) = linear_bounds(units, weights[None], np.array([constant]))
    found = QuadraticRelaxation(units).bound(weights, constant, enough=np.inf)
    assert found.value - found.bound < 0.3 * (found.value - linear)


def test_stops_at_what_is_enough(monkeypatch):
    turns = []
    turn = quadratic_bounds._Search.turn
    monkeypatch.setattr(quadratic_bounds._Search, "turn", lambda self: turns.append(1) or turn(self))
    world = certified.small(0, n=20, hidden=40)
    units = world.units(PerturbationSet(0.02))
    weights, constant = certified.difference(units, world.layer, 0, 1)
    QuadraticRelaxation(units).bound(weights, constant + 100, enough=0.0)
    assert len(turns) == 1


def test_no_bound_for_points_with_too_many_entries(monkeypatch):
    monkeypatch.setattr(quadratic_bounds, "MOST_ENTRIES", 5)
    world = certified.small(0)
    units = world.units(PerturbationSet(0.1))
    assert QuadraticRelaxation(units).bound(*certified.difference(units, world.layer, 0, 1), 0.0).bound == -np.inf


def test_a_point_without_features():
    world = certified.small(0, n=0)
    units = world.units(PerturbationSet(0.1))
    weights, constant = certified.difference(units, world.layer, 0, 1)
    scores = world.scores(np.zeros((1, 0)))[0]
    assert QuadraticRelaxation(units).bound(weights, constant, 0.0).bound == pytest.approx(
        scores[0] - scores[1], abs=1e-6
    )
