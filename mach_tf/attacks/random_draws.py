"""Random numbers of attacks, which do not depend on the chunks that the points are attacked in."""

from __future__ import annotations

from typing import Union

import numpy as np


def draws(seed: Union[int, list[int]], first: int, shape: tuple[int, ...]) -> np.ndarray:
    """Returns uniform draws from [0, 1), float64: one long sequence of the seed, from its element `first` on.

    Example:
      >>> whole, rest = draws(3, 0, (5,)), draws(3, 2, (3,))
      >>> whole[2:].tolist() == rest.tolist()
      True
    """
    # A float64 takes one step of the generator, so any part of the sequence is computed on its own.
    return np.random.Generator(np.random.PCG64(seed).advance(first)).random(shape)
