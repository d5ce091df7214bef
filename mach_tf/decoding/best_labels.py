"""The best labels of a sketch in the one way that prediction and evaluation share: with what is added to scores, exactly or approximately."""

from __future__ import annotations

import functools
from collections.abc import Sequence
from typing import Callable, Optional, Union

import numpy as np
import scipy.sparse

from mach_tf.decoding import added_scores, sparse_values
from mach_tf.decoding.added_scores import AddedScores, SearchedScores
from mach_tf.decoding.approximate import Approximate
from mach_tf.decoding.decode import Decoded, Decoder, joined
from mach_tf.decoding.restriction import RestrictedDecoder
from mach_tf.errors import InputError

AnyDecoder = Union[Decoder, RestrictedDecoder]


def best_labels(
    decoder: AnyDecoder,
    scores: np.ndarray,
    features: scipy.sparse.csr_matrix,
    k: int,
    estimator: str,
    sources: Sequence[AddedScores] = (),
    approximate: Optional[Approximate] = None,
) -> Decoded:
    """Decodes the k best labels of some points.

    Args:
      decoder: the labels to choose from, and what they are ranked by.
      scores: float32 [n, R, B], the bucket scores that the estimator combines; not NaN.
      features: CSR [n, D], the model's input, for `sources`.
      k: in [1, number of labels to choose from].
      estimator: one of estimators.ESTIMATORS.
      sources: what is added to the label scores; not with `approximate`.
      approximate: which labels to score; None for exact decoding.

    Returns:
      The labels, best first, with their label scores; these need not fall where a decoder ranks by a utility.

    Raises:
      InputError: `approximate` with something that only exact decoding can do.
    """
    if approximate is not None:
        if sources or isinstance(decoder, RestrictedDecoder) or decoder.utility is not None:
            raise InputError(
                "approximate needs a model opened with ranker=False, the objective precision, no name_weight and no only_labels."
            )
        return approximate.top_k(decoder, scores, k, estimator)
    if not sources:
        return _exact(decoder, scores, None, k, estimator)
    if isinstance(decoder, Decoder) and len(sources) == 1 and isinstance(sources[0], SearchedScores) and len(scores):
        features = added_scores.ascending(features)
        found = added_scores.top_k_of(decoder, scores, sources[0], features, k, estimator)
        return _with_label_scores(decoder, scores, found, functools.partial(sources[0].at, features), estimator)
    parts = added_scores.parts(sources, features)
    return joined([_exact(decoder, scores[some], added, k, estimator) for some, added in parts])


def _exact(
    decoder: AnyDecoder, scores: np.ndarray, added: Optional[scipy.sparse.csr_matrix], k: int, estimator: str
) -> Decoded:
    if added is not None:
        added.sort_indices()  # once for all
    if isinstance(decoder, RestrictedDecoder):
        found = decoder.top_k(scores, k, estimator, added)
    elif added is None:
        found = decoder.top_k(scores, k, estimator)
    else:
        found = added_scores.top_k(decoder, scores, added, k, estimator)
    added_to = None if added is None else functools.partial(sparse_values.values_at, added)
    return _with_label_scores(decoder, scores, found, added_to, estimator)


def _with_label_scores(
    decoder: AnyDecoder,
    scores: np.ndarray,
    found: Decoded,
    added_to: Optional[Callable[[np.ndarray], np.ndarray]],
    estimator: str,
) -> Decoded:
    """Returns what was found with label scores, where labels are ranked by a utility; `added_to` makes what is added to those of labels [n, k]."""
    if decoder.utility is None:
        return found
    label_scores = decoder.label_scores(scores, found.labels, estimator)
    return found._replace(scores=label_scores if added_to is None else label_scores + added_to(found.labels))
