"""Calibration of label scores: the line that turns them into probabilities which are true as often as they say.

Platt (1999) fits the a and b of sigmoid(a s + b) to scores s and outcomes. Here the line is the one that the model would have without
it, corrected: for its log-odds z the probability is sigmoid(exp(g) z + c), with c and g found by the largest posterior under normal priors
around 0. So few outcomes change little, outcomes that are all alike give no infinite line, and the line always rises.
"""

from __future__ import annotations

import numpy as np
import scipy.optimize
import scipy.special

# Standard deviations of c and g before any outcome is seen. With hundreds of outcomes the priors hardly matter.
_SHIFT_DEVIATION, _SLOPE_DEVIATION = 2.0, 0.5


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
    shift, scale = start
    odds = (np.asarray(scores, np.float64).ravel() - shift) / scale
    true = np.asarray(outcomes, np.float64).ravel()

    def loss(parameters: np.ndarray) -> tuple[float, np.ndarray]:
        offset, growth = parameters
        slope = np.exp(growth)
        values = slope * odds + offset
        wrong = scipy.special.expit(values) - true
        priors = parameters / [_SHIFT_DEVIATION, _SLOPE_DEVIATION]
        total = np.sum(np.logaddexp(0, values) - true * values) + priors @ priors / 2
        gradient = np.array([np.sum(wrong), np.sum(wrong * odds) * slope])
        gradient += parameters / np.square([_SHIFT_DEVIATION, _SLOPE_DEVIATION])
        return total / (len(odds) + 1), gradient / (len(odds) + 1)

    offset, growth = scipy.optimize.minimize(
        loss, np.zeros(2), jac=True, method="L-BFGS-B", bounds=[(-20, 20), (-5, 5)]
    ).x
    # exp(g) (s - shift) / scale + c is (s - (shift - c scale / exp(g))) / (scale / exp(g)).
    scale /= float(np.exp(growth))
    return shift - float(offset) * scale, scale
