"""Products of sparse points with W1, and the gradient for their feature values, in compiled code for the CPU.

As TensorFlow's sparse product, and as fgsm.value_gradients, which training uses and which also runs on a GPU. Here the rows of W1 that points have
are read where they are, several at a time: measured, either takes half the time or less. A margin's gradient for the logits has two entries per
repetition, so that its product with W2 needs two columns, not all.
"""

from __future__ import annotations

import numba
import numpy as np

from mach_tf.kernels import jit


def entry_products(
    hidden_gradient: np.ndarray, kernel: np.ndarray, row_splits: np.ndarray, feature_ids: np.ndarray
) -> np.ndarray:
    """Returns <hidden_gradient[i], kernel[j]> for each entry, of point i and feature j, float32 [nonzeros].

    Args:
      hidden_gradient: float32 [n, hidden], gradient for x W1.
      kernel: W1, float32 [features, hidden].
      row_splits: int64 [n + 1].
      feature_ids: int64 [nonzeros].

    Raises:
      ValueError: a feature id outside the kernel.
    """
    feature_ids = _checked(feature_ids, kernel)
    products = np.empty(len(feature_ids), np.float32)
    hidden_gradient, kernel = (np.ascontiguousarray(matrix, np.float32) for matrix in (hidden_gradient, kernel))
    _fill(hidden_gradient, kernel, np.ascontiguousarray(row_splits, np.int64), feature_ids, products)
    return products


def sparse_product(
    values: np.ndarray, kernel: np.ndarray, row_splits: np.ndarray, feature_ids: np.ndarray
) -> np.ndarray:
    """Returns x W1, float32 [n, hidden].

    Args:
      values: float32 [nonzeros].
      kernel, row_splits, feature_ids: as of `entry_products`.

    Raises:
      ValueError: a feature id outside the kernel.
    """
    feature_ids = _checked(feature_ids, kernel)
    product = np.zeros((len(row_splits) - 1, kernel.shape[1]), np.float32)
    values, kernel = (np.ascontiguousarray(array, np.float32) for array in (values, kernel))
    _add_rows(values, kernel, np.ascontiguousarray(row_splits, np.int64), feature_ids, product)
    return product


def _checked(feature_ids: np.ndarray, kernel: np.ndarray) -> np.ndarray:
    feature_ids = np.ascontiguousarray(feature_ids, np.int64)
    if feature_ids.size and not 0 <= feature_ids.min() <= feature_ids.max() < len(kernel):
        raise ValueError(f"feature ids must be in [0, {len(kernel)}) (got {feature_ids.min()} to {feature_ids.max()})")
    return feature_ids


def few_logits_hidden_gradient(
    logit_gradient: np.ndarray, output_kernel: np.ndarray, hidden_input: np.ndarray, hidden_bias: np.ndarray
) -> np.ndarray:
    """Returns the gradient for x W1, float32 [n, hidden], from one for the logits that is mostly zero, as that of a margin is.

    Args:
      logit_gradient: float32 [n, B].
      output_kernel: W2, float32 [hidden, B].
      hidden_input: x W1, float32 [n, hidden].
      hidden_bias: b1, float32 [hidden].
    """
    gradient = np.zeros(hidden_input.shape, np.float32)
    rows = np.ascontiguousarray(output_kernel.T)  # a logit's weights side by side
    _add_logits(np.ascontiguousarray(logit_gradient), rows, hidden_input, hidden_bias, gradient)
    return gradient


@jit()
def has_at_most(matrix, count):
    """Returns whether at most `count` entries of a matrix are not 0; stops counting at the row where there are more."""
    for row in matrix:
        for entry in row:
            count -= entry != 0
        if count < 0:
            return False
    return True


# The order of a sum may change, so that it is computed in parallel; infinities and NaN keep their meaning.
FAST = {"reassoc", "contract", "nsz"}


@jit(parallel=True, fastmath=FAST)
def _fill(hidden_gradient, kernel, row_splits, feature_ids, products):
    units = hidden_gradient.shape[1]
    for point in numba.prange(len(hidden_gradient)):
        entry, end = row_splits[point], row_splits[point + 1]
        # Four rows at a time: while one waits for memory, others are added. Unsigned ids spare the check for negative ones.
        while entry + 4 <= end:
            first, second = np.uint64(feature_ids[entry]), np.uint64(feature_ids[entry + 1])
            third, fourth = np.uint64(feature_ids[entry + 2]), np.uint64(feature_ids[entry + 3])
            a = b = c = d = np.float32(0)
            for unit in range(units):
                slope = hidden_gradient[point, unit]
                a += slope * kernel[first, unit]
                b += slope * kernel[second, unit]
                c += slope * kernel[third, unit]
                d += slope * kernel[fourth, unit]
            products[entry], products[entry + 1], products[entry + 2], products[entry + 3] = a, b, c, d
            entry += 4
        while entry < end:
            feature, total = np.uint64(feature_ids[entry]), np.float32(0)
            for unit in range(units):
                total += hidden_gradient[point, unit] * kernel[feature, unit]
            products[entry] = total
            entry += 1


@jit(parallel=True, fastmath=FAST)
def _add_rows(values, kernel, row_splits, feature_ids, product):
    units = kernel.shape[1]
    for point in numba.prange(len(product)):
        entry, end = row_splits[point], row_splits[point + 1]
        while entry + 4 <= end:
            first, second = np.uint64(feature_ids[entry]), np.uint64(feature_ids[entry + 1])
            third, fourth = np.uint64(feature_ids[entry + 2]), np.uint64(feature_ids[entry + 3])
            a, b, c, d = values[entry], values[entry + 1], values[entry + 2], values[entry + 3]
            for unit in range(units):
                product[point, unit] += (a * kernel[first, unit] + b * kernel[second, unit]) + (
                    c * kernel[third, unit] + d * kernel[fourth, unit]
                )
            entry += 4
        while entry < end:
            feature, value = np.uint64(feature_ids[entry]), values[entry]
            for unit in range(units):
                product[point, unit] += value * kernel[feature, unit]
            entry += 1


@jit(parallel=True, fastmath=FAST)
def _add_logits(logit_gradient, rows, hidden_input, hidden_bias, gradient):
    for point in numba.prange(len(gradient)):
        for logit in range(logit_gradient.shape[1]):
            slope = logit_gradient[point, logit]
            if slope != 0:
                for unit in range(gradient.shape[1]):
                    gradient[point, unit] += slope * rows[logit, unit]
        for unit in range(gradient.shape[1]):
            if not hidden_input[point, unit] + hidden_bias[unit] > 0:
                gradient[point, unit] = 0
