"""Calibration of label scores: the line that turns them into probabilities which are true as often as they say.

Platt (1999) fits the a and b of sigmoid(a s + b) to scores s and outcomes. Here the line is the one that the model would have without
it, corrected: for its log-odds z the probability is sigmoid(exp(g) z + c), with c and g found by the largest posterior under normal priors
around 0. So few outcomes change little, outcomes that are all alike give no infinite line, and the line always rises.
"""

from __future__ import annotations

from typing import Optional

import numpy as np
import scipy.optimize
import scipy.special

# Standard deviations of c, of g and of the power of frequencies before any outcome is seen. With hundreds of outcomes the priors hardly matter.
_DEVIATIONS = np.array([2.0, 0.5, 0.5])
_BOUNDS = [(-20.0, 20.0), (-5.0, 5.0), (0.0, 5.0)]


def fit(scores: np.ndarray, outcomes: np.ndarray, start: tuple[float, float]) -> tuple[float, float]:
    """Fits the shift and the scale of the line (score - shift) / scale from scores to log-odds.

    Args:
      scores: label scores, any shape, usually those of the top labels of points that the model was not trained with.
      outcomes: bool of the same shape: whether the label is true.
      start: the shift and the scale without calibration.

    Returns:
      The shift and the scale with calibration, the latter above 0; `start` without any outcome.

    Example:
      >>> scores = np.repeat([-1.0, 1.0], 5000)
      >>> outcomes = np.arange(10000) % 10 >= np.repeat([9, 1], 5000)  # one of ten at the score -1, nine of ten at 1
      >>> shift, scale = fit(scores, outcomes, (0.0, 1.0))
      >>> f"{1 / (1 + np.exp(-(1 - shift) / scale)):.2f}"
      '0.90'
    """
    return _fit(scores, outcomes, start, None)[:2]


def fit_by_frequency(
    scores: np.ndarray, outcomes: np.ndarray, label_counts: np.ndarray, start: tuple[float, float]
) -> tuple[float, float, float]:
    """Fits the shift and the scale of a line, and the power of label frequencies beside it.

    The log-odds are (score - shift) / scale + power (log N - its mean), for N training points of the label, at least 1.

    Args:
      scores, outcomes, start: as for `fit`, usually of more labels of each point.
      label_counts: N, of the same shape as the scores.

    Returns:
      The shift, the scale and the power, which is 0 or more: rare labels are overrated, and where they seem underrated few outcomes say so.
    """
    logarithms = np.log(np.maximum(np.asarray(label_counts, np.float64).ravel(), 1))
    return _fit(scores, outcomes, start, logarithms - (logarithms.mean() if len(logarithms) else 0))


def _fit(
    scores: np.ndarray, outcomes: np.ndarray, start: tuple[float, float], frequencies: Optional[np.ndarray]
) -> tuple[float, float, float]:
    shift, scale = start
    odds = (np.asarray(scores, np.float64).ravel() - shift) / scale
    true = np.asarray(outcomes, np.float64).ravel()
    others = np.zeros_like(odds) if frequencies is None else frequencies

    def loss(parameters: np.ndarray) -> tuple[float, np.ndarray]:
        offset, growth, power = parameters
        slope = np.exp(growth)
        values = slope * odds + offset + power * others
        wrong = scipy.special.expit(values) - true
        priors = parameters / _DEVIATIONS
        total = np.sum(np.logaddexp(0, values) - true * values) + priors @ priors / 2
        gradient = np.array([np.sum(wrong), np.sum(wrong * odds) * slope, wrong @ others])
        gradient += parameters / np.square(_DEVIATIONS)
        return total / (len(odds) + 1), gradient / (len(odds) + 1)

    offset, growth, power = scipy.optimize.minimize(loss, np.zeros(3), jac=True, method="L-BFGS-B", bounds=_BOUNDS).x
    # exp(g) (s - shift) / scale + c is (s - (shift - c scale / exp(g))) / (scale / exp(g)).
    scale /= float(np.exp(growth))
    return shift - float(offset) * scale, scale, float(power)
