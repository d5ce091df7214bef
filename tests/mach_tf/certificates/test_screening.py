"""screening: each bound is below the smallest lead that is sampled, also in float32, and below the exact minimum; each is of use."""

import numpy as np
import pytest

from mach_tf.certificates import screening
from mach_tf.certificates.linear_bounds import linear_bounds
from mach_tf.certificates.perturbations import PerturbationSet
from mach_tf.certificates.screening import Leads
from mach_tf.certificates.shared_lines import SharedLines
from tests.helpers import certified


def stages(units, layer, label, added=None):
    """The bounds of all labels after each stage, and the estimates."""
    added = np.zeros(layer.table.shape[1]) if added is None else added
    leads = Leads(SharedLines(units, layer), label, added)
    every = np.delete(np.arange(layer.table.shape[1]), label)
    found = [leads.bounds.copy()]
    leads.bound_by_repetition(every)
    found.append(leads.bounds.copy())
    leads.bound_jointly(every)
    return [*found, leads.bounds], leads.estimates


@pytest.mark.parametrize("epsilon", [0, 1e-7, 0.01, 0.1, 0.5])
@pytest.mark.parametrize(("seed", "n", "hidden"), [(0, 6, 5), (1, 6, 5), (2, 40, 60), (3, 1, 3), (4, 0, 3)])
def test_below_every_sampled_lead(seed, n, hidden, epsilon):
    world, perturbations = certified.small(seed, n=n, hidden=hidden, labels=25), PerturbationSet(epsilon)
    units = world.units(perturbations)
    values = certified.perturbed(world, perturbations, 3000)
    for label in (0, 13):
        others = np.arange(25) != label
        found, estimates = stages(units, world.layer, label)
        for scores in (world.scores(values), world.single_scores(values)):
            leads = (scores[:, [label]] - scores).min(axis=0)
            for bounds in found:
                assert (bounds <= leads)[others].all()
        assert all((later >= before).all() for before, later in zip(found, found[1:]))
        assert (found[-1] <= estimates + 1e-6)[others & ~(found[0] > 0)].all()
        if epsilon <= 1e-7:
            np.testing.assert_allclose(found[0][others], leads[others], atol=0.01)  # what float32 may differ by


@pytest.mark.parametrize("epsilon", [1e-6, 0.02, 0.1, 0.4])
@pytest.mark.parametrize("seed", range(4))
def test_below_the_exact_minimum(seed, epsilon):
    world = certified.small(seed)
    units = world.units(PerturbationSet(epsilon))
    for label, other in ((0, 1), (4, 7), (8, 2)):
        exact = certified.smallest(units, *certified.difference(units, world.layer, label, other))
        for bounds in stages(units, world.layer, label)[0]:
            assert bounds[other] <= exact + 1e-7


def test_each_stage_is_tighter_with_many_units():
    world = certified.small(0, n=50, repetitions=4, hidden=200)
    units = world.units(PerturbationSet(0.02))
    first, second, third = stages(units, world.layer, 0)[0]
    # Labels that share all buckets with the label cannot be told apart.
    apart = (world.layer.table != world.layer.table[:, [0]]).any(axis=0)
    assert (second > first)[apart].all() and (third > second)[apart].all()
    weights, constant = certified.difference(units, world.layer, 0, 1)
    assert third[1] > linear_bounds(units, weights[None], np.array([constant]))[0]


def test_blocks_of_labels_change_nothing(monkeypatch):
    world = certified.small(0, n=20, hidden=30, labels=50)
    units = world.units(PerturbationSet(0.1))
    expected = stages(units, world.layer, 3)[0]
    monkeypatch.setattr(screening, "_BLOCK", 7)
    np.testing.assert_allclose(stages(units, world.layer, 3)[0], expected, rtol=1e-5)


def test_each_label_is_bounded_by_repetition_once(monkeypatch):
    world = certified.small(0, n=20, hidden=30, labels=50)
    leads = Leads(SharedLines(world.units(PerturbationSet(0.1)), world.layer), 3, np.zeros(50))
    leads.bound_by_repetition(np.arange(10))
    bounded = []
    monkeypatch.setattr(leads, "_improve", lambda labels, _: bounded.extend(labels))
    leads.bound_by_repetition(np.arange(5, 12))
    assert bounded == [10, 11]


def test_too_many_units_are_not_bounded_jointly(monkeypatch):
    monkeypatch.setattr(screening, "_MOST_UNITS", 1)
    world = certified.small(0)
    _, second, third = stages(world.units(PerturbationSet(0.4)), world.layer, 0)[0]
    np.testing.assert_array_equal(third, second)
