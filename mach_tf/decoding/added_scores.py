"""Exact decoding with a second score: the best labels by s(l) + a(l), where a is known for few labels and never negative.

A decoder with a utility ranks by that of the sums, which grows by a(l) at most: what is said here of scores and sums holds for their utilities.

The candidates are the k best labels by s, and every label whose a(l) could lift it to the worst sum of these, or of any other k labels, such as some that
much is added to: another label has at most the k-th best s. Each candidate is scored in full. Where sums are equal, the label with the smaller id comes first.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Callable, Protocol, runtime_checkable

import numba
import numpy as np
import scipy.sparse

from mach_tf.decoding import sparse_values
from mach_tf.decoding.best_list import NO_LABEL, BestList, insert
from mach_tf.decoding.decode import Decoded, Decoder, joined
from mach_tf.errors import InputError
from mach_tf.kernels import jit

# Added scores that a thread has in memory at a time.
_ENTRIES = 1 << 22
# What has to be added to reach the worst sum, on the scale of label scores: where it is less, labels are sought that much is added to. That was so for
# a third of the points of Amazon-670K's shape and three quarters of Amazon-3M's, and is so for all where scores are probabilities.
_LOW = 1.0
# The labels that are sought, for each one that is wanted.
_SOUGHT = 4
# Of the sizes of two sums, how much rounding may change what has to be added to one to reach the other: 64 units in the last place.
_ROUNDING = np.float32(2.0**-18)


class AddedScores(Protocol):
    """What is added to the label scores of points."""

    def most_entries(self, features: scipy.sparse.csr_matrix) -> np.ndarray:
        """Returns for each point, of features CSR [n, D], at least the number of labels whose score changes, int64 [n]."""

    def added(self, features: scipy.sparse.csr_matrix) -> scipy.sparse.csr_matrix:
        """Returns what is added, float32 CSR [n, K], 0 or more."""


@runtime_checkable
class SearchedScores(AddedScores, Protocol):
    """Added scores whose large values are found without making all of them."""

    def at(self, features: scipy.sparse.csr_matrix, labels: np.ndarray) -> np.ndarray:
        """Returns what is added to the scores of chosen labels, int [n, m], as float32 [n, m]."""

    def best(self, features: scipy.sparse.csr_matrix, k: int) -> np.ndarray:
        """Returns k different labels to whose scores much is added, int32 [n, k], and NO_LABEL where no more were found."""

    def largest(
        self, features: scipy.sparse.csr_matrix, floors: np.ndarray, labels: np.ndarray
    ) -> scipy.sparse.csr_matrix:
        """Returns what `added` does without values below floors, float32 [n], of other labels than chosen ones, int [n, m].

        What is not a number, as value or as floor, is below nothing.
        """


def parts(
    sources: Sequence[AddedScores], features: scipy.sparse.csr_matrix
) -> Iterator[tuple[slice, scipy.sparse.csr_matrix]]:
    """Yields the sums of what some sources add, for some points at a time, as a common feature may change very many labels.

    Args:
      sources: at least one.
      features: CSR [n, D], the model's input.

    Yields:
      The rows of consecutive points, and what is added to their label scores, float32 CSR [rows, K].
    """
    features = ascending(features)
    for some in _slices(sources, features):
        part = features[some]
        yield some, sum((source.added(part) for source in sources[1:]), sources[0].added(part))


def ascending(features: scipy.sparse.csr_matrix) -> scipy.sparse.csr_matrix:
    """Returns points, CSR [n, D], whose columns ascend, so that products have the same last bit however they are made."""
    return features if features.has_sorted_indices else features.sorted_indices()


def _slices(sources: Sequence[AddedScores], features: scipy.sparse.csr_matrix) -> Iterator[slice]:
    """Yields the rows of consecutive points whose added scores may be in memory together."""
    ends = np.cumsum(sum(source.most_entries(features) for source in sources))
    begin = done = 0
    while begin < features.shape[0]:
        end = max(begin + 1, int(np.searchsorted(ends, done + _ENTRIES, side="right")))
        yield slice(begin, end)
        begin, done = end, ends[end - 1]


def top_k(decoder: Decoder, scores: np.ndarray, added: scipy.sparse.csr_matrix, k: int, estimator: str) -> Decoded:
    """Finds the k best labels of each point by the sum of two scores, exactly; ties go to the smaller label.

    Args:
      decoder: the bucket table.
      scores: float32 [n, R, B], the bucket scores that the estimator combines; not NaN.
      added: CSR [n, K] of finite values, 0 or more, each label at most once in a row.
      k: in [1, K].
      estimator: one of estimators.ESTIMATORS.

    Returns:
      The labels with their sums, float32; `scored` counts the candidates too.

    Raises:
      InputError: the shapes do not fit, or a value is negative or not finite.
    """
    if added.shape != (len(scores), decoder.labels):
        raise InputError(f"added scores must be [{len(scores)}, {decoder.labels}] (got {list(added.shape)}).")
    values = added.data.astype(np.float32)
    _check(values)
    best = decoder.top_k(scores, k, estimator)
    # A copy: what is added stays the caller's.
    added = scipy.sparse.csr_matrix((values, added.indices, added.indptr), added.shape).sorted_indices()
    least = _least(decoder, scores, best, sparse_values.values_at(added, best.labels), estimator)
    return _merged(decoder, scores, best, least, _promising(decoder, best, least, added), estimator)


def top_k_of(
    decoder: Decoder,
    scores: np.ndarray,
    source: SearchedScores,
    features: scipy.sparse.csr_matrix,
    k: int,
    estimator: str,
) -> Decoded:
    """Finds what `top_k` does of the scores that a source adds, which makes those alone that may change the best labels.

    Args:
      decoder, scores, k, estimator: as of `top_k`.
      source: what is added.
      features: CSR [n, D], the model's input.

    Returns:
      As of `top_k`; `scored` may be smaller.

    Raises:
      InputError: a value that is made is negative or not finite.
    """
    features = ascending(features)
    best = decoder.top_k(scores, k, estimator)
    values = source.at(features, best.labels)
    _check(values)
    least = _least(decoder, scores, best, values, estimator)
    _raise(least, decoder, scores, best, source, features, estimator)

    def of_part(some: slice) -> Decoded:
        part = Decoded(*(each[some] for each in best))
        added = source.largest(features[some], _floors(decoder, part, least[some]), part.labels)
        _check(added.data)
        added = _promising(decoder, part, least[some], added)
        return _merged(decoder, scores[some], part, least[some], added, estimator)

    slices = list(_slices([source], features))
    return joined(list(map(of_part, slices)) if len(slices) == 1 else _by_threads(of_part, slices))


def _by_threads(function: Callable[[slice], Decoded], slices: list[slice]) -> list[Decoded]:
    """Maps with threads: compiled code lets others run."""
    with ThreadPoolExecutor(numba.get_num_threads()) as pool:
        return list(pool.map(function, slices))


def _check(values: np.ndarray) -> None:
    """Raises InputError unless all added scores are 0 or more, and finite."""
    if not (np.isfinite(values) & (values >= 0)).all():
        raise InputError("Added scores must be 0 or more, and finite: a negative one could hide the best label.")


def _least(decoder: Decoder, scores: np.ndarray, best: Decoded, values: np.ndarray, estimator: str) -> np.ndarray:
    """Returns the worst sum of each point's best labels, float32 [n], for what is added to them, float32 [n, k]."""
    plain = decoder.utility is None
    sums = best.scores + values if plain else _sums(decoder, scores, best.labels, values, estimator)
    return sums.min(axis=1)


def _sums(decoder: Decoder, scores: np.ndarray, labels: np.ndarray, values: np.ndarray, estimator: str) -> np.ndarray:
    """Returns the sums of chosen labels, int [n, m], or their utilities, for what is added to their scores, float32 [n, m]."""
    sums = decoder.label_scores(scores, labels, estimator) + values
    return sums if decoder.utility is None else decoder.utility.of(sums, labels)


def _raise(
    least: np.ndarray,
    decoder: Decoder,
    scores: np.ndarray,
    best: Decoded,
    source: SearchedScores,
    features: scipy.sparse.csr_matrix,
    estimator: str,
) -> None:
    """Raises least sums, float32 [n], of which little is added to the best labels: to the k-th best sum of labels that much is added to.

    Otherwise every label that something is added to would be a candidate: of millions of labels some hundred thousand for each point.
    """
    rows = np.flatnonzero(_floors(decoder, best, least) < _LOW)
    if not len(rows):
        return
    k = best.labels.shape[1]
    labels = source.best(features[rows], min(_SOUGHT * k, decoder.labels))
    known = labels != NO_LABEL
    labels = np.where(known, labels, 0)
    sums = _sums(decoder, scores[rows], labels, source.at(features[rows], labels), estimator)
    sums = np.sort(np.where(known & ~np.isnan(sums), sums, -np.inf), axis=1)
    least[rows] = np.fmax(least[rows], sums[:, -k])


def _floors(decoder: Decoder, best: Decoded, least: np.ndarray) -> np.ndarray:
    """Returns what has to be added to any other label's score to reach the worst sum, or somewhat less, float32 [n]."""
    worst = best.scores[:, -1]
    slack = (np.abs(least) + np.abs(worst)) * _ROUNDING
    if decoder.utility is not None:
        slack += 16 * decoder.utility.rounding(least, np.abs(worst))
    # Not a number where both are infinite: no product is below that.
    with np.errstate(invalid="ignore"):
        return least - worst - slack


def _merged(
    decoder: Decoder,
    scores: np.ndarray,
    best: Decoded,
    least: np.ndarray,
    added: scipy.sparse.csr_matrix,
    estimator: str,
) -> Decoded:
    """Returns the best labels by their sums.

    Args:
      decoder, scores, estimator: as of `top_k`.
      best: the best labels without what is added.
      least: what the sums of at least k labels reach, float32 [n].
      added: of candidates, float32 CSR [n, K].
    """
    counts = np.diff(added.indptr)
    rows = np.repeat(np.arange(len(scores)), counts)
    sums = decoder.scores_of(scores, rows, added.indices, estimator) + added.data
    if decoder.utility is not None:
        sums = decoder.utility.of(sums, added.indices, least[rows])
    merged = BestList.empty(*best.labels.shape)
    _merge(added.indptr, added.indices, sums, BestList(best.labels, best.scores), merged)
    return Decoded(*merged, best.scored + counts, best.scanned)


def _promising(
    decoder: Decoder, best: Decoded, least: np.ndarray, added: scipy.sparse.csr_matrix
) -> scipy.sparse.csr_matrix:
    """Returns the entries of labels that can be among the k best sums, float32 CSR [n, K].

    Args:
      decoder: as for `top_k`.
      best: the k best labels without added scores.
      least: the worst of their sums, float32 [n].
      added: float32 CSR [n, K], sorted.
    """
    rows = np.repeat(np.arange(added.shape[0], dtype=np.int64), np.diff(added.indptr))
    # In float32 as the sums are made, so that rounding cannot hide a label.
    most = added.data + best.scores[rows, -1]
    if decoder.utility is not None:
        most += decoder.utility.rounding(most, added.data)
    lifted = most >= least[rows]
    places, known = sparse_values.places(added, best.labels)
    lifted[places[known]] = True
    splits = np.concatenate([[0], np.cumsum(lifted)])[added.indptr]
    return scipy.sparse.csr_matrix((added.data[lifted], added.indices[lifted], splits), added.shape)


@jit(nogil=True)
def _merge(splits, labels, sums, decoded, best):
    """Adds labels with their sums, and the decoded labels where these have none, to the lists of points."""
    for i in range(len(splits) - 1):
        row = BestList(best.labels[i], best.values[i])
        for j in range(splits[i], splits[i + 1]):
            if sums[j] >= row.values[-1]:
                insert(row, labels[j], sums[j])
        for j in range(decoded.labels.shape[1]):
            # A label with a sum that is not in the list is no better without what is added.
            if not _holds(row.labels, decoded.labels[i, j]):
                insert(row, decoded.labels[i, j], decoded.values[i, j])


@jit(inline="always")
def _holds(labels, label):
    found = False
    for each in labels:
        found |= each == label
    return found
