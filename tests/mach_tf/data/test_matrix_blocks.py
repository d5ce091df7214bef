"""Matrices of every kind are opened, read in blocks and left as they are; what is none is refused in the words of arrays."""

from __future__ import annotations

import decimal
import fractions
import re
import tracemalloc

import numpy as np
import pytest
import scipy.sparse

from mach_tf.data import matrix_blocks
from mach_tf.data.matrix_blocks import open_matrix
from mach_tf.errors import InputError

FORMATS = ("csr", "csc", "coo", "lil", "dok", "dia", "bsr")
DENSE = np.array([[0, 1.5, 0], [0, 0, 0], [2, 0, 3], [0, 0, 4]])


def _read(matrix) -> np.ndarray:
    blocks = [matrix.rows(begin, end) for begin, end in matrix.blocks()]
    return np.concatenate([block.toarray() if scipy.sparse.issparse(block) else block for block in blocks])


class _Array:
    """Something that NumPy can read, and no more."""

    def __init__(self, values) -> None:
        self._values = values

    def __array__(self, dtype=None, copy=None):
        return self._values if dtype is None else self._values.astype(dtype)


@pytest.mark.parametrize(
    "matrix",
    [
        DENSE,
        np.asfortranarray(DENSE),
        DENSE.astype(object),
        DENSE[:, ::-1][:, ::-1],
        np.ma.masked_array(DENSE),
        _Array(DENSE),
        DENSE.tolist(),
        tuple(map(tuple, DENSE)),
        list(DENSE),
        *(scipy.sparse.csr_matrix(DENSE).asformat(name) for name in FORMATS),
        *(scipy.sparse.csr_array(DENSE).asformat(name) for name in FORMATS),
    ],
    ids=lambda matrix: type(matrix).__name__,
)
@pytest.mark.parametrize("block_values", [1, 6, 1000])
def test_all_kinds_are_read_block_by_block(monkeypatch, matrix, block_values):
    monkeypatch.setattr(matrix_blocks, "_BLOCK_VALUES", block_values)
    opened = open_matrix(matrix, "X")
    assert opened.shape == DENSE.shape and opened.place(2, 1).startswith("row 2, column 1")
    np.testing.assert_array_equal(_read(opened), DENSE)
    part = opened.rows(1, 3)
    np.testing.assert_array_equal(part.toarray() if scipy.sparse.issparse(part) else part, DENSE[1:3])


@pytest.mark.filterwarnings("ignore::PendingDeprecationWarning")
def test_numpy_matrices_are_read_as_arrays():
    opened = open_matrix(np.asmatrix(DENSE), "X")
    assert type(opened.rows(0, 2)) is np.ndarray
    np.testing.assert_array_equal(_read(opened), DENSE)


@pytest.mark.parametrize("name", ["csr", "csc", "coo", "bsr"])  # the others hold no duplicates
@pytest.mark.parametrize("kind", ["matrix", "array"])
def test_duplicates_are_neither_summed_nor_lost(name, kind):
    made = getattr(scipy.sparse, f"{name}_{kind}")((2, 3), dtype=np.uint8)
    if name == "coo":
        made = type(made)((np.array([200, 100], np.uint8), ([1, 1], [2, 2])), shape=(2, 3))
    else:
        # bsr: blocks of one value
        made.data = np.array([200, 100], np.uint8).reshape(-1, *made.data.shape[1:])
        made.indices = np.array([1, 1] if name == "csc" else [2, 2], np.int32)
        made.indptr = np.array([0, 0, 0, 2] if name == "csc" else [0, 0, 2], np.int32)
    before = made.data.copy()
    opened = open_matrix(made, "X").rows(0, 2)
    assert opened.data.tolist() == [200, 100] and opened.indices.tolist() == [2, 2]
    assert opened.indptr.tolist() == [0, 0, 2] and opened.dtype == np.uint8
    np.testing.assert_array_equal(made.data, before)


def test_numbers_of_any_type_among_objects():
    values = [[decimal.Decimal("0.5"), fractions.Fraction(1, 4), True], [np.float16(2), np.int8(-3), 10**400]]
    expected = [[0.5, 0.25, 1], [2, -3, np.inf]]
    for matrix in (np.array(values, object), values):
        np.testing.assert_array_equal(_read(open_matrix(matrix, "X")), expected)


@pytest.mark.parametrize(
    ("matrix", "message"),
    [
        (None, "X must be a 2-D array, a SciPy sparse matrix or a DataFrame of numbers (got NoneType)"),
        ("ab", "X must be a 2-D array, a SciPy sparse matrix or a DataFrame of numbers (got str)"),
        ({1: 2}, "X must be a 2-D array, a SciPy sparse matrix or a DataFrame of numbers (got dict)"),
        (np.arange(3), "X must be 2-D, one row per point (got 1-D, (3,)). Reshape your data: np.reshape(X, (1, -1))"),
        ([1, 2], "X must be 2-D, one row per point (got 1-D, (2,)). Reshape your data"),
        ([], "X must be 2-D, one row per point (got 1-D, (0,)). Reshape your data"),
        (
            ["a b", "c"],
            "X must hold numbers, the features of each point (got the text 'a b'). Turn texts into features",
        ),
        (
            np.array(["ä", "c"], object),
            "X must hold numbers, the features of each point (got the text 'ä'). Turn texts",
        ),
        (np.float32(3), "X must be 2-D, one row per point (got 0-D, ())"),
        (np.zeros((2, 2, 2)), "X must be 2-D, one row per point (got 3-D, (2, 2, 2))"),
        ([[[1]]], "X must be 2-D, one row per point (got lists nested 3 deep)"),
        ([[1, 2], [3]], "X must have rows of equal length (got 2 value(s) in row 0 and 1 value(s) in row 1)"),
        ([[1, 2], 3], "X must have rows of equal length (got 2 value(s) in row 0 and a single value in row 1)"),
        ([[[1, 2], [3]]], "X must be 2-D and hold numbers"),
        (np.array([[1j]]), "X must hold real numbers (got complex128). Complex data not supported: take X.real"),
        (scipy.sparse.csr_matrix([[1j]]), "X must hold real numbers (got complex128). Complex data not supported"),
        ([[1, 2], [3, 1j]], "X must hold real numbers (got 1j in row 1, column 1). Complex data not supported"),
        (np.array([["a"]]), "X must hold numbers (got <U1). Convert numbers that are strings with astype(float)"),
        ([[1, 2], [3, "4"]], "X must hold numbers (got '4' in row 1, column 1). Convert numbers that are strings"),
        (np.array([[1, None]], object), "X must hold numbers (got None in row 0, column 1)"),
        ([[1, {}]], "X must hold numbers (got {} in row 0, column 1)"),
        (np.array([["2020-01-01"]], "datetime64[D]"), "X must hold numbers (got datetime64[D])"),
        (np.array([(1, 2)], "i4,i4")[:, None], "X must hold numbers (got [('f0', '<i4'), ('f1', '<i4')])"),
        (np.ma.masked_array([[1, 2]], [[0, 1]]), "X must have no masked values; fill them first"),
    ],
)
def test_refusals(matrix, message):
    with pytest.raises(InputError, match=re.escape(message)):
        _read(open_matrix(matrix, "X"))


def test_more_columns_than_ids_are_refused():
    with pytest.raises(InputError, match=r"X must have fewer than 2\^31 columns \(got 2147483648\)"):
        open_matrix(scipy.sparse.coo_matrix((1, 2**31)), "X")


@pytest.mark.skipif(
    not hasattr(scipy.sparse, "coo_array") or scipy.sparse.coo_array([1, 2]).ndim != 1, reason="old SciPy"
)
def test_sparse_arrays_of_one_dimension_are_refused():
    with pytest.raises(InputError, match=r"got 1-D, \(2,\).*Reshape your data"):
        open_matrix(scipy.sparse.coo_array([1, 2]), "X")


@pytest.mark.parametrize("index", [-1, 3, 2**30])
@pytest.mark.parametrize("name", ["csr", "csc", "coo", "bsr", "lil"])
def test_indices_out_of_range_are_refused_not_followed(name, index):
    made = scipy.sparse.csr_matrix(np.eye(3)).asformat(name)
    if name == "coo":
        made.col = np.array([0, index, 2])
    elif name == "lil":
        made.rows[1] = [index]
    else:
        made.indices[1] = index
    with pytest.raises(
        InputError, match=rf"X must have indices in \[0, 3\) \(got {index}\); its sparse matrix is broken"
    ):
        open_matrix(made, "X")


@pytest.mark.parametrize("indptr", [[0, 2, 1, 3], [1, 1, 2, 3], [0, 1, 2, 9], [0, 1, 3]])
@pytest.mark.parametrize("name", ["csr", "csc", "bsr"])
def test_broken_row_pointers_are_refused(name, indptr):
    made = scipy.sparse.csr_matrix(np.eye(3)).asformat(name)
    made.indptr = np.array(indptr, np.int32)
    with pytest.raises(InputError, match=f"X must have an indptr that rises from 0 .* 3; its {name} matrix is broken"):
        open_matrix(made, "X")


def test_content_identifies_a_matrix_however_it_is_read(monkeypatch):
    def content(matrix):
        return b"".join(np.ascontiguousarray(array).tobytes() for array in open_matrix(matrix, "X").content())

    whole = content(DENSE), content(DENSE.tolist())
    monkeypatch.setattr(matrix_blocks, "_BLOCK_VALUES", 1)
    assert (content(DENSE), content(DENSE.tolist())) == whole == (DENSE.tobytes(), DENSE.tobytes())
    csr = scipy.sparse.csr_matrix(DENSE)
    assert content(csr) == csr.indptr.tobytes() + csr.indices.tobytes() + csr.data.tobytes()
    assert content(csr) != content(csr * 2)


def test_a_large_dense_matrix_is_read_without_a_copy():
    matrix = np.zeros((4000, 5000), np.uint8)  # 160 MB as float64
    tracemalloc.start()
    opened = open_matrix(matrix, "X")
    for begin, end in opened.blocks():
        assert opened.rows(begin, end).base is not None
    assert tracemalloc.get_traced_memory()[1] < 1e6
    tracemalloc.stop()


class _Columns:
    """The part of a pandas DataFrame that is used, for where pandas is not installed."""

    class _Dtypes(list):
        @property
        def iloc(self):
            return self

    def __init__(self, values, columns, kinds) -> None:
        self._values, self.columns = np.asarray(values), columns
        self.dtypes = self._Dtypes(map(np.dtype, kinds))
        self.shape = self._values.shape
        self.iloc = self

    def __getitem__(self, rows):
        return _Columns(self._values[rows], self.columns, self.dtypes)

    def to_numpy(self, dtype, na_value=None):
        return self._values.astype(dtype)


@pytest.mark.parametrize("block_values", [1, 100])
def test_data_frames_are_read_by_their_own_methods(monkeypatch, block_values):
    monkeypatch.setattr(matrix_blocks, "_BLOCK_VALUES", block_values)
    opened = open_matrix(_Columns(DENSE, ["a", "b", "c"], ["f8", "i4", "?"]), "X")
    np.testing.assert_array_equal(_read(opened), DENSE)
    assert opened.place(0, 1) == "row 0, column 1 ('b')"
    with pytest.raises(InputError, match=r"X must hold numbers \(got datetime64\[D\] in column 'b'\)"):
        open_matrix(_Columns(DENSE, ["a", "b", "c"], ["f8", "M8[D]", "?"]), "X")
    values = [[1, "3"], [2, "x"]]
    with pytest.raises(InputError, match=r"X must hold numbers \(got '3' in row 0, column 1 \('b'\)\)"):
        _read(open_matrix(_Columns(np.array(values, object), ["a", "b"], ["i8", "O"]), "X"))


@pytest.mark.parametrize("block_values", [1, 100])
def test_pandas(monkeypatch, block_values):
    pandas = pytest.importorskip("pandas", reason="pandas is not installed")
    monkeypatch.setattr(matrix_blocks, "_BLOCK_VALUES", block_values)
    frame = pandas.DataFrame({"a": [1.5, 0, 0], "b": [0, 2, 0], "c": [True, False, False]}, index=["x", "y", "z"])
    expected = frame.to_numpy(dtype=np.float64)
    for column, dtype in (("a", "Float32"), ("b", "Int64"), ("b", "uint8"), ("c", "boolean"), ("a", object)):
        np.testing.assert_array_equal(_read(open_matrix(frame.astype({column: dtype}), "X")), expected)
    sparse = frame.astype(np.float64).astype(pandas.SparseDtype(np.float64, 0))
    opened = open_matrix(sparse, "X")
    assert scipy.sparse.issparse(opened.rows(0, 3))
    np.testing.assert_array_equal(_read(opened), expected)
    np.testing.assert_array_equal(_read(open_matrix(sparse.assign(a=frame["a"]), "X")), expected)
    # Columns whose usual value is another than 0 are no sparse matrix.
    odd = frame.astype(np.float64).astype(pandas.SparseDtype(np.float64, 1))
    np.testing.assert_array_equal(_read(open_matrix(odd, "X")), expected)
    missing = frame.astype({"b": "Int64"})
    missing.iloc[1, 1] = pandas.NA
    assert np.isnan(_read(open_matrix(missing, "X"))[1, 1])
    with pytest.raises(InputError, match=r"X must hold numbers \(got 'u' in row 2, column 0 \('a'\)\)"):
        _read(open_matrix(frame.assign(a=["1", "2", "u"]).assign(a=[1, 2, "u"]), "X"))
    with pytest.raises(InputError, match=r"X must hold numbers \(got datetime64\[ns\] in column 'a'\)"):
        open_matrix(frame.assign(a=pandas.to_datetime(["2020"] * 3).astype("datetime64[ns]")), "X")
    with pytest.raises(InputError, match=r"got 1-D, \(3,\)"):
        open_matrix(frame["a"], "X")
