"""rounding: sums and forward passes in float32 stay within what is derived for them."""

import numpy as np
import pytest

from mach_tf.certificates import rounding
from mach_tf.certificates.output_layer import OutputLayer
from mach_tf.certificates.perturbations import PerturbationSet
from tests.helpers import certified


def test_gamma():
    assert rounding.gamma(0) == 0
    assert rounding.gamma(1, rounding.SINGLE) == pytest.approx(2.0**-24)
    assert rounding.gamma(2**24, rounding.SINGLE) == np.inf


@pytest.mark.parametrize("n", [1, 7, 1000])
def test_sums_in_single_precision_stay_within_gamma(n):
    rng = np.random.default_rng(n)
    for _ in range(50):
        x, y = rng.standard_normal((2, n)).astype(np.float32)
        exact, magnitude = float(x.astype(np.float64) @ y), float(np.abs(x).astype(np.float64) @ np.abs(y))
        one_by_one = np.float32(0)
        for a, b in zip(x, y):
            one_by_one += a * b
        for computed in (float(x @ y), float(one_by_one)):
            assert abs(computed - exact) <= rounding.gamma(n, rounding.SINGLE) * magnitude + 1e-13


@pytest.mark.parametrize("seed", range(5))
def test_float32_scores_stay_within_the_sketch_of_errors(seed):
    world = certified.small(seed, n=40, repetitions=4, hidden=64, labels=30)
    perturbations = PerturbationSet(0.1)
    errors = world.units(perturbations).score_errors
    allowed = sum(row[buckets] for row, buckets in zip(errors, world.layer.table))
    values = certified.perturbed(world, perturbations, 200)
    differences = np.abs(world.single_scores(values) - world.scores(values))
    assert (differences <= allowed).all()
    assert differences.max() > allowed.min() / 5000  # and not for being without end


@pytest.mark.parametrize(("first", "second"), [(1e30, 1), (1, 1e38), (1e19, 1e20)])
def test_no_bound_where_sums_may_overflow(first, second):
    world = certified.small(0)
    layer = OutputLayer.of_arrays(world.layer.kernels * np.float32(second), world.layer.biases, world.layer.table)
    values = world.values * np.float32(1e9 if first == 1e30 else 1)
    large = certified.Small(world.kernel * np.float32(first), world.biases, layer, values)
    assert np.isinf(large.units(PerturbationSet(0.1)).score_errors).all()
