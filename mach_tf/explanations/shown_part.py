"""What a display of the largest attributions leaves out: their share, and the sums of those that are not shown."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

# Shown by default: the least number, and as many more as make up this share of all magnitudes, up to the most.
_LEAST, _SHARE, _MOST = 12, 0.5, 48


class Group(NamedTuple):
    """The number of some features and the sum of their attributions."""

    size: int
    total: float


class ShownPart(NamedTuple):
    """The part of an explanation that is shown.

    Attributes:
      shown: the features that are shown.
      raising: the other features that raise the score, or leave it.
      lowering: the other features that lower it.
      share: the shown part of the sum of all magnitudes, in [0, 1]; 1 if nothing is left out.
    """

    shown: Group
    raising: Group
    lowering: Group
    share: float

    @property
    def total(self) -> float:
        """The sum of all attributions."""
        return self.shown.total + self.raising.total + self.lowering.total

    def others(self) -> list[tuple[str, float]]:
        """Returns a title and the sum of each group that is left out.

        Example:
          >>> shown_part([3.0, -2.0, 1.0, 0.5, -0.25], 2).others()
          [('2 others that raise', 1.5), ('1 other that lowers', -0.25)]
        """
        kinds = (self.raising, "raise"), (self.lowering, "lower")
        return [
            (f"{group.size:,} other{'s' * (group.size > 1)} that {verb}{'s' * (group.size == 1)}", group.total)
            for group, verb in kinds
            if group.size
        ]

    def sentence(self) -> str:
        """Returns how much is shown.

        Example:
          >>> shown_part([3.0, -2.0, 1.0], 2).sentence()
          'the first 2 of 3 features are 83% of all attributions'
        """
        features = self.shown.size + self.raising.size + self.lowering.size
        if self.shown.size == features:
            return f"all {features:,} features"
        # 100% is said only of all features, 0% only of none.
        percent = min(99, max(1, round(100 * self.share)))
        return f"the first {self.shown.size:,} of {features:,} features are {percent}% of all attributions"


def shown_part(attributions: Sequence[float], shown: int) -> ShownPart:
    """Divides attributions into those that are shown and the others.

    Args:
      attributions: of all features, in the order in which they are shown.
      shown: the number that is shown.
    """
    values = np.asarray(attributions, np.float64)
    first, rest = values[:shown], values[shown:]
    sizes = np.abs(values).sum()
    share = 1.0 if not len(rest) or not sizes else float(np.abs(first).sum() / sizes)
    return ShownPart(_group(first), _group(rest[rest >= 0]), _group(rest[rest < 0]), share)


def enough(attributions: Sequence[float]) -> int:
    """Returns how many to show: 12, or up to 48 until they are half of all attributions by size.

    Args:
      attributions: of all features, largest magnitude first.

    Example:
      >>> enough([5.0] * 3), enough([1.0] * 60), enough([1.0] * 1000)
      (12, 30, 48)
    """
    sizes = np.cumsum(np.abs(np.asarray(attributions, np.float64)))
    needed = int(np.searchsorted(sizes, _SHARE * sizes[-1])) + 1 if len(sizes) else 0
    return min(max(needed, _LEAST), _MOST)


def _group(values: np.ndarray) -> Group:
    return Group(len(values), float(values.sum()))
