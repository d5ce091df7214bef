"""The features that drive each label: a sparse matrix, a table of the largest, and a summary to print."""

from __future__ import annotations

import csv
import io
import os
from collections.abc import Iterable, Iterator, Sequence
from typing import NamedTuple, Optional

import numpy as np
import scipy.sparse
import tabulate

from mach_tf import files

MATRIX_FILE = "global.npz"
TABLE_FILE = "global.tsv"
_SUMMARY_LABELS = 15
_SUMMARY_FEATURES = 5


class Driver(NamedTuple):
    """A feature, its name ("" where there are none) and its mean attribution over a label's points."""

    feature: int
    name: str
    mean: float


class Drivers(NamedTuple):
    """Mean attributions of every feature over each label's points.

    Attributes:
      means: CSR [labels, features].
      counts: int64 [labels], each label's points.
      feature_names, label_names: by raw id; None where there are none.
    """

    means: scipy.sparse.csr_matrix
    counts: np.ndarray
    feature_names: Optional[Sequence[str]]
    label_names: Optional[Sequence[str]]

    def write(self, directory: str, limit: int) -> None:
        """Writes global.npz, all of it, and global.tsv, the `limit` largest of each label that has points."""
        with files.atomic_write(os.path.join(directory, MATRIX_FILE)) as file:
            scipy.sparse.save_npz(file, self.means)
        text = io.StringIO(newline="")
        table = csv.writer(text, delimiter="\t", lineterminator="\n")
        table.writerow(["label", "label_name", "points", "feature", "feature_name", "mean_attribution"])
        for label, name, drivers in self._rows(np.flatnonzero(self.counts), limit):
            table.writerows([label, name, self.counts[label], d.feature, d.name, f"{d.mean:.6g}"] for d in drivers)
        with files.atomic_write(os.path.join(directory, TABLE_FILE)) as file:
            file.write(text.getvalue().encode())

    def summary(self) -> str:
        """A table of the labels with most points."""
        most = np.argsort(-self.counts, kind="stable")[:_SUMMARY_LABELS]
        rows = [
            [name or label, self.counts[label], ", ".join(f"{d.name or d.feature} {d.mean:+.2f}" for d in drivers)]
            for label, name, drivers in self._rows(most[self.counts[most] > 0], _SUMMARY_FEATURES)
        ]
        return tabulate.tabulate(rows, ["label", "points", "features that drive it, mean attribution"])

    def _rows(self, labels: Iterable[int], limit: int) -> Iterator[tuple[int, str, list[Driver]]]:
        """Each label, its name, and its features of largest magnitude."""
        for label in labels:
            begin, end = self.means.indptr[label : label + 2]
            ids, values = self.means.indices[begin:end], self.means.data[begin:end]
            largest = np.argsort(-np.abs(values), kind="stable")[:limit]
            name = self.label_names[label] if self.label_names else ""
            yield int(label), name, [Driver(int(ids[i]), self._feature_name(ids[i]), float(values[i])) for i in largest]

    def _feature_name(self, feature: int) -> str:
        return self.feature_names[feature] if self.feature_names else ""
