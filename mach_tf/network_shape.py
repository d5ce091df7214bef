"""The sizes of one repetition's network, and of its weights."""

from __future__ import annotations

import math
from typing import NamedTuple


class NetworkShape(NamedTuple):
    """The sizes of one repetition's network.

    Attributes:
      features: D, the width of its input.
      hidden: the number of hidden units.
      buckets: B.

    Example:
      >>> NetworkShape(50, 8, 10).weight_bytes
      1992
    """

    features: int
    hidden: int
    buckets: int

    @property
    def weights(self) -> dict[str, tuple[int, ...]]:
        """The shape of each of `mach_tf.classifier.Weights`, by name."""
        return {
            "hidden_kernel": (self.features, self.hidden),
            "hidden_bias": (self.hidden,),
            "output_kernel": (self.hidden, self.buckets),
            "output_bias": (self.buckets,),
        }

    @property
    def weight_bytes(self) -> int:
        """The bytes of all weights, float32."""
        return 4 * sum(math.prod(shape) for shape in self.weights.values())
