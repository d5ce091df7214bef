"""Metrics by label frequency: head, torso and tail are thirds of all label assignments."""

from __future__ import annotations

import dataclasses
from typing import Any

import numpy as np
import scipy.sparse

from mach_tf.metrics.ranking_metrics import hits

GROUPS = ("head", "torso", "tail")


@dataclasses.dataclass(frozen=True)
class LabelGroup:
    """The contribution of one group of labels to the metrics at one cut-off.

    Attributes:
      labels: number of labels in the group.
      share: percentage of the points' true labels that belong to the group.
      predicted: percentage of the k n predictions that belong to the group.
      k: the cut-off.
      precision: P@k in percent, the group's hits divided by k n; the groups' values add up to P@k.
      recall: R@k in percent, the group's hits divided by its true labels, over all points together.
    """

    labels: int
    share: float
    predicted: float
    k: int
    precision: float
    recall: float

    def to_json(self) -> dict[str, Any]:
        """Returns the values by the names that reports use, "P@k" and "R@k" with the cut-off."""
        return {
            "labels": self.labels,
            "share": self.share,
            "predicted": self.predicted,
            f"P@{self.k}": self.precision,
            f"R@{self.k}": self.recall,
        }


def label_groups(label_counts: np.ndarray) -> np.ndarray:
    """Splits the labels into thirds of all training assignments, most frequent first.

    A label belongs to the third that holds the middle of its own assignments; among equally frequent labels the smaller id
    comes first. Labels without training points belong to the tail.

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
) -> dict[str, LabelGroup]:
    """Returns what each group of labels contributes.

    Args:
      top_labels: int [n, at least k]; -1 where there is no prediction.
      labels: [n, K] canonical CSR.
      groups: int8 [K], from `label_groups`.
      k: cut-off.

    Returns:
      One LabelGroup for each name in GROUPS.
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
        name: LabelGroup(
            labels=int(kinds[i]),
            share=100 * float(present[i]) / max(int(present.sum()), 1),
            predicted=100 * float(predicted[i]) / slots,
            k=k,
            precision=100 * float(found[i]) / slots,
            recall=100 * float(found[i]) / max(int(present[i]), 1),
        )
        for i, name in enumerate(GROUPS)
    }
