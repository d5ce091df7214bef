"""Metrics by label frequency: head, torso and tail are thirds of the label mass."""

from __future__ import annotations

from typing import Any

import numpy as np
import scipy.sparse

from mach_tf.metrics.ranking_metrics import hits

GROUPS = ("head", "torso", "tail")


def label_groups(label_counts: np.ndarray) -> np.ndarray:
    """Splits the labels into thirds of all training assignments, most frequent first.

    A label belongs where the middle of its own assignments falls; among equally frequent labels the smaller id comes
    first. Labels without training points are tail.

    Args:
      label_counts: the labels' training frequencies, int [K].

    Returns:
      int8 [K], indices into GROUPS.
    """
    counts = np.asarray(label_counts, np.int64)
    order = np.argsort(-counts, kind="stable")
    ordered = counts[order]
    # Twice the middle, in whole numbers: the comparison is exact.
    doubled_middle = 2 * np.cumsum(ordered) - ordered
    groups = np.empty(len(counts), np.int8)
    groups[order] = np.where(ordered > 0, np.minimum(3 * doubled_middle // max(2 * ordered.sum(), 1), 2), 2)
    return groups


def by_frequency(
    top_labels: np.ndarray, labels: scipy.sparse.csr_matrix, groups: np.ndarray, k: int = 5
) -> dict[str, dict[str, Any]]:
    """What each group of labels contributes.

    Args:
      top_labels: int [n, at least k].
      labels: [n, K] canonical CSR.
      groups: int8 [K], of `label_groups`.
      k: cut-off.

    Returns:
      For each of GROUPS: "labels", their number; "share", their percentage of the points' true labels;
      "predicted", their percentage of the k n predictions; "P@k", their hits over k n in percent, so that the
      groups' add up to P@k; "R@k", their hits over their true labels in percent, over all points together.
    """
    top_labels = np.asarray(top_labels)[:, :k]
    hit = hits(top_labels, labels)
    size = len(GROUPS)
    predicted = np.bincount(groups[top_labels[top_labels >= 0]], minlength=size)
    found = np.bincount(groups[top_labels[hit]], minlength=size)
    present = np.bincount(groups[labels.indices], minlength=size)
    kinds = np.bincount(groups, minlength=size)
    slots = max(k * len(top_labels), 1)
    return {
        name: {
            "labels": int(kinds[i]),
            "share": 100 * float(present[i]) / max(int(present.sum()), 1),
            "predicted": 100 * float(predicted[i]) / slots,
            f"P@{k}": 100 * float(found[i]) / slots,
            f"R@{k}": 100 * float(found[i]) / max(int(present[i]), 1),
        }
        for i, name in enumerate(GROUPS)
    }
