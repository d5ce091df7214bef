"""Turns counted words into tf-idf vectors."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence

import numpy as np
import scipy.sparse


def shared_names(documents: Iterable[Iterable[str]], min_documents: int = 2) -> list[str]:
    """Returns the names, sorted, that occur in at least `min_documents` documents."""
    frequencies = Counter(name for document in documents for name in set(document))
    return sorted(name for name, count in frequencies.items() if count >= min_documents)


def count_matrix(documents: Sequence[Mapping[str, int]], names: Sequence[str]) -> scipy.sparse.csr_matrix:
    """Counts each name in each document, float64 CSR [documents, names]; other names are left out."""
    column = {name: i for i, name in enumerate(names)}
    known = [{column[name]: count for name, count in document.items() if name in column} for document in documents]
    splits = np.cumsum([0] + [len(row) for row in known])
    ids = np.array([i for row in known for i in row], np.int64)
    counts = np.array([count for row in known for count in row.values()], np.float64)
    matrix = scipy.sparse.csr_matrix((counts, ids, splits), shape=(len(documents), len(names)))
    matrix.sort_indices()
    return matrix


def document_frequencies(counts: scipy.sparse.csr_matrix) -> np.ndarray:
    """Returns the number of documents in which each name occurs, int64 [names]."""
    return np.bincount(counts.indices, minlength=counts.shape[1])


def tf_idf(counts: scipy.sparse.csr_matrix, frequencies: np.ndarray, documents: int) -> scipy.sparse.csr_matrix:
    """Weights counts by (1 + log tf) * (1 + log((1 + n) / (1 + df))) and scales rows to length 1.

    Equals scikit-learn's TfidfTransformer with `sublinear_tf=True`.

    Args:
      counts: CSR [rows, names] of positive entries.
      frequencies: df, int64 [names], in the training documents.
      documents: n, the number of training documents.

    Returns:
      float64 CSR [rows, names]; an empty row stays empty.
    """
    weights = 1 + np.log((1 + documents) / (1 + frequencies))
    result = scipy.sparse.csr_matrix(counts, dtype=np.float64, copy=True)
    result.data = (1 + np.log(result.data)) * weights[result.indices]
    lengths = np.sqrt(np.add.reduceat(np.append(result.data**2, 0.0), result.indptr[:-1]))
    result.data /= np.repeat(lengths, np.diff(result.indptr))
    return result
