"""The square attack on sparse points: a random search that asks for label scores only, and so shows whether gradients are masked.

Andriushchenko et al. 2020, "Square attack: a query-efficient black-box adversarial attack via random search". The original moves
squares of an image by +epsilon or -epsilon. The features of a point have no neighbours, so a query moves a random subset of them instead,
each to one of the two borders of the ball, and keeps the change if the objective rises. The subsets shrink as the search goes on, from 80% of the
features to single ones, on the schedule of the original, scaled to the number of queries.
"""

from __future__ import annotations

from typing import Union

import numpy as np

from mach_tf.attacks.gradient_attacks import Attack, project
from mach_tf.attacks.objectives import Objective
from mach_tf.attacks.random_draws import draws

_FIRST_SHARE = 0.8
# After these shares of all queries the subsets are halved.
_HALVINGS = (0.001, 0.005, 0.02, 0.05, 0.1, 0.2, 0.4, 0.6, 0.8)
# Streams of draws: which features move, and where to.
_SUBSETS, _SIGNS = 1, 2


def share_of_features(query: int, queries: int) -> float:
    """Returns the share of a point's features that a query moves; `query` is in [0, queries).

    Example:
      >>> share_of_features(0, 100), share_of_features(99, 100)
      (0.8, 0.0015625)
    """
    return float(_FIRST_SHARE / 2 ** sum(query > halving * queries for halving in _HALVINGS))


def square_attack(
    attack: Attack, objective: Objective, epsilon: Union[float, np.ndarray], first: int = 0
) -> np.ndarray:
    """Returns the values of the highest worth that were found.

    Args:
      attack: its queries, seed and clip_nonnegative are used.
      objective: what is increased, of n points; only its `worth` is asked for.
      epsilon: size of the perturbation, one for all points, or float32 [n].
      first: as of gradient_attacks.perturb.

    Returns:
      float32, of the shape of the clean values.
    """
    inputs = objective.inputs
    clean = inputs.clean
    sizes = inputs.spread(np.broadcast_to(np.asarray(epsilon, np.float32), len(inputs.points)))
    best, best_worth = clean, objective.worth(clean)
    for query in range(attack.queries):
        signs = np.where(draws([attack.seed, _SIGNS, query], first, clean.shape) < 0.5, np.float32(-1), np.float32(1))
        moved = project(clean + sizes * signs, clean, sizes, attack.clip_nonnegative)
        if query:  # the first query moves all features
            chance = draws([attack.seed, _SUBSETS, query], first, clean.shape)
            least = inputs.spread(inputs.smallest(chance))  # one feature at least
            moved = np.where((chance < share_of_features(query, attack.queries)) | (chance == least), moved, best)
        worth = objective.worth(moved)
        better = worth > best_worth
        best = np.where(inputs.spread(better), moved, best)
        best_worth = np.where(better, worth, best_worth)
    return best
