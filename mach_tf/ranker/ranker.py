"""A trained ranker, in memory and in its file."""

from __future__ import annotations

import functools
import os

import numpy as np
import scipy.sparse

from mach_tf import array_files, files, kept_files
from mach_tf.errors import InputError
from mach_tf.manifest import RANKER_FILE
from mach_tf.positive_products import PositiveProducts
from mach_tf.ranker import chosen_labels, value_gradients
from mach_tf.ranker.best_products import best_products
from mach_tf.ranker.largest_entries import largest_entries

_REMEDY = "Remove it and train the ranker again."
# Of each column. At 670,091 labels, with 4,000 weights for a feature of a point, a search takes a fourteenth of the time and finds sums nearly as good.
_SEARCHED = 200


class Ranker:
    """What is added to the label scores of points: max(0, w_l . x) for label l, on the scale of logits.

    Attributes:
      weights: float32 CSR [K, D], the w_l, columns ascending; D is the width of the model's input.
      weight: what the classifiers' own scores were multiplied by, above 0, in the mean over assignments of labels to training points;
        probabilities take it into account.
    """

    def __init__(self, weights: scipy.sparse.csr_matrix, weight: float = 1.0) -> None:
        weights.sort_indices()
        self.weights = weights
        self.weight = weight
        self._products = PositiveProducts(weights)

    @property
    def by_column(self) -> scipy.sparse.csr_matrix:
        """The same weights by column, float32 CSR [D, K]."""
        return self._products.by_column

    def most_entries(self, features: scipy.sparse.csr_matrix) -> np.ndarray:
        """Returns for each point at least the number of labels whose score changes, int64 [n]."""
        return self._products.most_entries(features)

    def added(self, features: scipy.sparse.csr_matrix) -> scipy.sparse.csr_matrix:
        """Returns what is added, float32 CSR [n, K], positive.

        Args:
          features: CSR [n, D], the model's input.
        """
        return self._products.of(features)

    def at(self, features: scipy.sparse.csr_matrix, labels: np.ndarray) -> np.ndarray:
        """Returns what is added to the scores of chosen labels, int [n, m], as float32 [n, m]; `features` as of `products`."""
        return np.maximum(self.products(features, labels), 0)

    def largest(
        self, features: scipy.sparse.csr_matrix, floors: np.ndarray, labels: np.ndarray
    ) -> scipy.sparse.csr_matrix:
        """Returns what `added` does without values below floors, float32 [n], of other labels than chosen ones, int [n, m]."""
        return self._products.largest(features, floors, labels)

    def best(self, features: scipy.sparse.csr_matrix, k: int) -> np.ndarray:
        """Returns k labels whose scores are raised much, int32 [n, k], and NO_LABEL where fewer are found; `features` as of `products`.

        Those that are raised most, if no column has more than _SEARCHED weights.
        """
        return best_products(features, self._searched, k).labels

    @functools.cached_property
    def _searched(self) -> scipy.sparse.csr_matrix:
        """The largest weights of each column, float32 CSR [D, K]: those that a search reads, as a common column has very many."""
        return largest_entries(self.by_column, _SEARCHED)

    def products(self, features: scipy.sparse.csr_matrix, labels: np.ndarray) -> np.ndarray:
        """Returns w_l . x for chosen labels, int [n, m], as float32 [n, m]; `features` as of `added`, columns ascending."""
        return chosen_labels.products(self.weights, features, labels)

    def weights_at(self, labels: np.ndarray, rows: np.ndarray, columns: np.ndarray) -> np.ndarray:
        """Returns the weight of labels[rows[i]] for columns[i], float32 [e]; 0 where a label has none."""
        return chosen_labels.weights_at(self.weights, labels, rows, columns)

    def value_gradients(
        self, slopes: scipy.sparse.csr_matrix, row_splits: np.ndarray, columns: np.ndarray
    ) -> np.ndarray:
        """Returns the sum over labels of slopes[i, l] w_l for the features of each point; see the function of this name."""
        return value_gradients.value_gradients(self.by_column, slopes, row_splits, columns)

    def write(self, directory: str) -> str:
        """Writes RANKER_FILE, whole or not at all; returns its SHA-256."""
        path, weights = os.path.join(directory, RANKER_FILE), self.weights
        with files.atomic_write(path) as file:
            np.savez(
                file,
                row_splits=weights.indptr.astype(np.int64),
                columns=weights.indices.astype(np.int32, copy=False),
                weights=weights.data.astype(np.float32, copy=False),
                weight=np.float64(self.weight),
            )
        return files.sha256(path)

    @classmethod
    def read(cls, directory: str, sha256: str, labels: int, columns: int) -> Ranker:
        """Reads RANKER_FILE.

        Args:
          directory: the model directory.
          sha256: the SHA-256 that model.json gives.
          labels, columns: K and D.

        Raises:
          InputError: the file is missing, altered or damaged.
        """
        path = os.path.join(directory, RANKER_FILE)
        if problem := problem_of(directory, sha256):
            raise InputError(problem)
        arrays = array_files.read_archive(path, _REMEDY)
        found = [arrays.get(name, np.empty(0)) for name in ("row_splits", "columns", "weights", "weight")]
        splits, ids, weights, weight = found
        kinds = [each.dtype for each in found] == [np.int64, np.int32, np.float32, np.float64]
        scaled = kinds and weight.shape == () and 0 < weight < np.inf
        if not (scaled and _is_matrix(splits, ids, weights, labels, columns)):
            raise InputError(
                f"{path} must hold finite weights of {labels} labels and {columns} columns, by row, and their weight. {_REMEDY}"
            )
        return cls(scipy.sparse.csr_matrix((weights, ids, splits), (labels, columns)), float(weight))


def problem_of(directory: str, sha256: str) -> str:
    """Returns a sentence about a missing or altered file; an empty text if it is the one that model.json describes."""
    problem = kept_files.file_problem(directory, RANKER_FILE, sha256)
    return problem and f"{problem}. Copy it again, or train the ranker again (--ranker)."


def _is_matrix(splits: np.ndarray, ids: np.ndarray, weights: np.ndarray, labels: int, columns: int) -> bool:
    return bool(
        splits.shape == (labels + 1,)
        and ids.shape == weights.shape == (splits[-1],)
        and splits[0] == 0
        and (splits[1:] >= splits[:-1]).all()
        and (not len(ids) or (ids.min() >= 0 and ids.max() < columns))
        and np.isfinite(weights).all()
    )
