"""ranker_units: intervals are exact, errors cover float32, leads are below every sampled one, and appended units are hidden units."""

import itertools

import numpy as np
import pytest
import scipy.sparse

from mach_tf.certificates.hidden_units import hidden_units
from mach_tf.certificates.output_layer import OutputLayer
from mach_tf.certificates.perturbations import PerturbationSet
from mach_tf.certificates.ranker_units import ranker_units
from tests.helpers import certified

LABELS = 9


def ranked(seed, n=6, scale=1.0):
    return certified.with_ranker(certified.small(seed, n=n, labels=LABELS), seed, scale)


@pytest.mark.parametrize("clip", [False, True])
@pytest.mark.parametrize("seed", range(6))
def test_intervals_are_those_of_all_corners_of_the_box(seed, clip):
    world, perturbations = ranked(seed), PerturbationSet(0.2, clip_nonnegative=clip)
    low, high = certified.extremes(world, perturbations)
    corners = np.array(list(itertools.product(*zip(low, high))), np.float64)
    products = corners @ world.ranker.T.astype(np.float64)
    units = world.ranker_units(perturbations)
    assert (units.lower <= products).all() and (products <= units.upper).all()
    np.testing.assert_allclose(units.lower, products.min(axis=0), atol=1e-6)
    np.testing.assert_allclose(units.upper, products.max(axis=0), atol=1e-6)


@pytest.mark.parametrize("scale", [1e-3, 1, 1e3])
@pytest.mark.parametrize("n", [1, 6, 500])
def test_errors_cover_what_is_added_in_float32(n, scale):
    world, perturbations = ranked(n, n, scale), PerturbationSet(0.1)
    units = world.ranker_units(perturbations)
    values = certified.perturbed(world, perturbations, 300)
    weights = scipy.sparse.csr_matrix(world.ranker.T)
    single = np.maximum((scipy.sparse.csr_matrix(values) @ weights).toarray(), 0)
    differences = np.abs(single - world.added(values.astype(np.float64)))
    assert single.dtype == np.float32 and (differences <= units.errors).all()
    if n > 1:
        assert differences.max() > units.errors.max() / 2000  # and not for being without end


@pytest.mark.parametrize("epsilon", [0, 0.01, 0.3])
@pytest.mark.parametrize("seed", range(4))
def test_leads_are_below_every_sampled_one(seed, epsilon):
    world, perturbations = ranked(seed), PerturbationSet(epsilon)
    units = world.ranker_units(perturbations)
    values = certified.perturbed(world, perturbations, 1000)
    for added in (world.added(values), world.added(values.astype(np.float64))):
        for label in range(LABELS):
            others = np.arange(LABELS) != label
            leads = (added[:, [label]] - added).min(axis=0)
            assert (units.leads(label) <= leads)[others].all()
            if not epsilon:
                np.testing.assert_allclose(units.leads(label)[others], leads[others], atol=1e-5)


@pytest.mark.parametrize("epsilon", [0, 0.2])
def test_appended_units_are_hidden_units(epsilon):
    world = ranked(0)
    box = PerturbationSet(epsilon).box(world.values)
    found = world.ranker_units(PerturbationSet(epsilon))
    active = found.active(np.array([5, 2, 2, 7, 0, 8]))
    assert set(active) == {label for label in (0, 2, 5, 7, 8) if found.upper[label] > 0} and len(active)
    units = world.units(PerturbationSet(epsilon))
    both = found.appended(units, active)
    layer = OutputLayer.of_arrays(np.zeros((1, len(active), 1)), np.zeros((1, 1)), np.zeros((1, 1)))
    alone = hidden_units(world.ranker[active].T, np.zeros(len(active), np.float32), box, layer)
    ensemble = len(units.centre)
    for name in ("kernel", "centre", "lower", "upper", "magnitude"):
        array = getattr(both, name)
        np.testing.assert_array_equal(array[..., :ensemble], getattr(units, name))
        np.testing.assert_allclose(array[..., ensemble:], getattr(alone, name), rtol=1e-12, atol=1e-14)
    assert found.appended(units, active[:0]) is units


def test_labels_without_weights_in_the_point_are_0_without_an_error():
    weights = scipy.sparse.csr_matrix(np.array([[0, 2, -1, 1e-30], [0, 0, -1, 0]], np.float32))
    units = ranker_units(weights, PerturbationSet(0.1).box(np.full(2, 0.5, np.float32)))
    assert units.lower[0] == units.upper[0] == units.errors[0] == 0
    assert units.upper[2] < 0 and units.errors[2] == 0 and units.errors[1] > 0
    np.testing.assert_array_equal(units.active(np.arange(4)), [1, 3])


def test_sums_that_may_overflow_have_no_bound():
    weights = scipy.sparse.csr_matrix(np.full((3, 1), 3e38, np.float32))
    units = ranker_units(weights, PerturbationSet(0.1).box(np.ones(3, np.float32)))
    assert np.isinf(units.errors[0])
