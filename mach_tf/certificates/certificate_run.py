"""Certifies the points of a network, chunk by chunk."""

from __future__ import annotations

import dataclasses
import functools
from collections.abc import Iterable, Sequence
from typing import Callable, Optional

import numpy as np
import scipy.sparse

from mach_tf import estimators
from mach_tf.certificates.hidden_units import hidden_units
from mach_tf.certificates.output_layer import OutputLayer
from mach_tf.certificates.perturbations import PerturbationSet
from mach_tf.certificates.point_certificate import MOST_PAIRS, PointCertificate, certify_point
from mach_tf.certificates.ranker_units import ranker_units
from mach_tf.errors import InputError
from mach_tf.memory import available_memory
from mach_tf.network import Network
from mach_tf.points import Points

# Floats of the rows of W1, of all repetitions, that one chunk holds.
_CHUNK_FLOATS = 1 << 26
CERTIFIED_ESTIMATOR = "logit_mean"
NOT_CERTIFIED = "the log-odds of a softmax have no such bounds as sums of hidden units have"


@dataclasses.dataclass(frozen=True)
class CertifiedPoints:
    """What is proved for n points and one set of perturbations.

    Attributes:
      perturbations: the set.
      top_unchanged: bool [n], whether the best label is proved to stay the best.
      hits: int32 [n, ks], lower bounds of the number of true labels among the top k.
      scores: float64 [n, k, 2], intervals of the scores of the top labels.
      pairs: int32 [n], number of pairs of labels that needed more than the screening.
    """

    perturbations: PerturbationSet
    top_unchanged: np.ndarray
    hits: np.ndarray
    scores: np.ndarray
    pairs: np.ndarray


def check_estimator(estimator: str) -> None:
    """Raises InputError for an estimator whose scores cannot be certified."""
    estimators.get(estimator)
    if estimator != CERTIFIED_ESTIMATOR:
        raise InputError(
            f"Certificates need the estimator {CERTIFIED_ESTIMATOR}, whose label scores are sums of hidden units (got {estimator}): "
            "sigmoids, minima and medians of bucket scores have no such sum. Certify the model's logit_mean scores."
        )


@dataclasses.dataclass(frozen=True)
class CertificateRun:
    """Certifies points of a network against sets of perturbations.

    Attributes:
      network: the network; its label scores are means of logits, and what its ranker adds.
      sets: the sets of perturbations, all with one support.
      ks: cut-offs, ascending.
      effort, branches: as of `certify_point`.
    """

    network: Network
    sets: Sequence[PerturbationSet]
    ks: Sequence[int]
    effort: int
    branches: int = 0

    def certify(
        self, points: Points, top_labels: np.ndarray, progress: Callable[[range], Iterable[int]] = iter
    ) -> list[CertifiedPoints]:
        """Certifies every point against every set.

        Args:
          points: n hashed points with labels.
          top_labels: int [n, max(ks)], what the network predicts for the points, best first.
          progress: wraps the numbers of the points, for a progress bar.

        Returns:
          One CertifiedPoints per set, in order.

        Raises:
          InputError: what a point needs does not fit in memory.
        """
        columns = self.network.manifest.columns
        dense = any(each.support == "dense" for each in self.sets)
        entries = np.full(len(points), columns) if dense else np.diff(points.row_splits)
        self._check_memory(int(entries.max(initial=0)))
        chunks = iter(_chunks(entries, len(self._hidden_biases)))
        # The largest first: what holds in a box holds in the smaller boxes within it.
        order = np.argsort([-each.epsilon for each in self.sets], kind="stable")
        found: list[list[PointCertificate]] = [[] for _ in self.sets]
        rows, kernels, begin = range(0), np.empty(0, np.float32), 0
        for index in progress(range(len(points))):
            if index not in rows:
                rows, begin = next(chunks), 0
                del kernels  # freed before the next ones take their place
                kernels = self._kernels(points[rows], dense)
            point = points[range(index, index + 1)]
            kernel = kernels if dense else kernels[begin : begin + entries[index]]
            begin += entries[index]
            values = point.features(columns).toarray()[0] if dense else point.feature_values
            added = self._ranker if dense else self._ranker[point.feature_ids]
            larger: Optional[PointCertificate] = None
            for position in order:
                box = self.sets[position].box(values)
                units = hidden_units(kernel, self._hidden_biases, box, self._layer)
                parts = units, self._layer, ranker_units(added, box)
                wanted = top_labels[index], point.label_ids, self.ks
                larger = certify_point(*parts, *wanted, self.effort, self.branches, larger)
                found[position].append(larger)
        sizes = top_labels.shape[1], len(self.ks)
        return [_gathered(each, certificates, *sizes) for each, certificates in zip(self.sets, found)]

    def _check_memory(self, entries: int) -> None:
        repetitions, hidden, buckets = self._layer.kernels.shape
        # The linear part of every bucket, and copies of W1 in the rows of the point's entries.
        needed = entries * repetitions * (4 * buckets + 24 * hidden)
        if self._ranker.nnz:
            # One more copy, with columns of both labels of each pair.
            needed += entries * (4 * repetitions * hidden + 24 * 2 * MOST_PAIRS)
        if needed > available_memory():
            raise InputError(
                f"Certificates must fit in memory: a point with {entries:,} entries needs {needed / 2**30:.1f} GiB (got "
                f"{available_memory() / 2**30:.1f} GiB free). Certify with support=nonzero if it is dense, or use a larger machine."
            )

    @functools.cached_property
    def _layer(self) -> OutputLayer:
        return OutputLayer.of(self.network)

    @functools.cached_property
    def _ranker(self) -> scipy.sparse.csr_matrix:
        """The weights of the ranker by column, float32 CSR [D, K]; none are stored if the model has no ranker."""
        ranker = self.network.ranker_of(CERTIFIED_ESTIMATOR)
        if ranker is not None:
            return ranker.by_column
        return scipy.sparse.csr_matrix((self.network.manifest.columns, self.network.manifest.labels), dtype=np.float32)

    @functools.cached_property
    def _hidden_biases(self) -> np.ndarray:
        """b1 of all repetitions, float32 [R * H]."""
        repetitions = self.network.repetitions
        return np.concatenate(
            [np.array(repetitions[r].weights.hidden_bias, np.float32) for r in range(len(repetitions))]
        )

    def _kernels(self, points: Points, dense: bool) -> np.ndarray:
        """Returns W1 of all repetitions side by side, float32 [entries, R * H], in the rows of the points' entries, or all rows."""
        ids = slice(None) if dense else points.feature_ids
        parts = []
        for index in range(len(self.network.repetitions)):
            # A view of the tensor's memory: all of W1 is not copied.
            kernel = np.asarray(self.network.repetitions[index].weights.hidden_kernel)
            parts.append(kernel[ids])
        return np.concatenate(parts, axis=1)


def _gathered(
    perturbations: PerturbationSet, certificates: Sequence[PointCertificate], k: int, cut_offs: int
) -> CertifiedPoints:
    n = len(certificates)
    return CertifiedPoints(
        perturbations,
        np.array([each.top_unchanged for each in certificates], bool),
        np.array([each.hits for each in certificates], np.int32).reshape(n, cut_offs),
        np.array([each.scores for each in certificates], np.float64).reshape(n, k, 2),
        np.array([each.pairs for each in certificates], np.int32),
    )


def _chunks(entries: np.ndarray, width: int) -> list[range]:
    """Cuts the points into runs whose rows of W1 fit into memory together."""
    chunks, begin, held = [], 0, 0
    for point, count in enumerate(entries):
        if point > begin and (held + count) * width > _CHUNK_FLOATS:
            chunks.append(range(begin, point))
            begin, held = point, 0
        held += count
    return [*chunks, range(begin, len(entries))]
