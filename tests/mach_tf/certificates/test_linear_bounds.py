"""linear_bounds: below the exact minimum, equal to CROWN written down by hand, and exact without unstable units."""

import numpy as np
import pytest

from mach_tf.certificates.linear_bounds import linear_bounds
from mach_tf.certificates.perturbations import PerturbationSet
from tests.helpers import certified


@pytest.mark.parametrize("epsilon", [0, 0.02, 0.1, 0.4])
@pytest.mark.parametrize("seed", range(4))
def test_below_the_exact_minimum(seed, epsilon):
    world = certified.small(seed)
    units = world.units(PerturbationSet(epsilon))
    for label, other in ((0, 1), (4, 7), (8, 2)):
        weights, constant = certified.difference(units, world.layer, label, other)
        exact = certified.smallest(units, weights, constant)
        (bound,) = linear_bounds(units, weights[None], np.array([constant]))
        assert bound <= exact + 1e-7
        if units.stable.all():
            assert bound == pytest.approx(exact, abs=1e-6)


def crown(units, weights, constant):
    """The same relaxation, unit by unit."""
    gradient, value = np.zeros(len(units.kernel)), constant
    for column, c, z, low, high in zip(
        units.kernel.T.astype(np.float64), weights, units.centre, units.lower, units.upper
    ):
        if low >= 0:
            slope, offset = 1.0, 0.0
        elif c >= 0:
            slope, offset = float(high > -low), 0.0
        else:
            slope, offset = high / (high - low), -low * high / (high - low)
        gradient += c * slope * column
        value += c * (slope * z + offset)
    return value - np.abs(gradient) @ units.box.half


def test_equal_to_crown_unit_by_unit():
    world = certified.small(3, hidden=30)
    units = world.units(PerturbationSet(0.1))
    pairs = [certified.difference(units, world.layer, 0, other) for other in range(1, 9)]
    bounds = linear_bounds(units, np.stack([pair[0] for pair in pairs]), np.array([pair[1] for pair in pairs]))
    np.testing.assert_allclose(bounds, [crown(units, *pair) for pair in pairs], rtol=1e-9)
