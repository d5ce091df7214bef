"""joint_bounds: below the exact minimum, and tighter than linear relaxation where many units are unstable."""

import numpy as np
import pytest

from mach_tf.certificates import joint_bounds
from mach_tf.certificates.joint_bounds import JointBounds
from mach_tf.certificates.linear_bounds import linear_bounds
from mach_tf.certificates.perturbations import PerturbationSet
from tests.helpers import certified


def pairs(units, layer):
    found = [certified.difference(units, layer, *pair) for pair in ((0, 1), (4, 7), (8, 2))]
    return np.stack([weights for weights, _ in found]), np.array([constant for _, constant in found])


@pytest.mark.parametrize("epsilon", [0, 1e-6, 0.02, 0.1, 0.4])
@pytest.mark.parametrize("seed", range(4))
def test_below_the_exact_minimum(seed, epsilon):
    world = certified.small(seed)
    units = world.units(PerturbationSet(epsilon))
    weights, constants = pairs(units, world.layer)
    bounds = JointBounds(units).bounds(weights, constants)
    exact = [certified.smallest(units, *pair) for pair in zip(weights, constants)]
    assert (bounds <= np.array(exact) + 1e-7).all()
    if units.stable.all():
        np.testing.assert_allclose(bounds, exact, atol=1e-6)


def test_tighter_than_linear_relaxation_with_many_units():
    world = certified.small(0, n=50, repetitions=4, hidden=200)
    units = world.units(PerturbationSet(0.02))
    weights, constants = pairs(units, world.layer)
    assert (JointBounds(units).bounds(weights, constants) > linear_bounds(units, weights, constants)).all()


def test_no_bound_with_too_many_units_or_without_entries(monkeypatch):
    world = certified.small(0, n=0)
    units = world.units(PerturbationSet(0.1))
    assert (JointBounds(units).bounds(*pairs(units, world.layer)) == -np.inf).all()
    monkeypatch.setattr(joint_bounds, "_MOST_UNITS", 1)
    world = certified.small(0)
    units = world.units(PerturbationSet(0.4))
    assert (JointBounds(units).bounds(*pairs(units, world.layer)) == -np.inf).all()
