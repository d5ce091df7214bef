"""What decoding asks of a row of bucket scores first: the largest values, best first, the extremes, and what is typical."""

from __future__ import annotations

import numba
import numpy as np

_PARTS = 16
# So many values tell what is typical of a row.
_TYPICAL = 64


@numba.njit(cache=True)
def largest(row, count, places, values):
    """Fills the first `count` of `places` and `values` with the largest values of a row and where they stand, best first.

    Args:
      row: float32 [B], not NaN.
      count: at most B.
      places, values: int32 and float32, at least [count].
    """
    # Every `strands`-th value forms a strand. `count` strands have a maximum no less than the count-th largest of the strands'
    # maxima, so that many values do.
    strands = len(row) // _PARTS
    if count > strands // 2:
        _insert_all(row, 0, len(row), 1, -np.inf, 0, count, places, values)
        return
    maxima = _strand_maxima(row, strands)
    _insert_all(maxima, 0, strands, 1, -np.inf, 0, count, places, values)
    least = values[count - 1]
    found = 0
    for strand in range(strands):
        if maxima[strand] >= least:
            found = _insert_all(row, strand, len(row), strands, least, found, count, places, values)


@numba.njit(cache=True)
def _insert_all(row, first, last, stride, least, found, count, places, values):
    """Inserts the values row[first:last:stride] that reach `least`; gives how many values were taken up so far."""
    for place in range(np.uint64(first), np.uint64(last), np.uint64(stride)):
        value = row[place]
        if value < least or (found >= count and value <= values[count - 1]):
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


# Without NaN and signed zeros to mind, several values are compared at a time.
@numba.njit(cache=True, fastmath={"nnan", "nsz"})
def _strand_maxima(row, strands):
    maxima = row[:strands].copy()
    for begin in range(strands, len(row), strands):
        part = row[begin : begin + strands]
        for i in range(len(part)):
            maxima[i] = max(maxima[i], part[i])
    return maxima


@numba.njit(cache=True, fastmath={"nnan", "nsz"})
def extremes(row):
    """The least and the largest value of a row, float32 [B], not NaN."""
    low = high = row[0]
    for value in row:
        low, high = min(low, value), max(high, value)
    return low, high


@numba.njit(cache=True, fastmath={"reassoc"})
def mean_and_deviation(row):
    """Mean, and mean distance from it, of a row's first _TYPICAL values, float32 [B]; rounded, and not finite for huge ones."""
    row = row[:_TYPICAL]
    mean = np.float32(0)
    for value in row:
        mean += value
    mean /= np.float32(len(row))
    deviation = np.float32(0)
    for value in row:
        deviation += abs(value - mean)
    return mean, deviation / np.float32(len(row))


@numba.njit(cache=True, fastmath={"reassoc"})
def steepest_fall(values, first, last):
    """The largest average fall from values[first] to a later one: how fast a bound sinks when buckets are visited."""
    best = np.float32(0)
    for i in range(first + 1, last):
        best = max(best, (values[first] - values[i]) / np.float32(i - first))
    return best
