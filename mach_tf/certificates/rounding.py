"""Rounding errors of sums and of the network's forward pass, as bounds that hold for any order of summation.

A sum of n products computed with unit roundoff u differs from the exact one by at most gamma_n times the sum of the products'
absolute values, with gamma_n = n u / (1 - n u) (Higham 2002, section 3.1); fused multiply-adds only make it smaller.

The deployed network computes in float32. For a hidden unit with the exact pre-activation z and the magnitude
S = sum_i |x_i| |W1[i]| + |b1|, a point with n entries gives |computed z - z| <= e = gamma_{n+1} S. ReLU is exact and does not
increase errors. A label score sums H products and a bias per repetition, then R logits, multiplies by the rounded 1/R, and adds what a
ranker adds, so that with h >= relu(z) the ensemble's part has

    |computed score - score| <= mean_r( sum_u |W2[u]| e_u + gamma_{H+R+3} (sum_u |W2[u]| (h_u + e_u) + |b2|) ).

The sum over units is bounded by the product of two Euclidean norms (Cauchy and Schwarz), which costs nothing per label.
Results below the range of normal float32 numbers lose at most 2^-126 each, even where they are flushed to zero. Sums that may exceed
the largest number have no bound.
"""

from __future__ import annotations

import numpy as np

SINGLE, DOUBLE = 2.0**-24, 2.0**-53
SMALLEST_NORMAL = 2.0**-126
# Sums of terms whose absolute values add up to less than this do not overflow.
_LARGEST = 2.0**126


def gamma(n: int, unit: float = DOUBLE) -> float:
    """Returns n u / (1 - n u), the largest relative error of a sum of n products; infinite where no bound holds.

    Args:
      n: number of roundings.
      unit: the unit roundoff u, SINGLE or DOUBLE.
    """
    return n * unit / (1 - n * unit) if n * unit < 1 else np.inf


def hidden_error(n: int, magnitude: np.ndarray, largest_value: float, largest_weight: float) -> np.ndarray:
    """Returns the error of float32 pre-activations, float64 of the shape of `magnitude`.

    Args:
      n: number of entries of the point.
      magnitude: S of each unit.
      largest_value, largest_weight: the largest absolute values of the point and of the first layer.
    """
    error = gamma(n + 1, SINGLE) * magnitude + (n + 1) * SMALLEST_NORMAL * (2 + largest_value + largest_weight)
    return np.where(magnitude < _LARGEST, error, np.inf)


def score_error_sketch(error: np.ndarray, activation: np.ndarray, norms: np.ndarray, biases: np.ndarray) -> np.ndarray:
    """Returns what each bucket adds to the error of a float32 label score, float64 [R, B]; a score's error is their sum.

    Args:
      error: float64 [R, H], the error of the hidden units; 0 for units that are never active.
      activation: float64 [R, H], upper bounds of the units' outputs.
      norms: float64 [R, B], Euclidean norm of each column of the output kernels.
      biases: float64 [R, B].
    """
    repetitions, hidden = error.shape
    share = gamma(hidden + repetitions + 3, SINGLE)
    each = np.sqrt(np.square(error + share * (activation + error)).sum(axis=1))
    flushed = (hidden + repetitions + 2) * SMALLEST_NORMAL * (2 + activation.max(initial=0) + norms.max(initial=0))
    # The bound itself is computed in float64, whose relative error is far below the factor.
    errors = (1 + 2.0**-20) * (norms * each[:, None] + share * np.abs(biases) + flushed) / repetitions
    terms = norms * np.sqrt(np.square(activation + error).sum(axis=1, keepdims=True)) + np.abs(biases)
    return np.where(repetitions * hidden * terms < _LARGEST, errors, np.inf)
