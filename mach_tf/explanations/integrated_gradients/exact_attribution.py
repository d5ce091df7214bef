"""Integrated Gradients in closed form, for the two-layer ReLU network of a bucket classifier.

Along the path x(t) = x' + t (x - x') the hidden units' pre-activations are a + t d, with a = x' W1 + b1 and
d = (x - x') W1: each unit switches at most once, at t = -a / d. Between two switching points a bucket's logit z is
linear in t, so the mean over [0, 1] of its gradient for x_j, sum_u W1[j, u] w2[u] [unit u is active at t], is

    sum_u W1[j, u] w2[u] * (the part of [0, 1] on which u is active)                           for the logit,
    sum_u W1[j, u] w2[u] * (the integral of sigmoid'(z(t)) dt over that part)                  for the probability,

and over a piece from t0 to t1 the integral of sigmoid'(z(t)) is (t1 - t0) (sigmoid(z1) - sigmoid(z0)) / (z1 - z0),
or (t1 - t0) sigmoid'(z0) where z does not change. Integrated Gradients: Sundararajan et al. 2017, equation 1.

Only the rows of W1 of the features present are read, in place; everything is summed in float64.
"""

from __future__ import annotations

import collections
import math
import os
from collections.abc import Iterable
from concurrent import futures
from typing import TYPE_CHECKING, Any, NamedTuple, Optional, TypeVar

import numpy as np

from mach_tf.explanations.integrated_gradients.paths import Pairs, PathIntegrals, Paths, entry_splits
from mach_tf.kernels import jit

if TYPE_CHECKING:  # this module needs the tuple's type only, and no TensorFlow
    from mach_tf.classifier import Weights


class _Wanted(NamedTuple):
    """The buckets to explain of each path, and where their gradients go.

    Attributes:
      splits: int64 [n + 1]; path i has the buckets splits[i]:splits[i + 1].
      buckets: int64 [pairs].
      entry_splits: int64 [pairs + 1], as in PathIntegrals.splits.
    """

    splits: np.ndarray
    buckets: np.ndarray
    entry_splits: np.ndarray


class _Units(NamedTuple):
    """The hidden units along one path.

    Attributes:
      at_start, change: pre-activations where the path begins, and how much they change along it, float64 [hidden].
      times: where each unit switches, in [0, 1], float64 [hidden].
      order: int64, the units that switch inside the path; sorted by `times` if probabilities are explained.
    """

    at_start: np.ndarray
    change: np.ndarray
    times: np.ndarray
    order: np.ndarray


_Arrays = TypeVar("_Arrays", bound=NamedTuple)


def integrate(
    networks: Iterable[Weights],
    table: np.ndarray,
    paths: Paths,
    pairs: Pairs,
    sigmoid: bool,
    at_once: Optional[int] = None,
) -> PathIntegrals:
    """Integrates the gradients of label scores along paths, exactly.

    Args:
      networks: the R repetitions' weights as float32 arrays, each taken once and in order. They are only read, so views are
        enough.
      table: int32 [R, K], the bucket of each label in each repetition.
      paths: n paths in hashed features.
      pairs: the labels to explain for each of the n points.
      sigmoid: whether a label's score is the mean of the probabilities of its buckets (`mean`) or of their logits
        (`logit_mean`).
      at_once: the number of repetitions in memory at a time; by default one per core.

    Returns:
      The integrals of the pairs. Repetitions are summed in order, so the numbers do not depend on the number of cores.
    """
    splits = entry_splits(paths, pairs)
    gradients = np.zeros(splits[-1])
    scores = np.zeros((2, len(pairs.labels)))

    def one(network: Weights, buckets: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        part, ends = np.zeros(splits[-1]), np.zeros((2, len(pairs.labels)))
        compiled: Any = _integrate  # Numba's type annotations do not describe arguments
        wanted = _Wanted(pairs.splits, buckets, splits)
        compiled(_read_only(network), _read_only(paths), _read_only(wanted), sigmoid, part, ends)
        return part, ends

    at_once = at_once or os.cpu_count() or 1
    remaining = iter(networks)
    running: collections.deque[futures.Future[tuple[np.ndarray, np.ndarray]]] = collections.deque()
    with futures.ThreadPoolExecutor(at_once) as pool:
        for step in range(len(table) + at_once):
            if step >= at_once and running:
                part, ends = running.popleft().result()
                gradients += part
                scores += ends
            if step < len(table):
                buckets = table[step][pairs.labels].astype(np.int64)
                running.append(pool.submit(one, next(remaining), buckets))
    share = 1.0 / len(table)
    return PathIntegrals(splits, gradients * share, scores[1] * share, scores[0] * share)


def _read_only(arrays: _Arrays) -> _Arrays:
    """Returns contiguous read-only views: Numba takes seconds to compile for each memory layout, and for writable arrays."""
    views = [np.ascontiguousarray(array).view() for array in arrays]
    for view in views:
        view.flags.writeable = False
    return arrays._make(views)


@jit(nogil=True)
def _integrate(network, paths, wanted, sigmoid, gradients, ends):
    """Fills one repetition's `gradients`, laid out by `wanted.entry_splits`, and `ends` [2, pairs], scores at start and end."""
    hidden = len(network.hidden_bias)
    at_start, change = np.empty(hidden), np.empty(hidden)
    kernel, weights = np.empty(hidden), np.empty(hidden)
    for point in range(len(paths.row_splits) - 1):
        first, last = paths.row_splits[point], paths.row_splits[point + 1]
        _pre_activations(network, paths, first, last, at_start, change)
        times, order = _switching_points(at_start, change, sigmoid)
        units = _Units(at_start, change, times, order)
        for pair in range(wanted.splits[point], wanted.splits[point + 1]):
            bucket = wanted.buckets[pair]
            for u in range(hidden):
                kernel[u] = network.output_kernel[u, bucket]
            z0, z1 = _logits(kernel, network.output_bias[bucket], units)
            if sigmoid:
                _probability_weights(kernel, units, z0, weights)
                ends[0, pair], ends[1, pair] = _sigmoid(z0), _sigmoid(z1)
            else:
                _logit_weights(kernel, units, weights)
                ends[0, pair], ends[1, pair] = z0, z1
            for j in range(first, last):
                row = network.hidden_kernel[paths.feature_ids[j]]
                gradients[wanted.entry_splits[pair] + j - first] = _dot(row, weights)


@jit(nogil=True)
def _pre_activations(network, paths, first, last, at_start, change):
    """a = x' W1 + b1 and d = (x - x') W1 of the path with the entries first:last, float64 [hidden]."""
    hidden = len(network.hidden_bias)
    for u in range(hidden):
        at_start[u] = network.hidden_bias[u]
        change[u] = 0.0
    for j in range(first, last):
        row, from_value, by = network.hidden_kernel[paths.feature_ids[j]], paths.start[j], paths.difference[j]
        if from_value != 0.0:
            for u in range(hidden):
                at_start[u] += from_value * row[u]
        for u in range(hidden):
            change[u] += by * row[u]


@jit(nogil=True)
def _switching_points(at_start, change, in_order):
    """Returns where each unit switches, clipped to [0, 1], float64 [hidden], and the units that switch inside the path.

    A unit whose pre-activation rises is active after its switching point, one whose pre-activation falls before it. A unit
    that does not move is active throughout (its point is 0 and counts as rising) or, like ReLU at 0, never (its point is 1).
    """
    times = np.empty(len(change))
    inside = np.empty(len(change), np.int64)
    count = 0
    for u in range(len(change)):
        if change[u] == 0.0:
            times[u] = 0.0 if at_start[u] > 0.0 else 1.0
        else:
            times[u] = min(max(-at_start[u] / change[u], 0.0), 1.0)
            if 0.0 < times[u] < 1.0:
                inside[count] = u
                count += 1
    inside = inside[:count]
    if in_order:
        inside = inside[np.argsort(times[inside])]
    return times, inside


@jit(nogil=True)
def _logits(kernel, bias, units):
    """Returns the logits at both ends, from the forward pass alone: completeness is checked against them."""
    z0, z1 = np.float64(bias), np.float64(bias)
    for u in range(len(kernel)):
        z0 += kernel[u] * max(units.at_start[u], 0.0)
        z1 += kernel[u] * max(units.at_start[u] + units.change[u], 0.0)
    return z0, z1


@jit(nogil=True)
def _logit_weights(kernel, units, weights):
    """w2[u] times the part of the path on which unit u is active."""
    for u in range(len(kernel)):
        weights[u] = kernel[u] * (units.times[u] if units.change[u] < 0.0 else 1.0 - units.times[u])


@jit(nogil=True)
def _probability_weights(kernel, units, z, weights):
    """w2[u] times the integral of sigmoid'(z(t)) over the part of the path on which unit u is active."""
    change, times = units.change, units.times
    slope = 0.0
    for u in range(len(kernel)):
        if (times[u] == 0.0 and change[u] >= 0.0) or (times[u] > 0.0 and change[u] < 0.0):
            slope += kernel[u] * change[u]
    integral, before = 0.0, 0.0
    for u in units.order:
        after = z + slope * (times[u] - before)
        integral += (times[u] - before) * _mean_sigmoid_derivative(z, after)
        weights[u] = integral
        # A unit that becomes active (change > 0) adds kernel * change, one that becomes inactive (change < 0) takes it away:
        # kernel * |change| either way.
        slope += kernel[u] * abs(change[u])
        z, before = after, times[u]
    integral += (1.0 - before) * _mean_sigmoid_derivative(z, z + slope * (1.0 - before))
    for u in range(len(kernel)):
        inside = 0.0 < times[u] < 1.0
        reached = weights[u] if inside else times[u] * integral
        weights[u] = kernel[u] * (reached if change[u] < 0.0 else integral - reached)


@jit(nogil=True)
def _mean_sigmoid_derivative(a, b):
    """Returns the mean of sigmoid' between two logits, (sigmoid(b) - sigmoid(a)) / (b - a), to full relative precision.

    For close logits sigmoid(b) - sigmoid(a) = sinh((b - a) / 2) / (2 cosh(a / 2) cosh(b / 2)), where nothing cancels. For
    distant logits the difference is taken on the side where sigmoid is small, which is allowed because sigmoid' is even.
    """
    if abs(b - a) < 1.0:
        half = 0.5 * (b - a)
        quotient = math.sinh(half) / half if half != 0.0 else 1.0
        scale = math.exp(-0.5 * (abs(a) + abs(b)))
        return quotient * scale / ((1.0 + math.exp(-abs(a))) * (1.0 + math.exp(-abs(b))))
    if a + b > 0.0:
        a, b = -b, -a
    return (_sigmoid(b) - _sigmoid(a)) / (b - a)


@jit(nogil=True)
def _sigmoid(z):
    if z >= 0.0:
        return 1.0 / (1.0 + math.exp(-z))
    return math.exp(z) / (1.0 + math.exp(z))


# Reordering this sum lets the compiler use vector instructions; every other sum keeps its order.
@jit(nogil=True, fastmath={"reassoc", "contract"})
def _dot(row, weights):
    total = 0.0
    for u in range(len(weights)):
        total += row[u] * weights[u]
    return total
