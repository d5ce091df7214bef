"""shared_lines: lines below ReLU, and what they leave out, hold for every sampled pre-activation; linear parts are the network's."""

import numpy as np
import pytest

from mach_tf.certificates.perturbations import PerturbationSet
from mach_tf.certificates.shared_lines import SharedLines
from tests.helpers import certified


@pytest.mark.parametrize("epsilon", [0, 1e-6, 0.01, 0.1, 0.5])
@pytest.mark.parametrize(("seed", "n", "hidden"), [(0, 6, 5), (1, 40, 60), (2, 1, 3), (3, 0, 4)])
def test_lines_and_bounds_of_what_they_leave_out(seed, n, hidden, epsilon):
    world, perturbations = certified.small(seed, n=n, hidden=hidden), PerturbationSet(epsilon)
    units = world.units(perturbations)
    lines = SharedLines(units, world.layer)
    moves = certified.perturbed(world, perturbations, 2000).astype(np.float64) - units.box.middle
    a = moves @ units.kernel.astype(np.float64)
    z = units.centre + a
    with np.errstate(divide="ignore", invalid="ignore"):
        shares = np.nan_to_num(moves / units.box.half)
    parallel = shares @ lines.columns.astype(np.float64).T
    np.testing.assert_allclose(parallel, a, rtol=1e-5, atol=1e-6)

    active = np.maximum(z, 0)
    # The slope of a unit's line, of what the linear part is made.
    scale = 1 / (4 * np.maximum(lines.squares.astype(np.float64), 1e-300))
    slope = np.where(units.stable, 1, (units.centre + scale) / (2 * scale))
    rest = active - slope * z
    assert (rest >= -1e-6).all()
    assert (rest <= lines.chord + 1e-6).all()
    assert (rest <= lines.at_zero + lines.squares * a**2 + 1e-6).all()
    assert not lines.chord[units.stable].any() and not lines.squares[units.stable].any()


def test_linear_parts_are_logits_without_unstable_units():
    world = certified.small(0, n=20, hidden=30, repetitions=3)
    units = world.units(PerturbationSet(0))
    lines = SharedLines(units, world.layer)
    assert units.stable.all()
    scores = np.mean([lines.values[r][row] for r, row in enumerate(world.layer.table)], axis=0)
    np.testing.assert_allclose(scores, world.scores(world.values[None])[0], atol=1e-5)
    assert (lines.slack > 0).all() and lines.slack.max() < 1e-2


def test_slack_covers_the_rounding_of_matrix_products():
    world = certified.small(1, n=50, hidden=80, repetitions=3)
    units = world.units(PerturbationSet(0.05))
    lines = SharedLines(units, world.layer)
    scale = 1 / (4 * np.maximum(lines.squares.astype(np.float64), 1e-300))
    slope = np.where(units.stable, 1, (units.centre + scale) / (2 * scale)).astype(np.float32).astype(np.float64)
    exact = units.kernel.T.astype(np.float64) * units.box.half * slope[:, None]
    for r in range(3):
        own = lines.own(r)
        weights = world.layer.kernels[r][units.position[own] - r * 80].astype(np.float64)
        gradient, value = weights.T @ exact[own], (slope * units.centre)[own] @ weights + world.layer.biases[r]
        wrong = np.abs(lines.gradients[r] - gradient).sum(axis=1) + np.abs(lines.values[r] - value)
        assert (wrong + 3 * units.score_errors[r] <= lines.slack[r]).all()  # and the network's own rounding
