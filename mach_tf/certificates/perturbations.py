"""The perturbations that a certificate covers, and the box that they let a point move in."""

from __future__ import annotations

import dataclasses
from typing import NamedTuple

import numpy as np

from mach_tf import arguments
from mach_tf.choices import SUPPORTS
from mach_tf.errors import InputError

LARGEST_EPSILON = 1e6


class Box(NamedTuple):
    """The values that the entries of one point may take: middle - half to middle + half.

    Attributes:
      middle, half: float64 [n].
      largest: float64 [n], the largest absolute value of each entry in the box.
    """

    middle: np.ndarray
    half: np.ndarray
    largest: np.ndarray


@dataclasses.dataclass(frozen=True)
class PerturbationSet:
    """All changes of a point's values by at most epsilon each.

    Attributes:
      epsilon: the largest change, 0 or more.
      support: "nonzero" for the features that are present, "dense" for all.
      clip_nonnegative: whether values stay at 0 or above.
    """

    epsilon: float
    support: str = "nonzero"
    clip_nonnegative: bool = False

    def __post_init__(self) -> None:
        size = arguments.finite_number(self.epsilon, "epsilon", 0, LARGEST_EPSILON)
        object.__setattr__(self, "epsilon", size)
        arguments.choice(self.support, "support", SUPPORTS)
        object.__setattr__(self, "clip_nonnegative", arguments.switch(self.clip_nonnegative, "clip_nonnegative"))

    def box(self, values: np.ndarray) -> Box:
        """Returns the box around float32 values [n].

        It holds all real values within epsilon, and the float32 values that attacks produce, which round epsilon and its sum
        with a value to float32.

        Raises:
          InputError: a negative value where values must not be negative.
        """
        values, size = np.asarray(values, np.float32), np.float32(self.epsilon)
        if self.clip_nonnegative and values.size and values.min() < 0:
            raise InputError(
                f"clip_nonnegative needs values that are not negative (got {values.min()}; signed hashing makes them negative). "
                "Certify without it."
            )
        exact = values.astype(np.float64)
        low = np.minimum(np.nextafter(exact - self.epsilon, -np.inf), (values - size).astype(np.float64))
        high = np.maximum(np.nextafter(exact + self.epsilon, np.inf), (values + size).astype(np.float64))
        if not self.epsilon:
            low = high = exact
        if self.clip_nonnegative:
            low = np.maximum(low, 0)
        middle = (low + high) / 2
        half = np.maximum(high - middle, middle - low)
        half = np.where(half > 0, np.nextafter(half, np.inf), 0)
        return Box(middle, half, np.maximum(np.abs(low), np.abs(high)))
