"""screening: below the smallest lead that is sampled, also in float32, and within reach of it."""

import numpy as np
import pytest

from mach_tf.certificates import screening
from mach_tf.certificates.perturbations import PerturbationSet
from mach_tf.certificates.screening import screen
from tests.helpers import certified


@pytest.mark.parametrize("epsilon", [0, 1e-7, 0.01, 0.1, 0.5])
@pytest.mark.parametrize(("seed", "n", "hidden"), [(0, 6, 5), (1, 6, 5), (2, 40, 60), (3, 1, 3)])
def test_below_every_sampled_lead(seed, n, hidden, epsilon):
    world, perturbations = certified.small(seed, n=n, hidden=hidden, labels=25), PerturbationSet(epsilon)
    units = world.units(perturbations)
    values = certified.perturbed(world, perturbations, 3000)
    for label in (0, 13):
        bounds = screen(units, world.layer, label)
        for scores in (world.scores(values), world.single_scores(values)):
            leads = (scores[:, [label]] - scores).min(axis=0)
            others = np.arange(25) != label
            assert (bounds <= leads)[others].all()
        if epsilon <= 1e-7:
            np.testing.assert_allclose(bounds[others], leads[others], atol=0.01)  # what float32 may differ by


def test_blocks_of_labels_change_nothing(monkeypatch):
    world = certified.small(0, n=20, hidden=30, labels=50)
    units = world.units(PerturbationSet(0.1))
    expected = screen(units, world.layer, 3)
    monkeypatch.setattr(screening, "_BLOCK", 7)
    np.testing.assert_allclose(screen(units, world.layer, 3), expected, rtol=1e-12)


@pytest.mark.parametrize("seed", range(5))
def test_largest_forms(seed):
    rng = np.random.default_rng(seed)
    kernel = rng.standard_normal((8, 20)).astype(np.float32)
    half, squares = rng.random(8), rng.random((20, 3)).astype(np.float32)
    found = screening._largest_forms(kernel, half, squares, 1 + 1e-4)
    for column, value in zip(squares.T, found):
        form = half[:, None] * ((kernel * column) @ kernel.T) * half
        assert 8 * np.linalg.eigvalsh(form)[-1] <= value <= 8 * np.trace(form)
