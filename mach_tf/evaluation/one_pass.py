"""All that is decoded from a model's sketches, in one pass over the points."""

from __future__ import annotations

import dataclasses
import time
from collections.abc import Sequence
from typing import Optional

import numpy as np
from tqdm import tqdm

from mach_tf import estimators
from mach_tf.decoding.approximate import Approximate, recall
from mach_tf.decoding.decode import Decoded
from mach_tf.network import Network
from mach_tf.points import Points


@dataclasses.dataclass(frozen=True)
class PassOptions:
    """What to decode.

    Attributes:
      k: labels a point.
      estimators: each is decoded; the first also with fewer repetitions.
      approximate: decode so instead of exactly; the exact labels are found too, for the recall.
      repetition_counts: also decode the first so many repetitions.
    """

    k: int
    estimators: Sequence[str]
    approximate: Optional[Approximate] = None
    repetition_counts: Sequence[int] = ()


@dataclasses.dataclass(frozen=True)
class PassResult:
    """What was decoded of n points.

    Attributes:
      decoded: by estimator.
      by_repetitions: top labels int32 [n, k] with the first so many repetitions.
      recall: by estimator, the part of the exact top k in the approximate one, over all points; empty when decoded exactly.
      network_seconds, decoding_seconds: for all points; decoding of the estimators alone, in the way asked for.
    """

    decoded: dict[str, Decoded]
    by_repetitions: dict[int, np.ndarray]
    recall: dict[str, float]
    network_seconds: float
    decoding_seconds: float


def repetition_counts(repetitions: int) -> list[int]:
    """1, 2, 4, ... and all of them."""
    return [*(2**i for i in range(repetitions.bit_length()) if 2**i < repetitions), repetitions]


def run(ensemble: Network, points: Points, options: PassOptions) -> PassResult:
    """Decodes hashed points, chunk by chunk; progress goes to stderr."""
    features = points.features(ensemble.manifest.columns)
    parts: dict[str, list[Decoded]] = {name: [] for name in options.estimators}
    recalls: dict[str, list[float]] = {name: [] for name in options.estimators if options.approximate}
    prefixes = {count: ensemble.decoder.first(count) for count in options.repetition_counts}
    by_repetitions: dict[int, list[np.ndarray]] = {count: [] for count in prefixes}
    decoding, begun = 0.0, time.perf_counter()
    with tqdm(total=len(points), desc="evaluate", unit="point", disable=None) as bar:
        for rows, logits in ensemble.sketches(features):
            chunk_begun = time.perf_counter()
            for name in options.estimators:
                estimator_begun = time.perf_counter()
                scores = estimators.bucket_scores(logits, name)
                if options.approximate:
                    found = options.approximate.top_k(ensemble.decoder, scores, options.k, name)
                else:
                    found = ensemble.decoder.top_k(scores, options.k, name)
                decoding += time.perf_counter() - estimator_begun
                parts[name].append(found)
                if options.approximate:
                    exact = ensemble.decoder.top_k(scores, options.k, name)
                    recalls[name].append(recall(found.labels, exact.labels) * len(rows))
            scores = estimators.bucket_scores(logits, options.estimators[0])
            for count, decoder in prefixes.items():
                found = decoder.top_k(scores[:, :count], options.k, options.estimators[0])
                by_repetitions[count].append(found.labels)
            begun += time.perf_counter() - chunk_begun
            bar.update(len(rows))
    return PassResult(
        {name: Decoded(*(np.concatenate(arrays) for arrays in zip(*part))) for name, part in parts.items()},
        {count: np.concatenate(part) for count, part in by_repetitions.items()},
        {name: sum(values) / len(points) for name, values in recalls.items()},
        time.perf_counter() - begun,
        decoding,
    )
