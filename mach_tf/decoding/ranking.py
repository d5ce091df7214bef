"""Statistics of a row of bucket scores: its largest values, its extremes, its typical value, and how fast its values fall."""

from __future__ import annotations

import numpy as np

from mach_tf.kernels import jit

_PARTS = 16
# The number of values from which the typical value of a row is estimated.
_TYPICAL = 64


@jit()
def largest(row, count, places, values):
    """Fills the first `count` entries of `values` and `places` with the largest values of a row and their indices, best first.

    Args:
      row: float32 [B], not NaN.
      count: at most B.
      places, values: int32 and float32, of length `count` or more.
    """
    # Strand i is the values i, i + strands, i + 2 * strands, ... Let t be the count-th largest maximum of a strand: at least
    # `count` values reach t, so the values below it are not among the largest.
    strands = len(row) // _PARTS
    if count > strands // 2:
        _insert_all(row, 0, len(row), 1, -np.inf, 0, count, places, values)
        return
    maxima = _strand_maxima(row, strands)
    _insert_all(maxima, 0, strands, 1, -np.inf, 0, count, places, values)
    threshold = values[count - 1]
    found = 0
    for strand in range(strands):
        if maxima[strand] >= threshold:
            found = _insert_all(row, strand, len(row), strands, threshold, found, count, places, values)


@jit()
def _insert_all(row, first, last, stride, threshold, found, count, places, values):
    """Inserts the values row[first:last:stride] that reach `threshold`; returns how many have been inserted so far."""
    for place in range(np.uint64(first), np.uint64(last), np.uint64(stride)):
        value = row[place]
        if value < threshold or (found >= count and value <= values[count - 1]):
            continue
        j = min(found, count - 1)
        while j > 0 and values[j - 1] < value:
            values[j] = values[j - 1]
            places[j] = places[j - 1]
            j -= 1
        values[j] = value
        places[j] = place
        found += 1
    return found


# The flags let LLVM ignore NaN and signed zeros, and so compare several values at a time.
@jit(fastmath={"nnan", "nsz"})
def _strand_maxima(row, strands):
    maxima = row[:strands].copy()
    for begin in range(strands, len(row), strands):
        part = row[begin : begin + strands]
        for i in range(len(part)):
            maxima[i] = max(maxima[i], part[i])
    return maxima


@jit(fastmath={"nnan", "nsz"})
def extremes(row):
    """Returns the smallest and the largest value of a row, float32 [B], not NaN."""
    low = high = row[0]
    for value in row:
        low, high = min(low, value), max(high, value)
    return low, high


@jit(fastmath={"reassoc"})
def mean_and_deviation(row):
    """Returns the mean and the mean absolute deviation of the first _TYPICAL values of a row, float32 [B].

    Both are rounded, and not finite if the values are too large for float32 sums.
    """
    row = row[:_TYPICAL]
    mean = np.float32(0)
    for value in row:
        mean += value
    mean /= np.float32(len(row))
    deviation = np.float32(0)
    for value in row:
        deviation += abs(value - mean)
    return mean, deviation / np.float32(len(row))


@jit(fastmath={"reassoc"})
def steepest_fall(values, first, last):
    """Returns the largest average fall per step from values[first] to a later value.

    It is how fast a bound falls when buckets are visited.
    """
    best = np.float32(0)
    for i in range(first + 1, last):
        best = max(best, (values[first] - values[i]) / np.float32(i - first))
    return best
