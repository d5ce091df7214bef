"""Selects the terms of a vocabulary from the training texts: exact counts in bounded memory."""

from __future__ import annotations

import dataclasses
import os
import threading
from typing import Any

import numpy as np

from mach_tf import files
from mach_tf.text.term_counts import TermCounts, merged
from mach_tf.text_spec import TextSpec

_FIRST_SLOTS = 1 << 16
# 16 bytes each: 128 MiB, for 4 million terms before counts are spilled.
_MAX_SLOTS = 1 << 23


@dataclasses.dataclass(frozen=True, eq=False)
class Selection:
    """The terms that a vocabulary keeps; a term's place is its feature id.

    Attributes:
      fingerprints: int64 [features], in descending document frequency, ties ascending.
      document_frequencies: int64 [features].
      rare: the number of terms in fewer documents than min_document_frequency.
      frequent: the number of terms in a larger fraction of them than max_document_fraction.
      beyond: the number of other terms that max_vocabulary leaves out.
    """

    fingerprints: np.ndarray
    document_frequencies: np.ndarray
    rare: int
    frequent: int
    beyond: int


class VocabularyBuilder:
    """Counts in how many documents each term occurs, and selects those to keep.

    Counts that outgrow the memory are written to sorted files, which `select` merges range by range. The result depends on the
    documents alone, not on their order or on how they are divided. Several threads may add documents.

    Args:
      spec: which terms are kept.
      directory: an existing directory for the files, which the builder removes.
      max_slots: the size of the table in memory, in slots of 16 bytes: a power of 2. Half of them are used.
    """

    def __init__(self, spec: TextSpec, directory: str, max_slots: int = _MAX_SLOTS) -> None:
        self._spec, self._directory, self._max_slots = spec, directory, max_slots
        self._lock = threading.Lock()
        self._counts = TermCounts(min(_FIRST_SLOTS, max_slots))
        self._runs: list[str] = []
        self._documents = 0

    def add(self, terms: Any) -> None:
        """Counts the terms of some documents.

        Args:
          terms: the `Terms` of a tokenizer, or what has its row_splits and fingerprints as arrays.
        """
        row_splits, fingerprints = np.asarray(terms.row_splits), np.asarray(terms.fingerprints)
        with self._lock:
            done = 0
            while True:
                done += self._counts.add(row_splits[done:], fingerprints, self._max_slots)
                if done == len(row_splits) - 1:
                    break
                self._spill()
            self._documents += done

    def select(self) -> Selection:
        """Returns the terms to keep, and removes the files; nothing can be added afterwards."""
        runs = [(run[0], run[1]) for run in (np.load(path, mmap_mode="r") for path in self._runs)]
        kept = _Kept(self._spec, self._documents)
        for part in merged([*runs, self._counts.sorted()], self._max_slots // 2):
            kept.add(*part)
        del runs
        for path in self._runs:
            os.remove(path)
        self._runs = []
        self._counts = TermCounts(1)
        return kept.selection()

    def _spill(self) -> None:
        path = os.path.join(self._directory, f"terms-{len(self._runs):05d}.npy")
        with files.atomic_write(path) as file:
            np.save(file, np.stack(self._counts.sorted()), allow_pickle=False)
        self._runs.append(path)
        self._counts.clear()


class _Kept:
    """The most frequent of the terms seen so far."""

    def __init__(self, spec: TextSpec, documents: int) -> None:
        self._spec = spec
        self._documents = max(documents, 1)
        self._fingerprints = self._frequencies = np.zeros(0, np.int64)
        self._rare = self._frequent = self._beyond = 0

    def add(self, fingerprints: np.ndarray, frequencies: np.ndarray) -> None:
        rare = frequencies < self._spec.min_document_frequency
        # Divided, as 0.29 * 100 is less than 29.
        frequent = ~rare & (frequencies / self._documents > self._spec.max_document_fraction)
        self._rare += int(rare.sum())
        self._frequent += int(frequent.sum())
        fits = ~(rare | frequent)
        self._fingerprints = np.concatenate([self._fingerprints, fingerprints[fits]])
        self._frequencies = np.concatenate([self._frequencies, frequencies[fits]])
        if len(self._fingerprints) > 2 * self._spec.max_vocabulary:
            self._cut()

    def selection(self) -> Selection:
        self._cut()
        return Selection(self._fingerprints, self._frequencies, self._rare, self._frequent, self._beyond)

    def _cut(self) -> None:
        order = np.lexsort((self._fingerprints, -self._frequencies))
        self._beyond += max(len(order) - self._spec.max_vocabulary, 0)
        order = order[: self._spec.max_vocabulary]
        self._fingerprints, self._frequencies = self._fingerprints[order], self._frequencies[order]
