"""Estimates the time and the memory of a ranker's training from the numbers of points, features and labels.

Two searches multiply each feature of each point with the vectors of the labels that have it: the more labels, the more of these, up to a limit. Six descents
visit the candidates of a point feature by feature: one with half of the candidates, one with all, and one for each of at most four penalties
with 10,000 points at most. The two factors are fitted to the processor seconds of bibtex, tib-core-text and eurlex57k, which they meet within
a factor of 1.5; of other data, with rarer or more frequent features, less is known. A second ranker, without the points that are held out to calibrate on,
goes on from the first one and takes two fifths of its descent. It is counted for all data, though those with a validation split need none.
"""

from __future__ import annotations

from mach_tf.sizing.machine import Machine

# Candidates that each of two searches finds for a point; penalties that are tried, and with how many points at most.
_CANDIDATES, _PENALTIES, _TRIED_POINTS = 50, 4, 10_000
# The second ranker's part of a descent with all points and candidates.
_SECOND = 0.4
# Processor seconds per feature of a point and label, in a search, and per feature of a point and candidate, in a descent.
_SEARCH, _DESCENT = 1e-10, 9e-9
# Labels beyond which a search takes no longer, as it multiplies a feature with at most 2,000 of them: the more labels, the more features have as many.
_SEARCHED_LABELS = 120_000
# Bytes per feature of a point, per candidate of a point, and per weight of a label, fitted to measured peaks: the weights of two rankers, and what is
# made on the way.
_FEATURE_BYTES, _CANDIDATE_BYTES, _WEIGHT_BYTES, _WEIGHTS = 14, 12, 24, 100
# The rate in matrix products of the processors that these were measured on, each.
_PROCESSOR_FLOPS = 1e11


def processor_seconds(points: int, labels: int, features: float, labels_per_point: float) -> float:
    """Returns the processor seconds of a ranker's training.

    Args:
      points: the number of training points.
      labels: K.
      features, labels_per_point: the mean numbers of features and of labels of a point.
    """
    tried = min(points, _TRIED_POINTS)
    visited = points * (_CANDIDATES + labels_per_point)
    visited += ((1 + _SECOND) * points + _PENALTIES * tried) * (2 * _CANDIDATES + labels_per_point)
    return features * (2 * _SEARCH * points * min(labels, _SEARCHED_LABELS) + _DESCENT * visited)


def ranker_seconds(points: int, labels: int, features: float, labels_per_point: float, machine: Machine) -> float:
    """Returns the elapsed seconds of a ranker's training on all processors of a machine; arguments as of `processor_seconds`."""
    return processor_seconds(points, labels, features, labels_per_point) * _PROCESSOR_FLOPS / machine.flops


def memory_bytes(points: int, labels: int, features: float, labels_per_point: float) -> int:
    """Returns the memory of a ranker's training in bytes, beside what the process has before; arguments as of `processor_seconds`.

    After the repetitions that is all that they needed, as TensorFlow keeps it; in a process of its own it is memory_plan.PROCESS_BYTES.
    """
    # A label without training points has no weights.
    weights = _WEIGHTS * min(labels, points * labels_per_point)
    candidates = points * (2 * _CANDIDATES + labels_per_point)
    return int(_FEATURE_BYTES * points * features + _CANDIDATE_BYTES * candidates + _WEIGHT_BYTES * weights)
