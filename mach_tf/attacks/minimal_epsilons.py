"""The smallest perturbation that changes a point's top label, as far as attacks find it: bisection of epsilon, point by point."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Callable

import numpy as np

from mach_tf.attacks.apgd import apgd
from mach_tf.attacks.attack_chunks import chunks
from mach_tf.attacks.gradient_attacks import Attack, check_values
from mach_tf.attacks.input_gradient import attack_input, first_value
from mach_tf.attacks.objectives import Objective
from mach_tf.attacks.square_attack import square_attack
from mach_tf.network import Network
from mach_tf.points import Points

# The bisection is one of the logarithm of epsilon, from the largest size down to this share of it.
SMALLEST_SHARE = 1 / 1024
# With this many attacks, a size that sufficed and one that did not are within a factor of 2 ** (10 / 2 ** 8), 3 percent.
_ATTACKS = 9


def minimal_epsilons(
    network: Network,
    points: Points,
    top_labels: np.ndarray,
    attack: Attack,
    largest: float,
    estimator: str,
    progress: Callable[[Sequence[range]], Iterable[range]] = iter,
) -> np.ndarray:
    """Returns the smallest size of a perturbation that was found to change the top label of each point.

    A certificate proves a lower bound of the true value; this is an upper bound.

    Args:
      network: the network that is attacked.
      points: n hashed points.
      top_labels: int [n], the top label of each unperturbed point.
      attack: its settings. "square" is that search, "strongest" is both, any other method is Auto-PGD.
      largest: the largest size that is tried, above 0.
      estimator: which estimator makes the label scores.
      progress: wraps the chunks of points, for a progress bar.

    Returns:
      float64 [n]; infinity where no attack of the largest size succeeds. Sizes below SMALLEST_SHARE of the largest are not tried
      for their own sake, but returned if a perturbation turns out to be as small.
    """
    found = np.full(len(points), np.inf)
    for rows in progress(chunks(len(points), [network], attack.support)):
        inputs = attack_input(points[rows], network.manifest.columns, attack.support)
        check_values(attack, inputs.clean, [largest])
        targets = top_labels[rows.start : rows.stop].astype(np.int64)
        objective = Objective("top_label", network, network.decoder, inputs, estimator, 1, targets)
        first = first_value(points, network.manifest.columns, attack.support, rows.start)
        found[rows.start : rows.stop] = _of_chunk(attack, objective, largest, first)
    return found


def _of_chunk(attack: Attack, objective: Objective, largest: float, first: int) -> np.ndarray:
    n, smallest = len(objective.inputs.points), largest * SMALLEST_SHARE
    low, high = np.full(n, smallest), np.full(n, largest)
    found = np.full(n, np.inf)
    for step in range(_ATTACKS):
        is_found = np.isfinite(found)
        # A larger ball holds every smaller one, but its search may overlook what is near: where the largest fails, others are tried.
        sizes = np.where(is_found, np.sqrt(low * high), largest / 2**step)
        reached = _reached(attack, objective, sizes.astype(np.float32), first)
        succeeded = np.isfinite(reached)
        low = np.where(is_found & ~succeeded, sizes, low)
        found = np.minimum(found, reached)
        high = np.clip(found, low, largest)
    return found


def _reached(attack: Attack, objective: Objective, sizes: np.ndarray, first: int) -> np.ndarray:
    """Returns the largest change of a value by which an attack of each size changes the top label, [n]; infinity where none does."""
    inputs = objective.inputs
    reached = np.full(len(sizes), np.inf)
    searches = {"square": (square_attack,), "strongest": (apgd, square_attack)}.get(attack.method, (apgd,))
    for search in searches:
        values = search(attack, objective, sizes, first)
        moved = -inputs.smallest(-np.abs(values.astype(np.float64) - inputs.clean))
        reached = np.where(objective.worth(values) > 0, np.minimum(reached, moved), reached)
    return reached
