"""The largest size of a perturbation that is proved not to change a point's top label: bisection over a fixed list of sizes."""

from __future__ import annotations

from typing import Callable, Optional

import numpy as np

from mach_tf.certificates.certificate_run import CertificateRun
from mach_tf.certificates.perturbations import PerturbationSet
from mach_tf.network import Network
from mach_tf.points import Points

# Sizes that certificates are tried at: the largest and this many below it, evenly spaced in their logarithms.
_SIZES = 64
# Pairs of labels bounded one by one for each point and size.
_EFFORT = 100


def proved_epsilons(
    network: Network,
    points: Points,
    top_labels: np.ndarray,
    largest: float,
    smallest_share: float,
    support: str = "nonzero",
    clip_nonnegative: bool = False,
    found: Optional[np.ndarray] = None,
    progress: Callable[[int], None] = lambda done: None,
) -> np.ndarray:
    """Returns the largest size of the list at which each top label is certified, float64 [n]; 0 if there is none.

    Args:
      network: the network; its label scores are means of logits, and what its ranker adds.
      points: n hashed points.
      top_labels: int [n], the top label of each unperturbed point.
      largest: the largest size of the list.
      smallest_share: the smallest size is this share of it.
      support, clip_nonnegative: as of PerturbationSet.
      found: float64 [n], sizes at which the label is known to change; None if none are known.
      progress: called with the number of points that are done.
    """
    sizes = largest * smallest_share ** np.linspace(1, 0, _SIZES)
    low = np.full(len(points), -1)  # the last position that is proved
    known = np.full(len(points), np.inf) if found is None else found
    high = np.searchsorted(sizes, known)  # a position that is not
    while (is_open := high - low > 1).any():
        middle = (low + high) // 2
        for position in np.unique(middle[is_open]):
            chosen = np.flatnonzero(is_open & (middle == position))
            run = CertificateRun(
                network, [PerturbationSet(float(sizes[position]), support, clip_nonnegative)], [1], _EFFORT
            )
            (certified,) = run.certify(points[chosen], top_labels[chosen, None])
            low[chosen] = np.where(certified.top_unchanged, position, low[chosen])
            high[chosen] = np.where(certified.top_unchanged, high[chosen], position)
            progress(int((high[chosen] - low[chosen] <= 1).sum()))
    return np.where(low < 0, 0.0, sizes[low])
