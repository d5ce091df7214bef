"""Auto-PGD: projected gradient ascent with momentum whose step size each point halves for itself.

Croce and Hein 2020, "Reliable evaluation of adversarial robustness with an ensemble of diverse parameter-free attacks", algorithm 1.
From x_0 with the step eta_0 = 2 epsilon,

    z_{k+1} = P(x_k + eta_k sign(grad f(x_k))),    x_{k+1} = P(x_k + a (z_{k+1} - x_k) + (1 - a) (x_k - x_{k-1})),

with a = 0.75 (1 in the first step) and P the projection to the perturbations allowed. At the checkpoints w_j = ceil(p_j N) of N steps,
with p_0 = 0, p_1 = 0.22, p_{j+1} = p_j + max(p_j - p_{j-1} - 0.03, 0.06), a point halves its step and goes back to its best values if

1. f rose in fewer than 75% of the steps since the last checkpoint, or
2. at the last checkpoint the step was not halved, and the best f has not risen since.

The result is the best point that was met, from all restarts.
"""

from __future__ import annotations

from typing import Union

import numpy as np

from mach_tf.attacks.gradient_attacks import Attack, project, random_start
from mach_tf.attacks.objectives import Objective
from mach_tf.fgsm import fgsm

_MOMENTUM = 0.75
_RISING_SHARE = 0.75


def checkpoints(steps: int) -> list[int]:
    """Returns after how many steps the step size may be halved, ascending.

    Example:
      >>> checkpoints(10)
      [3, 5, 6, 7, 8, 9, 10]
    """
    percents = [0, 22]  # whole numbers, so that 57% of 100 steps are 57
    while (following := percents[-1] + max(percents[-1] - percents[-2] - 3, 6)) <= 100:
        percents.append(following)
    return sorted({-(-percent * steps // 100) for percent in percents[1:]})


def apgd(attack: Attack, objective: Objective, epsilon: Union[float, np.ndarray], first: int = 0) -> np.ndarray:
    """Returns the values of the highest worth that were found.

    Args:
      attack: its steps, restarts, seed, random_start and clip_nonnegative are used. The first start is the clean point unless
        `random_start`; every other is a uniform draw from the ball.
      objective: what is increased, of n points.
      epsilon: size of the perturbation, one for all points, or float32 [n].
      first: as of gradient_attacks.perturb.

    Returns:
      float32, of the shape of the clean values.
    """
    inputs = objective.inputs
    sizes = np.broadcast_to(np.asarray(epsilon, np.float32), len(inputs.points))
    best, best_worth = inputs.clean, np.full(len(inputs.points), -np.inf)
    for restart in range(attack.restarts):
        start = inputs.clean
        if restart or attack.random_start:
            start = random_start(attack, inputs.clean, inputs.spread(sizes), first, restart)
        values, worth = _ascent(attack, objective, start, sizes)
        better = worth > best_worth
        best = np.where(inputs.spread(better), values, best)
        best_worth = np.where(better, worth, best_worth)
    return best


def _ascent(
    attack: Attack, objective: Objective, start: np.ndarray, sizes: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Returns the best values from one start, and their worth, [n]; `sizes` is epsilon of each point, float32 [n]."""
    inputs, n = objective.inputs, len(sizes)
    borders = inputs.spread(sizes)

    def projected(values: np.ndarray) -> np.ndarray:
        return project(values, inputs.clean, borders, attack.clip_nonnegative)

    step = np.float32(2) * sizes
    values = before = start
    worth, slope = objective.evaluate(values)
    best, best_worth, best_slope = values, worth, slope
    rises, halved, worth_before, checked = np.zeros(n, np.int64), np.ones(n, bool), worth, 0
    stops = set(checkpoints(attack.steps))
    for done in range(1, attack.steps + 1):
        ahead = projected(values + inputs.spread(step) * _signs(slope))
        if done > 1:
            ahead = projected(
                values + np.float32(_MOMENTUM) * (ahead - values) + np.float32(1 - _MOMENTUM) * (values - before)
            )
        before, values, last = values, ahead, worth
        if done < attack.steps:
            worth, slope = objective.evaluate(values)
        else:
            worth = objective.worth(values)
        rises += worth > last
        better = worth > best_worth
        wide = inputs.spread(better)
        best, best_slope = np.where(wide, values, best), np.where(wide, slope, best_slope)
        best_worth = np.where(better, worth, best_worth)
        if done in stops:
            stuck = ~halved & (best_worth <= worth_before)
            halved = (rises < _RISING_SHARE * (done - checked)) | stuck
            step[halved] /= 2
            wide = inputs.spread(halved)
            values, slope = np.where(wide, best, values), np.where(wide, best_slope, slope)
            worth = np.where(halved, best_worth, worth)
            rises[:], worth_before, checked = 0, best_worth, done
    return best, best_worth


def _signs(slope: np.ndarray) -> np.ndarray:
    return np.asarray(fgsm(slope, 1))
