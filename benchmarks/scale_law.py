"""Points with planted structure: labels that share features, and labels that follow from the features with known probabilities.

Labels are ranked by frequency and divided into clusters, every cluster with labels from the frequent to the rare. A point has a cluster and
visible labels in it, drawn by their frequencies. Its features come from the visible labels, each of which has its own features among
those of its cluster, from the cluster, and from all features. The labels that are written follow from the visible ones alone: each visible
label is written with probability KEPT, and Poisson((1 - KEPT) n) more labels are drawn from the cluster, where n is the number of visible
ones; where nothing would be written, the first visible label is. So a label's probability given the visible labels, and with it the best
possible ranking, is known exactly; features tell no more.

Everything is a function of the seed, the split and the number of the point, so data are streamed and need no tables.
"""

from __future__ import annotations

import math
from typing import Any, NamedTuple

import numpy as np

from mach_tf import kernels

KEPT = 0.75
KS = (1, 3, 5)
# Tries to draw another label than those that a point has.
_TRIES = 8
# A prime larger than any number of labels, which scatters ranks over ids.
_SCATTER = 15_485_863


class Law(NamedTuple):
    """What points are drawn from; see scale_shapes.Shape for the meaning of most fields.

    Attributes:
      seed: decides every byte.
      features: D.
      labels: K.
      clusters: the number of clusters; the label of rank r belongs to cluster r mod clusters.
      pool: the number of features of a cluster.
      signature: the number of features of a label among them, with repetition.
      power: 1 - exponent.
      offset: of the frequencies of labels.
      spread: of the number of labels per point.
      mean_labels: the mean number of visible labels.
      mean_features: the mean number of draws of features.
      most_labels: the largest number of labels, visible or written.
      most_features: the largest number of features.
    """

    seed: int
    features: int
    labels: int
    clusters: int
    pool: int
    signature: int
    power: float
    offset: float
    spread: float
    mean_labels: float
    mean_features: float
    most_labels: int
    most_features: int


def best_hits(found: Law, split: int, begin: int, count: int, counts: np.ndarray) -> np.ndarray:
    """Returns how many of the best possible 1, 3 and 5 labels the points have, int64 [count, 3].

    Args:
      found: the law.
      split: the number of the split.
      begin: the number of the first point.
      count: the number of points.
      counts: int64 [K]; labels of a count of zero are not ranked. With training counts this is the limit for learners.
    """
    return np.asarray(_best_hits(found, split, begin, count, counts))


def cluster_hits(found: Law, split: int, begin: int, count: int, counts: np.ndarray) -> np.ndarray:
    """Returns how many of a point's labels are among the 1, 3 and 5 labels of its cluster with the largest counts, int64 [count, 3].

    That is what is reached by one who recognises a point's cluster without fail, and learns no more than how many training points its labels have.

    Args:
      found, split, begin, count: as for `best_hits`.
      counts: int64 [K], the training points of each label. Of equal counts the smaller label id comes first; labels without points are left out.
    """
    return np.asarray(_cluster_hits(found, split, begin, count, counts))


@kernels.jit(nogil=True)
def next_number(state: np.ndarray) -> Any:
    """Advances SplitMix64 and returns its next number."""
    state[0] += np.uint64(0x9E3779B97F4A7C15)
    return _mix(state[0])


@kernels.jit(nogil=True)
def _mix(z: Any) -> Any:
    z = (z ^ (z >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    z = (z ^ (z >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return z ^ (z >> np.uint64(31))


@kernels.jit(nogil=True)
def hash(first: int, second: int) -> Any:
    return _mix(_mix(np.uint64(first) + np.uint64(0x9E3779B97F4A7C15)) ^ np.uint64(second))


@kernels.jit(nogil=True)
def fraction(bits: Any) -> float:
    """Returns the number in [0, 1) that the first 53 of 64 bits are."""
    return (bits >> np.uint64(11)) * (1.0 / 9007199254740992.0)


@kernels.jit(nogil=True)
def uniform(state: np.ndarray) -> float:
    """Returns a number in [0, 1)."""
    return fraction(next_number(state))


@kernels.jit(nogil=True)
def start(state: np.ndarray, found: Law, stream: int, split: int, point: int) -> None:
    state[0] = hash(found.seed * 64 + split * 4 + stream, point)


@kernels.jit(nogil=True)
def number(state: np.ndarray, mean: float, spread: float, most: int) -> int:
    """Returns a number of the log-normal law, from 1 to `most`."""
    normal = math.sqrt(-2.0 * math.log(1.0 - uniform(state))) * math.cos(2.0 * math.pi * uniform(state))
    return min(most, max(1, int(mean * math.exp(spread * normal - 0.5 * spread * spread) + 0.5)))


@kernels.jit(nogil=True)
def _members(found: Law, cluster: int) -> int:
    return (found.labels - 1 - cluster) // found.clusters + 1


@kernels.jit(nogil=True)
def _mass(found: Law, cluster: int, member: int) -> float:
    """Returns the antiderivative of the frequencies of a cluster's labels."""
    return ((member * found.clusters + cluster) + found.offset) ** found.power


@kernels.jit(nogil=True)
def _member(state: np.ndarray, found: Law, cluster: int, members: int) -> int:
    """Draws a label of a cluster by its frequency; returns its place there."""
    low, high = _mass(found, cluster, 0), _mass(found, cluster, members)
    place = (low + uniform(state) * (high - low)) ** (1.0 / found.power) - found.offset - cluster
    return min(members - 1, max(0, int(place / found.clusters)))


@kernels.jit(nogil=True)
def _add(chosen: np.ndarray, size: int, member: int) -> int:
    """Adds a number to a set of `size`, unless it is full or has it; returns the set's size."""
    if size == len(chosen):
        return size
    for i in range(size):
        if chosen[i] == member:
            return size
    chosen[size] = member
    return size + 1


@kernels.jit(nogil=True)
def draw_labels(
    state: np.ndarray, found: Law, split: int, point: int, visible: np.ndarray, written: np.ndarray
) -> tuple[int, int, int]:
    """Draws a point's cluster, its visible labels and those that are written, as places in the cluster."""
    start(state, found, 0, split, point)
    low, high = found.offset**found.power, (found.labels + found.offset) ** found.power
    rank = int((low + uniform(state) * (high - low)) ** (1.0 / found.power) - found.offset)
    rank = min(found.labels - 1, max(0, rank))
    cluster = rank % found.clusters
    members = _members(found, cluster)
    wanted = min(number(state, found.mean_labels, found.spread, found.most_labels), members)
    visible[0] = rank // found.clusters
    n_visible = 1
    for _ in range(1, wanted):
        before = n_visible
        for _ in range(_TRIES):
            n_visible = _add(visible, n_visible, _member(state, found, cluster, members))
            if n_visible > before:
                break
    n_written = 0
    for i in range(n_visible):
        if uniform(state) < KEPT:
            n_written = _add(written, n_written, visible[i])
    others, product = math.exp(-(1.0 - KEPT) * n_visible), uniform(state)
    while product > others:
        n_written = _add(written, n_written, _member(state, found, cluster, members))
        product *= uniform(state)
    if n_written == 0:
        n_written = _add(written, 0, visible[0])
    return cluster, n_visible, n_written


@kernels.jit(nogil=True)
def label(found: Law, cluster: int, member: int) -> int:
    """Returns the id of a label."""
    return (member * found.clusters + cluster) * _SCATTER % found.labels


@kernels.jit(nogil=True)
def _best_hits(found: Law, split: int, begin: int, count: int, counts: np.ndarray) -> np.ndarray:
    state = np.zeros(1, np.uint64)
    visible, written = np.empty(found.most_labels, np.int64), np.empty(2 * found.most_labels, np.int64)
    hits = np.zeros((count, len(KS)), np.int64)
    most = KS[-1]
    candidates, chances = np.empty(found.most_labels + most, np.int64), np.empty(found.most_labels + most)
    for row in range(count):
        cluster, n_visible, n_written = draw_labels(state, found, split, begin + row, visible, written)
        members, others = _members(found, cluster), (1.0 - KEPT) * n_visible
        low, high = _mass(found, cluster, 0), _mass(found, cluster, members)
        size, hidden = 0, 0
        for i in range(n_visible + members):
            member = visible[i] if i < n_visible else i - n_visible
            if i >= n_visible and hidden == most:
                break
            if i >= n_visible and np.any(visible[:n_visible] == member):
                continue
            if counts[label(found, cluster, member)] == 0:
                continue
            share = (_mass(found, cluster, member + 1) - _mass(found, cluster, member)) / (high - low)
            absent = math.exp(-others * share) * ((1.0 - KEPT) if i < n_visible else 1.0)
            candidates[size], chances[size] = member, 1.0 - absent
            if i == 0:  # where nothing else is written
                chances[size] += (1.0 - KEPT) ** n_visible * math.exp(-others)
            hidden += i >= n_visible
            size += 1
        order = np.argsort(-chances[:size], kind="mergesort")[:most]
        right = 0
        for place in range(most):
            if place < len(order) and np.any(written[:n_written] == candidates[order[place]]):
                right += 1
            for k in range(len(KS)):
                if KS[k] == place + 1:
                    hits[row, k] = right
    return hits


@kernels.jit(nogil=True)
def _cluster_hits(found: Law, split: int, begin: int, count: int, counts: np.ndarray) -> np.ndarray:
    state = np.zeros(1, np.uint64)
    visible, written = np.empty(found.most_labels, np.int64), np.empty(2 * found.most_labels, np.int64)
    hits = np.zeros((count, len(KS)), np.int64)
    for row in range(count):
        cluster, _, n_written = draw_labels(state, found, split, begin + row, visible, written)
        members = _members(found, cluster)
        keys = np.empty(members, np.int64)
        for member in range(members):
            id = label(found, cluster, member)
            keys[member] = -counts[id] * found.labels + id
        order = np.argsort(keys)[: KS[-1]]
        for column in range(len(KS)):
            for member in order[: KS[column]]:
                if counts[label(found, cluster, member)] > 0:
                    hits[row, column] += np.any(written[:n_written] == member)
    return hits
