"""The largest values of a row, best first: the start of every search through a sketch."""

from __future__ import annotations

import numba
import numpy as np

_BLOCK = 16


@numba.njit(cache=True)
def largest(row, count, places, values):
    """Fills the first `count` of `places` and `values` with the largest values of a row and where they stand, best first.

    Args:
      row: float32 [B], not NaN.
      count: at most B.
      places, values: int32 and float32, at least [count].
    """
    blocks = len(row) // _BLOCK
    if count > blocks // 2:
        _insert_all(row, 0, len(row), -np.inf, 0, count, places, values)
        return
    # `count` blocks have a maximum no less than the count-th largest of the blocks' maxima, so that many values do.
    maxima = _block_maxima(row, blocks)
    _insert_all(maxima, 0, blocks, -np.inf, 0, count, places, values)
    least = values[count - 1]
    found = 0
    for block in range(blocks):
        if maxima[block] >= least:
            found = _insert_all(row, block * _BLOCK, (block + 1) * _BLOCK, least, found, count, places, values)
    _insert_all(row, blocks * _BLOCK, len(row), least, found, count, places, values)


@numba.njit(cache=True)
def _insert_all(row, first, last, least, found, count, places, values):
    """Inserts the values row[first:last] that reach `least`; gives how many values were taken up so far."""
    for place in range(np.uint64(first), np.uint64(last)):
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


# Without NaN and signed zeros to mind, the maximum is computed eight values at a time.
@numba.njit(cache=True, fastmath={"nnan", "nsz"})
def _block_maxima(row, blocks):
    maxima = np.empty(blocks, np.float32)
    for block in range(blocks):
        best = row[block * _BLOCK]
        for i in range(1, _BLOCK):
            best = max(best, row[block * _BLOCK + i])
        maxima[block] = best
    return maxima


@numba.njit(cache=True, fastmath={"reassoc"})
def steepest_fall(values, first, last):
    """The largest average fall from values[first] to a later one: how fast a bound sinks when buckets are visited."""
    best = np.float32(0)
    for i in range(first + 1, last):
        best = max(best, (values[first] - values[i]) / np.float32(i - first))
    return best
