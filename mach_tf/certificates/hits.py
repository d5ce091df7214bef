"""How many true labels are certain to be among the top k, given which label is proved to stay ahead of which."""

from __future__ import annotations

import numpy as np


def certain_hits(ahead: np.ndarray, k: int) -> int:
    """Returns a lower bound of the number of true labels among the top k under every perturbation.

    If j of a point's true labels were not all found in the top k, at least k - j + 1 false labels would rank above the j-th best
    true label, and so above all but j - 1 true labels. A false label that j true labels stay ahead of cannot be one of them.

    Args:
      ahead: bool [t, m], whether a true label is proved to stay ahead of a false label, for t true labels; false labels that all of
        them stay ahead of may be left out.
      k: cut-off.
    """
    dominators = ahead.sum(axis=0)
    for j in range(min(k, len(ahead)), 0, -1):
        if int((dominators < j).sum()) <= k - j:
            return j
    return 0
