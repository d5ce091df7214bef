"""Writes points with planted structure as text of the Extreme Classification Repository; scale_law says what they are drawn from."""

from __future__ import annotations

import math

import numpy as np

from benchmarks import scale_law
from benchmarks.scale_law import Law
from benchmarks.scale_shapes import Shape
from mach_tf import kernels

# The shares of a point's features that its labels bring, and its labels and its cluster together; and the spread of their number.
_OF_LABELS, _OF_CLUSTER = 0.5, 0.7
_FEATURE_SPREAD = 0.5
# A point has at most this many times the mean number of features or labels.
_MOST = 8
# The least number of features that a label has of its own, and that a cluster has.
_SIGNATURE, _POOL = 12, 64
# A prime larger than any number of features, which scatters ranks over ids.
_SCATTER = 32_452_843
_FRACTION, _DIGITS = 1_000_000, 6
# The points that the means of labels and of features are adjusted on, in a split of their own.
_SAMPLE, _FEATURE_SAMPLE, _ROUNDS, _SAMPLE_SPLIT = 20_000, 2000, 3, 9


def law(shape: Shape, seed: int) -> Law:
    """Returns the law of a shape; its means are adjusted until sampled points have the means of the shape."""
    clusters = max(1, shape.labels // shape.cluster)
    found = Law(
        seed,
        shape.features,
        shape.labels,
        clusters,
        max(_POOL, 2 * shape.cluster, math.ceil(3 * shape.features_per_point)),
        max(_SIGNATURE, math.ceil(shape.features_per_point / shape.labels_per_point)),
        1 - shape.exponent,
        shape.offset,
        shape.spread,
        shape.labels_per_point,
        shape.features_per_point,
        math.ceil(_MOST * shape.labels_per_point) + _MOST,
        min(shape.features, math.ceil(_MOST * shape.features_per_point)),
    )
    ignored = np.zeros(shape.labels, np.int64)
    for _ in range(_ROUNDS):
        sample = found._replace(mean_features=1.0, most_features=_MOST)
        _, labels, _ = write(sample, _SAMPLE_SPLIT, 0, _SAMPLE, ignored)
        found = found._replace(mean_labels=found.mean_labels * shape.labels_per_point * _SAMPLE / labels)
    for _ in range(_ROUNDS):
        _, _, features = write(found, _SAMPLE_SPLIT, 0, _FEATURE_SAMPLE, ignored)
        mean = found.mean_features * shape.features_per_point * _FEATURE_SAMPLE / features
        found = found._replace(mean_features=mean)
    return found


def line_bytes(found: Law) -> int:
    """Returns the length that no line exceeds."""
    digits = max(len(str(found.labels)), len(str(found.features)))
    return 2 * found.most_labels * (digits + 1) + found.most_features * (digits + _DIGITS + 5) + 2


def write(found: Law, split: int, begin: int, count: int, counts: np.ndarray) -> tuple[np.ndarray, int, int]:
    """Returns the lines of points as bytes, and how many labels and features they have.

    Args:
      found: the law.
      split: the number of the split.
      begin: the number of the first point.
      count: the number of points.
      counts: int64 [K], to which the points of each label are added.

    Returns:
      uint8 [bytes], the number of labels, and the number of features.
    """
    buffer = np.empty(count * line_bytes(found), np.uint8)
    size, labels, features = _write(found, split, begin, count, counts, buffer)
    return buffer[:size], labels, features


@kernels.jit(nogil=True)
def _write(
    found: Law, split: int, begin: int, count: int, counts: np.ndarray, buffer: np.ndarray
) -> tuple[int, int, int]:
    state = np.zeros(1, np.uint64)
    visible, written = np.empty(found.most_labels, np.int64), np.empty(2 * found.most_labels, np.int64)
    drawn = np.empty(found.most_features, np.int64)
    at, labels, features = 0, 0, 0
    for point in range(begin, begin + count):
        cluster, n_visible, n_written = scale_law.draw_labels(state, found, split, point, visible, written)
        ids = np.empty(n_written, np.int64)
        for i in range(n_written):
            ids[i] = scale_law.label(found, cluster, written[i])
            counts[ids[i]] += 1
        ids.sort()
        for i in range(n_written):
            if i:
                buffer[at] = 44
                at += 1
            at = _put(buffer, at, ids[i])
        scale_law.start(state, found, 1, split, point)
        size = _draw_features(state, found, cluster, visible[:n_visible], drawn)
        at, size = _put_features(buffer, at, np.sort(drawn[:size]))
        buffer[at] = 10
        at += 1
        labels += n_written
        features += size
    return at, labels, features


@kernels.jit(nogil=True)
def _draw_features(state: np.ndarray, found: Law, cluster: int, visible: np.ndarray, drawn: np.ndarray) -> int:
    """Draws features with repetition, as id x 2^32 + rank; returns their number."""
    size = scale_law.number(state, found.mean_features, _FEATURE_SPREAD, len(drawn))
    for i in range(size):
        kind = scale_law.uniform(state)
        if kind < _OF_CLUSTER:
            place = scale_law.next_number(state) % np.uint64(found.pool)
            if kind < _OF_LABELS:
                member = visible[scale_law.next_number(state) % np.uint64(len(visible))]
                place = scale_law.hash(
                    scale_law.label(found, cluster, member), scale_law.next_number(state) % np.uint64(found.signature)
                ) % np.uint64(found.pool)
            share = scale_law.fraction(scale_law.hash(~cluster, place))
            rank = int(found.features * share * share)
        else:
            rank = int((found.features + 1.0) ** scale_law.uniform(state)) - 1
        rank = min(found.features - 1, max(0, rank))
        drawn[i] = ((rank * _SCATTER % found.features) << 32) | rank
    return size


@kernels.jit(nogil=True)
def _put_features(buffer: np.ndarray, at: int, drawn: np.ndarray) -> tuple[int, int]:
    """Writes sorted features with values of unit length: rare and repeated ones have larger values. Returns the place after and their number."""
    values, places, size, i = np.empty(len(drawn)), np.empty(len(drawn), np.int64), 0, 0
    while i < len(drawn):
        end = i + 1
        while end < len(drawn) and drawn[end] == drawn[i]:
            end += 1
        places[size] = drawn[i] >> 32
        values[size] = (1.0 + math.log(end - i)) * math.log(2.0 + (drawn[i] & 0xFFFFFFFF))
        size, i = size + 1, end
    norm = math.sqrt(np.sum(values[:size] ** 2))
    for j in range(size):
        value = max(1, int(values[j] / norm * _FRACTION + 0.5))
        buffer[at] = 32
        at = _put(buffer, at + 1, places[j])
        buffer[at], buffer[at + 1], buffer[at + 2] = 58, 48 + value // _FRACTION, 46
        at += 3
        value %= _FRACTION
        for digit in range(_DIGITS - 1, -1, -1):
            buffer[at + digit] = 48 + value % 10
            value //= 10
        at += _DIGITS
    return at, size


@kernels.jit(nogil=True)
def _put(buffer: np.ndarray, at: int, number: int) -> int:
    """Writes a number in decimal digits; returns the place after it."""
    digits, rest = 1, number // 10
    while rest:
        digits, rest = digits + 1, rest // 10
    for i in range(at + digits - 1, at - 1, -1):
        buffer[i] = 48 + number % 10
        number //= 10
    return at + digits
