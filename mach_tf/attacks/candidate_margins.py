"""The margin of every candidate: what one label's score minus another's becomes if a few features of a point change.

It takes x W1 of the unchanged points and the rows of W1 that belong to the changed features, in compiled code, and of W2 the columns of the two
labels' buckets. Of a multiclass model, the difference of logits stands for that of log-odds, which would need all buckets; the search
evaluates the best candidates anew in any case.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numba
import numpy as np

from mach_tf import estimators
from mach_tf.attacks.entry_products import FAST
from mach_tf.attacks.label_loss import attacked
from mach_tf.attacks.word_candidates import Candidates
from mach_tf.kernels import jit
from mach_tf.network import Network
from mach_tf.points import Points


def candidate_margins(
    network: Network,
    points: Points,
    hidden_inputs: Sequence[Any],
    up: np.ndarray,
    down: np.ndarray,
    candidates: Candidates,
    estimator: str,
) -> np.ndarray:
    """Returns the score of label `up` minus that of label `down` of each candidate, float64 [C].

    Args:
      network: the network.
      points: the n points that the candidates come from.
      hidden_inputs: x W1 of each repetition, [n, hidden], of these points.
      up, down: int64 [n], the labels.
      candidates: the candidates.
      estimator: which estimator makes the label scores; see label_loss.attacked.
    """
    table = network.bucket_table
    takes_logits = attacked(estimator).takes_logits
    total = np.zeros(len(candidates))
    for index in range(len(network.repetitions)):
        weights = network.repetitions[index].weights
        kernel, bias, output_kernel, output_bias = (np.asarray(weight) for weight in weights)
        buckets = np.stack([table[index, up], table[index, down]])
        logits = np.empty((2, len(candidates)), np.float32)
        columns = np.ascontiguousarray(output_kernel[:, buckets].transpose(1, 2, 0))  # [2, n, hidden]
        _logits(np.ascontiguousarray(hidden_inputs[index]), kernel, bias, columns, *candidates, logits)
        logits += output_bias[buckets][:, candidates.state]
        high, low = logits if takes_logits else estimators.sigmoid(logits)
        total += high.astype(np.float64) - low
        del weights, kernel, output_kernel  # before the next are loaded
    total /= len(network.repetitions)
    if (ranker := network.ranker_of(estimator)) is not None:
        features = points.features(network.manifest.columns)
        rows = np.repeat(candidates.state, np.diff(candidates.splits))
        owners = np.repeat(np.arange(len(candidates)), np.diff(candidates.splits))
        for labels, sign in ((up, 1), (down, -1)):
            weights_of_ids = ranker.weights_at(labels, rows, candidates.ids)
            changes = np.bincount(owners, candidates.amounts * weights_of_ids, len(candidates))
            products = ranker.products(features, labels[:, None])[candidates.state, 0] + changes
            total += sign * np.maximum(candidates.scale * products, 0)
    return total


@jit(parallel=True, fastmath=FAST)
def _logits(hidden_inputs, kernel, bias, columns, state, scale, splits, ids, amounts, logits):
    units = len(bias)
    for c in numba.prange(len(state)):
        point = state[c]
        hidden = np.empty(units, np.float32)
        for unit in range(units):
            hidden[unit] = hidden_inputs[point, unit]
        for entry in range(splits[c], splits[c + 1]):
            feature, amount = np.uint64(ids[entry]), amounts[entry]
            for unit in range(units):
                hidden[unit] += amount * kernel[feature, unit]
        up = down = np.float32(0)
        for unit in range(units):
            value = max(scale[c] * hidden[unit] + bias[unit], np.float32(0))
            up += value * columns[0, point, unit]
            down += value * columns[1, point, unit]
        logits[0, c], logits[1, c] = up, down
