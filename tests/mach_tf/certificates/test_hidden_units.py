"""hidden_units: pre-activations stay within their bounds, which some perturbation attains."""

import numpy as np
import pytest

from mach_tf.certificates.perturbations import PerturbationSet
from tests.helpers import certified


@pytest.mark.parametrize("clip", [False, True])
@pytest.mark.parametrize("seed", range(4))
def test_bounds_hold_and_are_attained(seed, clip):
    world, perturbations = certified.small(seed), PerturbationSet(0.2, clip_nonnegative=clip)
    units = world.units(perturbations)
    values = certified.perturbed(world, perturbations, 2000).astype(np.float64)
    z = values @ world.kernel.astype(np.float64) + world.biases
    inactive = np.setdiff1d(np.arange(z.shape[1]), units.position)
    assert (z[:, inactive] <= 0).all()
    z = z[:, units.position]
    assert (z >= units.lower).all() and (z <= units.upper).all()
    np.testing.assert_allclose(
        z.max(axis=0), units.upper, rtol=1e-5, atol=1e-6
    )  # 2^6 corners, all but surely all drawn
    np.testing.assert_allclose(z.min(axis=0), units.lower, rtol=1e-5, atol=1e-6)
    assert (np.abs(units.centre) + (units.upper - units.lower) / 2 <= 2 * units.magnitude).all()


def test_units_of_each_repetition():
    world = certified.small(1)
    units = world.units(PerturbationSet(0.1))
    for r in range(2):
        own = units.position[units.splits[r] : units.splits[r + 1]]
        assert ((own >= 5 * r) & (own < 5 * r + 5)).all()
    assert units.splits[-1] == len(units.position)


def test_a_point_without_features():
    world = certified.small(0, n=0)
    units = world.units(PerturbationSet(0.1))
    np.testing.assert_allclose(units.lower, world.biases[units.position], rtol=1e-6)
