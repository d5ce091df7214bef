"""Decodes a model's sketches in every way that an evaluation needs, in one pass over the points."""

from __future__ import annotations

import dataclasses
import time
from collections.abc import Sequence
from typing import Callable, Optional

import numpy as np
import scipy.sparse

from mach_tf import estimators
from mach_tf.decoding.added_scores import AddedScores
from mach_tf.decoding.approximate import Approximate, recall
from mach_tf.decoding.best_labels import best_labels
from mach_tf.decoding.decode import Decoded, Decoder, joined
from mach_tf.decoding.exclusion import decode_without
from mach_tf.network import Network
from mach_tf.points import Points
from mach_tf.text.label_similarity import NameScore


@dataclasses.dataclass(frozen=True)
class PassOptions:
    """The options of a pass: the labels to decode.

    Attributes:
      k: number of labels per point.
      estimators: the estimators to decode with; the first one also with fewer repetitions.
      approximate: settings of approximate decoding; the exact labels are found too, for the recall. None decodes exactly.
      repetition_counts: also decode the first r repetitions for each r in this list.
      excluded: canonical CSR [points, K] of the labels that are left out of each point's labels; None for none.
      name_score: what to add to label scores; None for nothing. Not with `approximate`.
      decoder: ranks labels; None for the model's own. Not with `approximate`.
    """

    k: int
    estimators: Sequence[str]
    approximate: Optional[Approximate] = None
    repetition_counts: Sequence[int] = ()
    excluded: Optional[scipy.sparse.csr_matrix] = None
    name_score: Optional[NameScore] = None
    decoder: Optional[Decoder] = None


@dataclasses.dataclass(frozen=True)
class PassResult:
    """The labels decoded for n points.

    Attributes:
      decoded: the top labels by estimator.
      by_repetitions: by number of repetitions, the top labels with the first of them, int32 [n, k].
      recall: by estimator, the fraction of the exact top k that approximate decoding found; empty for exact decoding.
      network_seconds: elapsed seconds of the forward passes.
      decoding_seconds: elapsed seconds of decoding as requested, without the curve over repetitions and the recall.
    """

    decoded: dict[str, Decoded]
    by_repetitions: dict[int, np.ndarray]
    recall: dict[str, float]
    network_seconds: float
    decoding_seconds: float


def repetition_counts(repetitions: int) -> list[int]:
    """Returns 1, 2, 4, ... and the number of all repetitions."""
    return [*(2**i for i in range(repetitions.bit_length()) if 2**i < repetitions), repetitions]


def run(
    network: Network, points: Points, options: PassOptions, progress: Callable[[int], None] = lambda _: None
) -> PassResult:
    """Decodes hashed points, chunk by chunk.

    Args:
      network: the model.
      points: the points.
      options: what to decode.
      progress: is called with the number of points of each chunk when it is done.
    """
    features = points.features(network.manifest.columns)
    parts: dict[str, list[Decoded]] = {name: [] for name in options.estimators}
    recalls: dict[str, list[float]] = {name: [] for name in options.estimators if options.approximate}
    every = options.decoder or network.decoder
    prefixes = {count: every.first(count) for count in options.repetition_counts}
    by_repetitions: dict[int, list[np.ndarray]] = {count: [] for count in prefixes}
    decoding, begun = 0.0, time.perf_counter()
    for rows, logits in network.sketches(features):
        chunk_begun = time.perf_counter()
        excluded = None if options.excluded is None else options.excluded[rows.start : rows.stop]
        of_chunk = features[rows.start : rows.stop]
        exact: list[Decoded] = []
        for name in options.estimators:
            estimator_begun = time.perf_counter()
            scores = estimators.bucket_scores(logits, name)
            added = network.added_scores(name, options.name_score)
            found = _decode(every, scores, options, name, of_chunk, excluded, added, options.approximate)
            decoding += time.perf_counter() - estimator_begun
            parts[name].append(found)
            exact.append(found)
            if options.approximate:
                exact[-1] = _decode(every, scores, options, name, of_chunk, excluded, added)
                recalls[name].append(recall(found.labels, exact[-1].labels) * len(rows))
        first = options.estimators[0]
        scores, added = estimators.bucket_scores(logits, first), network.added_scores(first, options.name_score)
        for count, decoder in prefixes.items():
            found = exact[0]
            if count < len(every.table):
                found = _decode(decoder, scores[:, :count], options, first, of_chunk, excluded, added)
            by_repetitions[count].append(found.labels)
        begun += time.perf_counter() - chunk_begun
        progress(len(rows))
    return PassResult(
        {name: joined(part) for name, part in parts.items()},
        {count: np.concatenate(part) for count, part in by_repetitions.items()},
        {name: sum(values) / len(points) for name, values in recalls.items()},
        time.perf_counter() - begun,
        decoding,
    )


def _decode(
    decoder: Decoder,
    scores: np.ndarray,
    options: PassOptions,
    estimator: str,
    features: scipy.sparse.csr_matrix,
    excluded: Optional[scipy.sparse.csr_matrix],
    sources: Sequence[AddedScores],
    approximate: Optional[Approximate] = None,
) -> Decoded:
    """Decodes a chunk of points without the labels that are excluded for them."""

    def best(k: int) -> Decoded:
        return best_labels(decoder, scores, features, k, estimator, sources, approximate)

    return decode_without(excluded, best, options.k)
