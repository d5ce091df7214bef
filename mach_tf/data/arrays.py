"""Features and labels from any array, sparse matrix or DataFrame, in one form: float32 CSR.

`feature_matrix` and `label_matrix` take matrices, `label_sequences` (see label_sequences.py) the labels of each point;
`labels` takes either. Nothing here changes its argument, and a dense one is read in blocks of rows.
"""

from __future__ import annotations

from typing import Any, Optional

import numpy as np
import scipy.sparse

from mach_tf.data.label_sequences import LabelSets, is_label_matrix, label_sequences
from mach_tf.data.matrix_blocks import Matrix, open_matrix, variable
from mach_tf.errors import InputError


def feature_matrix(
    X: Any, n_features: Optional[int] = None, name: str = "X", *, min_rows: int = 0
) -> scipy.sparse.csr_matrix:
    """Converts features to canonical CSR: indices sorted, duplicates summed, zeros dropped.

    Args:
      X: [n, features] of any real dtype: a 2-D array or nested list, a SciPy sparse matrix or array of any format, or a
        DataFrame of numeric columns.
      n_features: how many columns X must have, if that is known.
      name: what messages call X.
      min_rows: how many rows X must have at least.

    Returns:
      float32 CSR [n, features]; it may share memory with X, so do not write to it.

    Raises:
      InputError: X breaks a rule; the message names row and column where there is one.

    Example:
      >>> feature_matrix([[0, 0.5], [0, 0]]).toarray()
      array([[0. , 0.5],
             [0. , 0. ]], dtype=float32)
    """
    matrix = open_matrix(X, name)
    check_shape(matrix, n_features, "features", min_rows)
    return _stack([feature_rows(matrix, begin, end) for begin, end in matrix.blocks()], matrix.shape[1])


def label_matrix(
    Y: Any, n_labels: Optional[int] = None, name: str = "Y", *, min_rows: int = 0
) -> scipy.sparse.csr_matrix:
    """Converts an indicator matrix of labels to canonical CSR of ones.

    Args:
      Y: [n, labels], a matrix of any kind that `feature_matrix` takes; any positive number marks a label.
      n_labels: how many columns Y must have, if that is known.
      name: what messages call Y.
      min_rows: how many rows Y must have at least.

    Returns:
      float32 CSR [n, labels], 1 for each label of a point.

    Raises:
      InputError: Y breaks a rule, or holds NaN, infinity or a negative number.

    Example:
      >>> label_matrix([[True, False], [True, True]]).indices
      array([0, 0, 1], dtype=int32)
    """
    matrix = open_matrix(Y, name)
    check_shape(matrix, n_labels, "labels", min_rows)
    return _stack([label_rows(matrix, begin, end) for begin, end in matrix.blocks()], matrix.shape[1])


def labels(Y: Any, name: str = "Y") -> LabelSets:
    """Converts labels of any kind: an indicator matrix, whose classes are its column numbers, or label sequences.

    Args:
      Y: what `label_matrix` or `label_sequences` takes.
      name: what messages call Y.

    Raises:
      InputError: as theirs.
    """
    if not is_label_matrix(Y):
        return label_sequences(Y, name)
    indicator = label_matrix(Y, name=name)
    return LabelSets(np.arange(indicator.shape[1]), indicator, False)


def check_shape(matrix: Matrix, columns: Optional[int], what: str, min_rows: int) -> None:
    """Raises InputError unless the matrix has the columns of `what` and enough rows."""
    if columns is not None and matrix.shape[1] != columns:
        raise InputError(
            f"{matrix.name} must have {columns} columns, one for each of the {columns} {what} (got {matrix.shape[1]})."
        )
    if not matrix.shape[1]:
        # In the words that scikit-learn's checks of an estimator look for.
        raise InputError(f"{matrix.name} has 0 {what[:-1]}(s) (shape={matrix.shape}) while a minimum of 1 is required.")
    if matrix.shape[0] < min_rows:
        raise InputError(
            f"{matrix.name} must have at least {min_rows} row(s), one per point (got {matrix.shape[0]}, "
            f"shape {matrix.shape})."
        )


def feature_rows(matrix: Matrix, begin: int, end: int) -> scipy.sparse.csr_matrix:
    """Rows begin:end as `feature_matrix` gives them."""
    block = matrix.rows(begin, end)
    exact: Optional[np.ndarray] = None
    if isinstance(block, np.ndarray):
        with np.errstate(over="ignore"):
            values = block.astype(np.float32)
        csr = _from_dense(values, values)
    else:
        csr, exact = _canonical_features(block)
    finite = np.isfinite(csr.data)
    if not finite.all():
        entry = int(np.flatnonzero(~finite)[0])
        row, column = int(np.searchsorted(csr.indptr, entry, side="right")) - 1, int(csr.indices[entry])
        value = block[row, column] if exact is None else exact[entry]
        raise InputError(
            f"{matrix.name} must be finite as float32 (got {value} in {matrix.place(begin + row, column)}). "
            "Replace NaN and infinity, and scale values beyond 3.4e38."
        )
    if len(csr.data) and not csr.data.all():
        csr = csr.copy()
        csr.eliminate_zeros()
    return csr


def label_rows(matrix: Matrix, begin: int, end: int) -> scipy.sparse.csr_matrix:
    """Rows begin:end as `label_matrix` gives them."""
    block = matrix.rows(begin, end)
    # The values as they came, before duplicates are united: +1 and -1 for the same label would add up to none.
    csr = _from_dense(block != 0, block) if isinstance(block, np.ndarray) else block
    wrong = ~np.isfinite(csr.data) | (csr.data < 0)
    if wrong.any():
        entry = int(np.flatnonzero(wrong)[0])
        row = int(np.searchsorted(csr.indptr, entry, side="right")) - 1
        name, value, place = matrix.name, csr.data[entry], matrix.place(begin + row, int(csr.indices[entry]))
        if value < 0:
            raise InputError(
                f"{name} must mark a label by a positive number (got {value} in {place}). If labels are coded -1/+1: "
                f"use {variable(name)} > 0."
            )
        raise InputError(f"{name} must not hold NaN or infinity (got {value} in {place}). Use 1 for a label, else 0.")
    marked = csr.data != 0
    splits = np.concatenate([[0], np.cumsum(marked)])[csr.indptr]
    ones = np.ones(int(splits[-1]), np.float32)
    made = scipy.sparse.csr_matrix((ones, csr.indices[marked], splits), shape=csr.shape)
    made.sum_duplicates()
    made.data[:] = 1
    return made


def _canonical_features(block: scipy.sparse.csr_matrix) -> tuple[scipy.sparse.csr_matrix, np.ndarray]:
    """The block with duplicates summed, as float32; and its values before they were rounded."""
    # Made anew, as flags such as has_sorted_indices may be of an earlier state of the caller's matrix.
    made = scipy.sparse.csr_matrix((block.data, block.indices, block.indptr), shape=block.shape)
    if not made.has_canonical_format:
        values = block.data.astype(np.float64)
        made = scipy.sparse.csr_matrix((values, block.indices.copy(), block.indptr.copy()), shape=block.shape)
        with np.errstate(invalid="ignore", over="ignore"):
            made.sum_duplicates()
    with np.errstate(over="ignore"):
        values = made.data.astype(np.float32, copy=False)
    return scipy.sparse.csr_matrix((values, made.indices, made.indptr), shape=made.shape), made.data


def _from_dense(present: np.ndarray, values: np.ndarray) -> scipy.sparse.csr_matrix:
    """CSR of a dense block's entries that are present."""
    rows, columns = np.nonzero(present)
    splits = np.concatenate([[0], np.cumsum(np.bincount(rows, minlength=len(values)))])
    return scipy.sparse.csr_matrix((values[rows, columns], columns, splits), shape=values.shape)


def _stack(blocks: list[scipy.sparse.csr_matrix], columns: int) -> scipy.sparse.csr_matrix:
    if not blocks:
        return scipy.sparse.csr_matrix((0, columns), dtype=np.float32)
    return blocks[0] if len(blocks) == 1 else scipy.sparse.vstack(blocks, "csr")
