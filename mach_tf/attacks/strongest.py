"""The strongest attack: the worst of several attacks, for every point and every metric.

Auto-PGD on the precision at each cut-off, which for k = 1 is the margin of the best false label over the best true one, and the square
attack on that margin, in case gradients lead nowhere.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence

import numpy as np

from mach_tf.attacks.gradient_attacks import Attack


def parts(attack: Attack, ks: Sequence[int], labels: int) -> list[Attack]:
    """Returns the attacks that the strongest one is made of.

    Args:
      attack: its settings are those of every part.
      ks: cut-offs; 1 is always among them.
      labels: K. The precision at K cannot be attacked.
    """
    found = [
        dataclasses.replace(attack, method="apgd", objective="precision" if k > 1 else "margin", k=k)
        for k in sorted({1, *ks})
        if k < labels
    ]
    return [*found, dataclasses.replace(attack, method="square", objective="margin", k=1)]


def worst(hits: Sequence[np.ndarray]) -> np.ndarray:
    """Returns the number of the part that leaves each point the fewest true labels in the top k; ties go to the first.

    Args:
      hits: for each part, bool [n, k], which predicted labels are true, best first. Of as many hits, fewer at the smaller ranks
        are worse.

    Returns:
      int64 [n].

    Example:
      >>> first, second = np.array([[True, False], [True, True]]), np.array([[False, True], [False, True]])
      >>> worst([first, second]).tolist()
      [1, 1]
    """
    k = hits[0].shape[1]
    gains = 1 + np.arange(k, 0, -1) / (k * k + 1)  # a hit counts more than all ranks together
    return np.argmin([hit @ gains for hit in hits], axis=0)
