"""From raw points and labels to attributions of raw features: hash, integrate, share."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import NamedTuple, Optional, Union

import numpy as np
import scipy.sparse

from mach_tf.explanations.explanation import Explanation, Explanations, FeatureAttribution
from mach_tf.explanations.integrated_gradients import attribution, feature_shares, paths
from mach_tf.explanations.integrated_gradients.attribution import Attribution
from mach_tf.explanations.integrated_gradients.feature_shares import RawAttributions, Shares
from mach_tf.explanations.integrated_gradients.paths import Pairs, Paths
from mach_tf.hashing import FeatureSpec
from mach_tf.network import Network
from mach_tf.points import Points

# Zero; raw points, n or 1; or one row known only after hashing, CSR [1, D].
Baseline = Union[None, Points, scipy.sparse.csr_matrix]
# Entries of a chunk's gradients: there is one such array of float64 for each repetition at a time.
_CHUNK_ENTRIES = 1 << 19


class Explained(NamedTuple):
    """Explanations of the (point, label) pairs of n points.

    Attributes:
      pairs: the pairs.
      scores, baseline_scores: F(x) and F(x'), float64 [pairs].
      gaps: completeness gaps, float64 [pairs].
      shares: the raw features of the n points.
      raw: their attributions.
    """

    pairs: Pairs
    scores: np.ndarray
    baseline_scores: np.ndarray
    gaps: np.ndarray
    shares: Shares
    raw: RawAttributions

    def explanations(
        self,
        point_ids: np.ndarray,
        feature_names: Optional[Sequence[str]] = None,
        label_names: Optional[Sequence[str]] = None,
    ) -> Iterator[Explanation]:
        """Yields each pair as an object of its own, attributions largest first.

        Args:
          point_ids: int64 [n], what the points are called.
          feature_names, label_names: by raw id.
        """
        for pair, point in enumerate(self.pairs.points()):
            label = int(self.pairs.labels[pair])
            begin, end = self.raw.splits[pair : pair + 2]
            values = self.raw.attributions[begin:end]
            order = np.argsort(-np.abs(values), kind="stable")
            yield Explanation(
                int(point_ids[point]),
                label,
                label_names[label] if label_names else None,
                float(self.scores[pair]),
                float(self.baseline_scores[pair]),
                float(self.gaps[pair]),
                [self._feature(int(self.raw.share_entries[begin + i]), values[i], feature_names) for i in order],
            )

    def matrix(self, features: int) -> scipy.sparse.csr_matrix:
        """The attributions as CSR [pairs, features], where every feature is a raw one."""
        columns = self.shares.raw_ids[self.raw.share_entries]
        return scipy.sparse.csr_matrix(
            (self.raw.attributions, columns, self.raw.splits), shape=(len(self.pairs.labels), features)
        )

    def _feature(self, entry: int, attribution: float, names: Optional[Sequence[str]]) -> FeatureAttribution:
        raw_id = int(self.shares.raw_ids[entry])
        return FeatureAttribution(
            raw_id if raw_id >= 0 else None,
            names[raw_id] if names and raw_id >= 0 else None,
            float(self.shares.values[entry]),
            float(attribution),
            bool(self.shares.shared[entry]),
            int(self.shares.hashed_ids[entry]),
        )


def path_to(spec: FeatureSpec, columns: int, raw: Points, baseline: Baseline) -> Paths:
    """The paths that end at raw points, in hashed features.

    Args:
      spec: how features are hashed.
      columns: D.
      raw: n raw points.
      baseline: where the paths begin.
    """
    ends = spec.apply(raw).features(columns)
    if baseline is None:
        return paths.from_zero(ends)
    if isinstance(baseline, Points):
        baseline = spec.apply(baseline).features(columns)
    return paths.between(baseline, ends)


def explain(
    ensemble: Network,
    raw: Points,
    pairs: Pairs,
    settings: Attribution,
    baseline: Baseline = None,
    point_ids: Optional[np.ndarray] = None,
) -> Iterator[Explained]:
    """Explains labels of raw points, a chunk of points at a time.

    Args:
      ensemble: the model.
      raw: n raw points.
      pairs: the labels to explain of each.
      settings: how.
      baseline: where the paths begin.
      point_ids: int64 [n], what the points are called in messages.

    Yields:
      Explanations of consecutive points; the chunks cover all.

    Raises:
      InputError: attributions that do not add up.
    """
    spec, columns = ensemble.manifest.feature_spec, ensemble.manifest.columns
    for begin, end in chunks(raw, pairs, baseline):
        part = raw[begin:end]
        start = baseline
        if isinstance(baseline, Points) and len(baseline) > 1:
            start = baseline[begin:end]
        there, asked = path_to(spec, columns, part, start), pairs.slice(begin, end)
        ids = None if point_ids is None else point_ids[begin:end]
        integrals = attribution.integrate(ensemble.repetitions, ensemble.bucket_table, there, asked, settings, ids)
        shares = feature_shares.shares(spec, part, there, start if isinstance(start, Points) else None)
        yield Explained(
            asked,
            integrals.scores,
            integrals.baseline_scores,
            integrals.completeness_gaps(there, asked),
            shares,
            feature_shares.share(shares, integrals, there, asked),
        )


def explain_matrix(
    ensemble: Network, raw: Points, labels: np.ndarray, settings: Attribution, baseline: Optional[Points]
) -> Explanations:
    """Explains equally many labels of every point, as one matrix.

    Args:
      ensemble: the model.
      raw: n raw points.
      labels: integers [n] or [n, m].
      settings: how.
      baseline: raw points, n or 1; None for zero.

    Returns:
      CSR [n * m, raw features].
    """
    each = labels.shape[1] if labels.ndim == 2 else 1
    pairs = Pairs(np.arange(len(raw) + 1, dtype=np.int64) * each, labels.reshape(-1).astype(np.int64))
    parts = list(explain(ensemble, raw, pairs, settings, baseline))
    features = ensemble.manifest.features
    empty = scipy.sparse.csr_matrix((0, features))
    result = Explanations(scipy.sparse.vstack([empty, *(part.matrix(features) for part in parts)], format="csr"))
    result.points, result.labels = pairs.points(), pairs.labels
    result.scores = np.concatenate([np.zeros(0), *(part.scores for part in parts)])
    result.baseline_scores = np.concatenate([np.zeros(0), *(part.baseline_scores for part in parts)])
    return result


def chunks(raw: Points, pairs: Pairs, baseline: Baseline = None) -> Iterator[tuple[int, int]]:
    """Cuts points into ranges of bounded memory: about as many gradients a repetition as `_CHUNK_ENTRIES`."""
    lengths = np.diff(raw.row_splits)
    if isinstance(baseline, Points):
        lengths = lengths + (np.diff(baseline.row_splits) if len(baseline) > 1 else len(baseline.feature_ids))
    elif baseline is not None:
        lengths = lengths + baseline.nnz
    entries = np.cumsum(lengths * np.maximum(np.diff(pairs.splits), 1))
    begin = 0
    while begin < len(raw):
        before = entries[begin - 1] if begin else 0
        end = max(begin + 1, int(np.searchsorted(entries, before + _CHUNK_ENTRIES, side="right")))
        yield begin, end
        begin = end
