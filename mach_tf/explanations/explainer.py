"""From raw points and labels to attributions of raw features: hash, integrate, share, in chunks of bounded memory."""

from __future__ import annotations

import functools
from collections.abc import Iterator, Sequence
from typing import NamedTuple, Optional, Union

import numpy as np
import scipy.sparse

from mach_tf.choices import EXPECTED_GRADIENTS
from mach_tf.errors import InputError
from mach_tf.explanations import hashed_attributions
from mach_tf.explanations.explanation import Explanation, Explanations, FeatureAttribution
from mach_tf.explanations.integrated_gradients import feature_shares
from mach_tf.explanations.integrated_gradients.attribution import AttributionConfig
from mach_tf.explanations.integrated_gradients.feature_shares import RawAttributions, Shares
from mach_tf.explanations.integrated_gradients.paths import Pairs
from mach_tf.explanations.words.explained_text import ExplainedText
from mach_tf.explanations.words.word_attributions import word_attributions
from mach_tf.network import Network
from mach_tf.points import Points

# Where paths begin: None for zero; raw points, n or 1; or hashed features, CSR [n or 1, D]. Expected gradients average over all rows.
Baseline = Union[None, Points, scipy.sparse.csr_matrix]
# Gradient entries per chunk of points; each repetition that is computed at a time has a float64 array of them.
_CHUNK_ENTRIES = 1 << 19


class Explained(NamedTuple):
    """Explanations of the (point, label) pairs of n points.

    Attributes:
      pairs: the labels explained for each of the n points.
      scores, baseline_scores: F(x) and F(x'), float64 [pairs].
      gaps: completeness gaps, float64 [pairs].
      shares: the raw features of the n points.
      raw: the attributions of these features.
      against: int64 [pairs], the labels whose scores are subtracted, in all of the above; None if none are.
    """

    pairs: Pairs
    scores: np.ndarray
    baseline_scores: np.ndarray
    gaps: np.ndarray
    shares: Shares
    raw: RawAttributions
    against: Optional[np.ndarray] = None

    def explanations(
        self,
        point_ids: np.ndarray,
        feature_names: Optional[Sequence[str]] = None,
        label_names: Optional[Sequence[str]] = None,
        texts: Optional[Sequence[ExplainedText]] = None,
    ) -> Iterator[Explanation]:
        """Yields an Explanation for each pair, with the largest attributions first.

        Args:
          point_ids: int64 [n], the points' numbers.
          feature_names, label_names: by raw id; None if there are no names.
          texts: the texts of the n points; None if they were not made from texts.
        """
        for pair, point in enumerate(self.pairs.points()):
            label = int(self.pairs.labels[pair])
            begin, end = self.raw.splits[pair : pair + 2]
            values = self.raw.attributions[begin:end]
            order = np.argsort(-np.abs(values), kind="stable")
            raw_ids = self.shares.raw_ids[self.raw.share_entries[begin:end]]
            yield Explanation(
                int(point_ids[point]),
                label,
                label_names[label] if label_names else None,
                float(self.scores[pair]),
                float(self.baseline_scores[pair]),
                float(self.gaps[pair]),
                [self._feature(int(self.raw.share_entries[begin + i]), values[i], feature_names) for i in order],
                None if texts is None else word_attributions(texts[point], raw_ids, values),
                *self._against(pair, label_names),
            )

    def matrix(self, features: int) -> scipy.sparse.csr_matrix:
        """Returns the attributions as CSR [pairs, features]; every feature must be a raw one."""
        columns = self.shares.raw_ids[self.raw.share_entries]
        return scipy.sparse.csr_matrix(
            (self.raw.attributions, columns, self.raw.splits), shape=(len(self.pairs.labels), features)
        )

    def _against(self, pair: int, label_names: Optional[Sequence[str]]) -> tuple[Optional[int], Optional[str]]:
        if self.against is None:
            return None, None
        label = int(self.against[pair])
        return label, label_names[label] if label_names else None

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


def explain(
    network: Network,
    raw: Points,
    pairs: Pairs,
    config: AttributionConfig,
    baseline: Baseline = None,
    point_ids: Optional[np.ndarray] = None,
    against: Optional[np.ndarray] = None,
) -> Iterator[Explained]:
    """Explains labels of raw points, one chunk of points at a time.

    Args:
      network: the model.
      raw: n raw points.
      pairs: the labels to explain for each of the n points.
      config: the method and the estimator.
      baseline: where the paths begin.
      point_ids: int64 [n], the points' numbers in messages; by default their positions in a chunk.
      against: int64 [pairs], labels whose scores are subtracted: why this label and not that one; None to explain scores alone.

    Yields:
      Explanations of consecutive points; together the chunks cover all points.

    Raises:
      InputError: the attributions of a pair do not add up, or expected gradients have no baselines.
    """
    averaged = _averaged(network, baseline) if config.method == EXPECTED_GRADIENTS else None
    if averaged is not None:
        baseline = scipy.sparse.csr_matrix(averaged.mean(axis=0))
    for begin, end in chunks(raw, pairs, baseline):
        part = raw[begin:end]
        start = baseline
        if baseline is not None and _rows(baseline) > 1:
            start = baseline[begin:end]
        chunk_pairs = pairs.slice(begin, end)
        integrate = functools.partial(
            hashed_attributions.integrate,
            network,
            network.hash_points(part),
            config=config,
            baseline=_hashed(network, start) if averaged is None else averaged,
            point_ids=None if point_ids is None else point_ids[begin:end],
        )
        chunk_paths, integrals = integrate(chunk_pairs)
        others = None if against is None else against[pairs.splits[begin] : pairs.splits[end]]
        if others is not None:
            # Every method is linear in the score, so the difference of two explanations explains the difference.
            integrals = integrals.less(integrate(chunk_pairs._replace(labels=others))[1])
        shares = feature_shares.shares(
            network.manifest.feature_spec, part, chunk_paths, start if isinstance(start, Points) else None
        )
        yield Explained(
            chunk_pairs,
            integrals.scores,
            integrals.baseline_scores,
            integrals.completeness_gaps(chunk_paths, chunk_pairs),
            shares,
            feature_shares.share(shares, integrals, chunk_paths, chunk_pairs),
            others,
        )


def explain_matrix(
    network: Network,
    raw: Points,
    labels: np.ndarray,
    config: AttributionConfig,
    baseline: Optional[Points] = None,
    feature_names: Optional[Sequence[str]] = None,
    label_names: Optional[Sequence[str]] = None,
    texts: Optional[Sequence[ExplainedText]] = None,
    against: Optional[np.ndarray] = None,
) -> Explanations:
    """Explains the same number of labels for every point, as one matrix.

    Args:
      network: the model.
      raw: n raw points.
      labels: integers [n] or [n, m].
      config: the method and the estimator.
      baseline: raw points, n or 1; None for zero.
      feature_names, label_names: by raw id, for the display in a notebook; None if there are no names.
      texts: the texts of the points, for the same; None if they were not made from texts.
      against: labels whose scores are subtracted, of the shape of `labels`; None to explain scores alone.

    Returns:
      CSR [n * m, raw features].

    Raises:
      InputError: the attributions of a pair do not add up, or expected gradients of hashed features.
    """
    if config.method == EXPECTED_GRADIENTS and network.manifest.feature_spec.dim:
        raise InputError(
            "expected_gradients in Python must be of a model without feature hashing (got "
            f"{network.manifest.feature_spec.dim} hashed features): those that only baselines have are no raw features. Use mach-explain "
            "--method=expected_gradients, or method='shapley'."
        )
    pairs = Pairs.of_matrix(labels)
    others = None if against is None else against.reshape(-1).astype(np.int64)
    parts = list(explain(network, raw, pairs, config, baseline, against=others))
    features = network.manifest.features
    empty = scipy.sparse.csr_matrix((0, features))
    result = Explanations(scipy.sparse.vstack([empty, *(part.matrix(features) for part in parts)], format="csr"))
    result.points, result.labels, result.against = pairs.points(), pairs.labels, others
    result.scores = np.concatenate([np.zeros(0), *(part.scores for part in parts)])
    result.baseline_scores = np.concatenate([np.zeros(0), *(part.baseline_scores for part in parts)])
    result.feature_names, result.label_names, result.texts = feature_names, label_names, texts
    return result


def chunks(raw: Points, pairs: Pairs, baseline: Baseline = None) -> Iterator[tuple[int, int]]:
    """Yields consecutive ranges of points with at most `_CHUNK_ENTRIES` gradient entries each, but at least one point."""
    lengths = np.diff(raw.row_splits)
    if baseline is not None:
        # One baseline for all points has one length, which is added to each.
        lengths = lengths + np.diff(baseline.row_splits if isinstance(baseline, Points) else baseline.indptr)
    entries = np.cumsum(lengths * np.maximum(np.diff(pairs.splits), 1))
    begin = 0
    while begin < len(raw):
        before = entries[begin - 1] if begin else 0
        end = max(begin + 1, int(np.searchsorted(entries, before + _CHUNK_ENTRIES, side="right")))
        yield begin, end
        begin = end


def _rows(baseline: Union[Points, scipy.sparse.csr_matrix]) -> int:
    return len(baseline) if isinstance(baseline, Points) else int(baseline.shape[0])


def _hashed(network: Network, baseline: Baseline) -> Optional[scipy.sparse.csr_matrix]:
    """Returns a baseline in hashed features, CSR [n or 1, D]; None for zero."""
    return network.hash_points(baseline) if isinstance(baseline, Points) else baseline


def _averaged(network: Network, baseline: Baseline) -> scipy.sparse.csr_matrix:
    """Returns the baselines of expected gradients, float64 CSR [m, D]."""
    if baseline is None or not _rows(baseline):
        raise InputError(
            "expected_gradients must have baselines, the points that attributions are averaged over (got none). Give some training "
            "points as baseline."
        )
    return scipy.sparse.csr_matrix(_hashed(network, baseline), dtype=np.float64)
