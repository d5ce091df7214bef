"""A hash table of document frequencies by fingerprint, and the merge of sorted counts."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np

from mach_tf.kernels import jit

# A slot holds a fingerprint and, in one number, its document frequency above the last document that was counted, from 1 on; 0 is an
# empty slot. Both lie in one cache line: a lookup costs one access to memory.
_DOCUMENT_BITS = 32


class TermCounts:
    """In how many documents each fingerprint occurs.

    Args:
      slots: how many slots the table begins with, a power of 2; it grows when it is half full.
    """

    def __init__(self, slots: int) -> None:
        self._slots = np.zeros((slots, 2), np.int64)
        self._documents = 0
        self.size = 0

    @property
    def slots(self) -> int:
        """The present number of slots, of 16 bytes each."""
        return len(self._slots)

    def add(self, row_splits: np.ndarray, fingerprints: np.ndarray, max_slots: int) -> int:
        """Counts each fingerprint once per document.

        Args:
          row_splits: int64 [n + 1]; document i has the fingerprints row_splits[i]:row_splits[i + 1].
          fingerprints: int64 [row_splits[-1]].
          max_slots: how far the table may grow; only a single document that needs more gets more.

        Returns:
          The number of documents that were counted; the others would not fit.
        """
        done = 0
        while done < len(row_splits) - 1:
            added, self.size, whole = _add(row_splits[done:], fingerprints, self._slots, self.size, self._documents + 1)
            done += added
            self._documents += added
            if whole:
                break
            if self.slots >= max_slots and self.size:
                break
            self._slots = _grown(self._slots)
        return done

    def sorted(self) -> tuple[np.ndarray, np.ndarray]:
        """Returns the fingerprints, ascending, and their document frequencies, int64 each."""
        used = self._slots[self._slots[:, 1] != 0]
        order = np.argsort(used[:, 0])
        return used[order, 0], used[order, 1] >> _DOCUMENT_BITS

    def clear(self) -> None:
        """Empties the table, which keeps its memory."""
        self._slots[:] = 0
        self._documents = self.size = 0


def merged(runs: Sequence[tuple[np.ndarray, np.ndarray]], most: int) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """Yields the distinct fingerprints of one or more runs, ascending, with the sums of their counts, some at a time.

    Args:
      runs: fingerprints, ascending, and counts of each; they may be memory maps.
      most: about how many entries may be in memory at a time; fingerprints are hashes, so that equal ranges hold equally many.
    """
    ranges = max(-(-sum(len(keys) for keys, _ in runs) // most), 1)
    bounds = [(i << 64) // ranges - (1 << 63) for i in range(ranges + 1)]
    places = np.zeros(len(runs), np.int64)
    for i in range(ranges):
        last = i == ranges - 1
        ends = [len(keys) if last else int(np.searchsorted(keys, np.int64(bounds[i + 1]))) for keys, _ in runs]
        keys = np.concatenate([keys[place:end] for (keys, _), place, end in zip(runs, places, ends)])
        counts = np.concatenate([counts[place:end] for (_, counts), place, end in zip(runs, places, ends)])
        places = np.array(ends)
        if len(runs) > 1:
            order = np.argsort(keys, kind="stable")
            keys, counts = keys[order], counts[order]
        first = np.flatnonzero(np.concatenate([[True], keys[1:] != keys[:-1]])[: len(keys)])
        if len(first):
            yield keys[first], np.add.reduceat(counts, first)


@jit(nogil=True)
def _add(row_splits, fingerprints, slots, size, document):
    """Counts documents until the table is half full; returns how many, the new size, and whether these are all."""
    mask = len(slots) - 1
    n = len(row_splits) - 1
    for row in range(n):
        if 2 * (size + row_splits[row + 1] - row_splits[row]) > len(slots):
            return row, size, False
        for i in range(row_splits[row], row_splits[row + 1]):
            key = fingerprints[i]
            slot = key & mask
            while slots[slot, 1] != 0 and slots[slot, 0] != key:
                slot = (slot + 1) & mask
            packed = slots[slot, 1]
            if packed == 0:
                slots[slot, 0] = key
                size += 1
            if packed & 0xFFFFFFFF != document:
                slots[slot, 1] = (((packed >> 32) + 1) << 32) | document
        document += 1
    return n, size, True


@jit(nogil=True)
def _grown(slots):
    """Returns a table of twice the slots with the same content."""
    grown = np.zeros((2 * len(slots), 2), np.int64)
    mask = len(grown) - 1
    for i in range(len(slots)):
        if slots[i, 1] != 0:
            slot = slots[i, 0] & mask
            while grown[slot, 1] != 0:
                slot = (slot + 1) & mask
            grown[slot, 0] = slots[i, 0]
            grown[slot, 1] = slots[i, 1]
    return grown
