"""Any matrix a user may hold, opened and read in blocks of rows: arrays, nested lists, SciPy sparse formats, DataFrames.

What a matrix means is decided above: `arrays.py` makes features or labels of the blocks.
"""

from __future__ import annotations

import abc
import decimal
import numbers
from collections.abc import Iterator, Sequence
from typing import Any, Optional, Union

import numpy as np
import scipy.sparse

from mach_tf.errors import InputError
from mach_tf.hashing import MAX_ID

Block = Union[np.ndarray, scipy.sparse.csr_matrix]

# A block of a dense matrix holds this many values, at least one row: 32 MB as float64.
_BLOCK_VALUES = 1 << 22
_REAL_KINDS = "biuf"
_RESHAPE = (
    " Reshape your data: np.reshape({0}, (1, -1)) if it is one point, np.reshape({0}, (-1, 1)) if it is one feature of many "
    "points."
)


class Matrix(abc.ABC):
    """A matrix of real numbers whose rows can be read; the object it was made of is never changed.

    Attributes:
      name: what messages call it.
      shape: rows and columns.
    """

    def __init__(self, name: str, shape: Sequence[int]) -> None:
        if len(shape) != 2:
            advice = _RESHAPE.format(variable(name)) if len(shape) == 1 else ""
            raise InputError(f"{name} must be 2-D, one row per point (got {len(shape)}-D, {tuple(shape)}).{advice}")
        self.name = name
        self.shape = int(shape[0]), int(shape[1])
        if self.shape[1] > MAX_ID:
            raise InputError(f"{name} must have fewer than 2^31 columns (got {self.shape[1]}).")

    @abc.abstractmethod
    def rows(self, begin: int, end: int) -> Block:
        """Rows begin:end, as a real array or as CSR that may hold duplicates and zeros. Do not change them."""

    def blocks(self) -> Iterator[tuple[int, int]]:
        """Yields the bounds of consecutive blocks of rows whose dense values take bounded memory."""
        step = max(1, _BLOCK_VALUES // max(1, self.shape[1]))
        for begin in range(0, self.shape[0], step):
            yield begin, min(begin + step, self.shape[0])

    def content(self) -> Iterator[np.ndarray]:
        """Yields arrays whose bytes identify the matrix."""
        for begin, end in self.blocks():
            yield np.asarray(self.rows(begin, end))

    def place(self, row: int, column: int) -> str:
        """Names an entry in a message."""
        return f"row {row}, column {column}"

    @property
    def column_names(self) -> Optional[list[str]]:
        """The names of the columns, if the matrix is a DataFrame whose columns are named by strings."""
        return None


def open_matrix(matrix: Any, name: str) -> Matrix:
    """Opens a matrix for reading.

    Args:
      matrix: a 2-D array or nested list, a SciPy sparse matrix or array of any format, or a DataFrame; of real numbers.
      name: what messages call it, "X".

    Raises:
      InputError: another kind of object, not 2-D, complex or no numbers, ragged rows, or a broken sparse matrix.
    """
    if scipy.sparse.issparse(matrix):
        return _Sparse(matrix, name)
    if all(hasattr(matrix, attribute) for attribute in ("columns", "dtypes", "iloc", "to_numpy")):
        return _Frame(matrix, name)
    _refuse_texts(matrix, name)
    if isinstance(matrix, (list, tuple)):
        return _Lists(matrix, name)
    if isinstance(matrix, (np.ndarray, np.generic)) or hasattr(matrix, "__array__"):
        return _Dense(matrix, name)
    raise InputError(
        f"{name} must be a 2-D array, a SciPy sparse matrix or a DataFrame of numbers (got {type(matrix).__name__})."
    )


def _refuse_texts(matrix: Any, name: str) -> None:
    """Says of a sequence of texts what to do, where its number of dimensions would be beside the point."""
    first = next(iter(matrix), None) if isinstance(matrix, (list, tuple)) or getattr(matrix, "ndim", 0) == 1 else None
    if isinstance(first, str):
        raise InputError(
            f"{name} must hold numbers, the features of each point (got the text {first!r:.40}). Turn texts into features first, for example by "
            "scikit-learn's TfidfVectorizer; or preprocess them with mach_tf.preprocess, for models that predict from texts."
        )


class _Sparse(Matrix):
    def __init__(self, matrix: Any, name: str) -> None:
        super().__init__(name, matrix.shape)
        if matrix.dtype.kind == "O":
            _refuse_kind("O", "a sparse matrix of objects", name)
        _check_dtype(matrix.dtype, name)
        self._csr = _to_csr(matrix, name)
        # As given: SciPy makes 32-bit indices of 64-bit ones.
        self._content = matrix if matrix.format == "csr" else self._csr

    def rows(self, begin: int, end: int) -> Block:
        return self._csr if (begin, end) == (0, self.shape[0]) else self._csr[begin:end]

    def blocks(self) -> Iterator[tuple[int, int]]:
        if self.shape[0]:
            yield 0, self.shape[0]

    def content(self) -> Iterator[np.ndarray]:
        yield from (self._content.indptr, self._content.indices, self._content.data)


class _Dense(Matrix):
    def __init__(self, matrix: Any, name: str) -> None:
        self._array = np.asanyarray(matrix)
        super().__init__(name, self._array.shape)
        if isinstance(self._array, np.ma.MaskedArray) and np.ma.is_masked(self._array):
            raise InputError(f"{name} must have no masked values; fill them first, for example {name}.filled(0).")
        _check_dtype(self._array.dtype, name)

    def rows(self, begin: int, end: int) -> Block:
        return _real(np.asarray(self._array[begin:end]), begin, self)


class _Lists(Matrix):
    def __init__(self, matrix: Sequence[Any], name: str) -> None:
        lengths = [len(row) if _is_row(row) else -1 for row in matrix]
        different = next((row for row, length in enumerate(lengths) if length != lengths[0]), None)
        if different is not None:
            raise InputError(
                f"{name} must have rows of equal length (got {_length(lengths[0])} in row 0 and "
                f"{_length(lengths[different])} in row {different})."
            )
        super().__init__(name, (len(lengths), lengths[0]) if lengths and lengths[0] >= 0 else (len(lengths),))
        self._rows = matrix

    def rows(self, begin: int, end: int) -> Block:
        try:
            block = np.asarray(self._rows[begin:end])
            # NumPy turns the numbers beside a string into strings: only objects tell which of them is none.
            block = block if block.dtype.kind in _REAL_KINDS else np.asarray(self._rows[begin:end], object)
        except ValueError as error:  # rows of rows that differ
            raise InputError(f"{self.name} must be 2-D and hold numbers (NumPy says: {error}).") from None
        if block.ndim != 2:
            raise InputError(f"{self.name} must be 2-D, one row per point (got lists nested {block.ndim} deep).")
        return _real(block, begin, self).astype(np.float64, copy=False)


class _Frame(Matrix):
    def __init__(self, frame: Any, name: str) -> None:
        super().__init__(name, frame.shape)
        self._frame = frame
        self._columns = list(frame.columns)
        kinds = [getattr(dtype, "kind", "O") for dtype in frame.dtypes]
        for column, kind in enumerate(kinds):
            if kind not in f"{_REAL_KINDS}O":
                _refuse_kind(kind, f"{frame.dtypes.iloc[column]} in column {self._columns[column]!r}", name)
        # An object column may hold numbers; as float64 it would also take strings that look like numbers.
        self._dtype = object if "O" in kinds else np.float64
        is_sparse = len(kinds) > 0 and all(getattr(dtype, "fill_value", None) == 0 for dtype in frame.dtypes)
        self._sparse = _Sparse(frame.sparse.to_coo(), name) if is_sparse else None

    def rows(self, begin: int, end: int) -> Block:
        if self._sparse:
            return self._sparse.rows(begin, end)
        options = {} if self._dtype is object else {"na_value": np.nan}
        return _real(self._frame.iloc[begin:end].to_numpy(dtype=self._dtype, **options), begin, self)

    def blocks(self) -> Iterator[tuple[int, int]]:
        return self._sparse.blocks() if self._sparse else super().blocks()

    def content(self) -> Iterator[np.ndarray]:
        return self._sparse.content() if self._sparse else super().content()

    def place(self, row: int, column: int) -> str:
        return f"row {row}, column {column} ({self._columns[column]!r})"

    @property
    def column_names(self) -> Optional[list[str]]:
        return self._columns if all(isinstance(column, str) for column in self._columns) else None


def variable(name: str) -> str:
    """Returns the variable of a matrix, for code in a message: "X" of the name "train: X"."""
    return name.rpartition(": ")[2]


def _is_row(row: Any) -> bool:
    return isinstance(row, (list, tuple)) or (hasattr(row, "__array__") and np.ndim(row) > 0)


def _length(length: int) -> str:
    return "a single value" if length < 0 else f"{length} value(s)"


def _check_dtype(dtype: np.dtype, name: str) -> None:
    if dtype.kind not in f"{_REAL_KINDS}O":
        _refuse_kind(dtype.kind, str(dtype), name)


def _refuse_kind(kind: str, got: str, name: str) -> None:
    if kind == "c":
        raise InputError(
            f"{name} must hold real numbers (got {got}). Complex data not supported: take {variable(name)}.real."
        )
    raise InputError(
        f"{name} must hold numbers (got {got}). Convert numbers that are strings with astype(float), and encode texts and "
        "categories first, for example with scikit-learn's TfidfVectorizer or OneHotEncoder."
    )


def _real(block: np.ndarray, begin: int, matrix: Matrix) -> np.ndarray:
    """A block as numbers; `begin` is its first row."""
    if block.dtype.kind != "O":
        return block
    numeric = (numbers.Real, np.bool_, decimal.Decimal)
    if not all(issubclass(kind, numeric) for kind in set(map(type, block.flat))):
        row, column = next(place for place, value in np.ndenumerate(block) if not isinstance(value, numeric))
        value = block[row, column]
        place = matrix.place(begin + row, column)
        _refuse_kind("c" if isinstance(value, numbers.Complex) else "O", f"{value!r:.60} in {place}", matrix.name)
    try:
        return block.astype(np.float64)
    except OverflowError:  # an int that no double holds; infinity is refused, or marks a label, as it would be
        return np.array([[_float(value) for value in row] for row in block], np.float64)


def _float(value: Any) -> float:
    try:
        return float(value)
    except OverflowError:
        return np.inf


def _to_csr(matrix: Any, name: str) -> scipy.sparse.csr_matrix:
    """The entries as they are, duplicates and zeros among them, in CSR; shares memory with a CSR argument.

    SciPy's own conversions add duplicates up in the matrix' dtype, where 200 + 100 is 44 as uint8, and follow indices
    that are out of range.
    """
    if matrix.format not in ("csr", "coo"):
        if matrix.format in ("csc", "bsr"):
            block_rows, block_columns = getattr(matrix, "blocksize", (1, 1))
            rows, columns = matrix.shape[0] // block_rows, matrix.shape[1] // block_columns
            splits, bound = (columns, rows) if matrix.format == "csc" else (rows, columns)
            _check_compressed(matrix, splits, bound, name)
        # A list of lists becomes CSR without a check, and without duplicates to add up.
        matrix = matrix.tocsr() if matrix.format == "lil" else matrix.tocoo()
    rows, columns = matrix.shape
    if matrix.format == "coo":
        for indices, bound in ((matrix.row, rows), (matrix.col, columns)):
            if len(indices) and not 0 <= indices.min() <= indices.max() < bound:
                _refuse_indices(indices, bound, name)
        order = np.argsort(matrix.row, kind="stable")
        splits = np.concatenate([[0], np.cumsum(np.bincount(matrix.row, minlength=rows))])
        return scipy.sparse.csr_matrix((matrix.data[order], matrix.col[order], splits), shape=matrix.shape)
    _check_compressed(matrix, rows, columns, name)
    return scipy.sparse.csr_matrix((matrix.data, matrix.indices, matrix.indptr), shape=matrix.shape)


def _check_compressed(matrix: Any, splits: int, bound: int, name: str) -> None:
    indptr, indices = matrix.indptr, matrix.indices
    if len(indptr) != splits + 1 or indptr[0] or (np.diff(indptr) < 0).any() or indptr[-1] > len(indices):
        raise InputError(
            f"{name} must have an indptr that rises from 0 to the number of entries, {len(indices)}; its {matrix.format} "
            "matrix is broken: build it again from its entries."
        )
    indices = indices[: indptr[-1]]
    if len(indices) and not 0 <= indices.min() <= indices.max() < bound:
        _refuse_indices(indices, bound, name)


def _refuse_indices(indices: np.ndarray, bound: int, name: str) -> None:
    wrong = indices[(indices < 0) | (indices >= bound)][0]
    raise InputError(
        f"{name} must have indices in [0, {bound}) (got {wrong}); its sparse matrix is broken: build it again from its "
        "entries, in the right shape."
    )
