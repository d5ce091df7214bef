"""Features and labels of any kind of matrix, against dense NumPy: over the product of formats and dtypes."""

from __future__ import annotations

import copy
import itertools
import re
import tracemalloc

import numpy as np
import pytest
import scipy.sparse

from mach_tf.data import arrays, matrix_blocks
from mach_tf.errors import InputError

FORMATS = ("csr", "csc", "coo", "lil", "dok", "dia", "bsr")
DTYPES = ("?", "u1", "i1", "u2", "i2", "u4", "i4", "u8", "i8", "f2", "f4", "f8", "g")
KINDS = ("array", "fortran", "list", "rows", "objects", *(f"{f}_{k}" for f in FORMATS for k in ("matrix", "array")))

# SciPy's sparse matrices hold no float16.
CASES = [
    case for case in itertools.product(KINDS, DTYPES) if case[1] != "f2" or not case[0].endswith(("_matrix", "_array"))
]


def _dense(dtype: str, seed: int = 0) -> np.ndarray:
    """Some rows and columns are empty."""
    random = np.random.default_rng(seed)
    values = random.integers(-100 if np.dtype(dtype).kind in "if" else 0, 100, (13, 7)) / (
        4 if dtype in "f2f4f8g" else 1
    )
    values[random.random(values.shape) < 0.6] = 0
    values[3] = values[:, 5] = 0
    return values.astype(dtype)


def _of_kind(dense: np.ndarray, kind: str):
    if kind.endswith(("_matrix", "_array")):
        # By way of COO: not every conversion knows every dtype.
        rows, columns = np.nonzero(dense)
        made = scipy.sparse.coo_matrix((dense[rows, columns], (rows, columns)), dense.shape)
        name, _, _ = kind.partition("_")
        return getattr(scipy.sparse, kind)(made.asformat(name))
    return {
        "array": lambda: dense,
        "fortran": lambda: np.asfortranarray(dense),
        "list": dense.tolist,
        "rows": lambda: list(dense),
        "objects": lambda: dense.astype(object),
    }[kind]()


def _state(matrix) -> bytes:
    """All that an object holds, to see that it stays so."""
    if isinstance(matrix, np.ndarray):
        return repr(matrix.tolist()).encode()
    if isinstance(matrix, list):
        return repr(matrix).encode()
    return repr(
        [(key, np.asarray(value).tolist()) for key, value in sorted(vars(matrix).items()) if key != "_dict"]
    ).encode()


def _assert_canonical(made, expected: np.ndarray) -> None:
    assert type(made) is scipy.sparse.csr_matrix and made.dtype == np.float32
    np.testing.assert_array_equal(made.toarray(), expected)
    fresh = scipy.sparse.csr_matrix((made.data, made.indices, made.indptr), made.shape)
    assert fresh.has_canonical_format and made.data.all()


@pytest.mark.parametrize(("kind", "dtype"), CASES)
@pytest.mark.parametrize("block_values", [20, 1 << 22])
def test_features_are_those_of_the_dense_matrix(monkeypatch, kind, dtype, block_values):
    monkeypatch.setattr(matrix_blocks, "_BLOCK_VALUES", block_values)
    dense = _dense(dtype)
    matrix = _of_kind(dense, kind)
    before = _state(matrix)
    _assert_canonical(arrays.feature_matrix(matrix, 7), dense.astype(np.float32))
    assert _state(matrix) == before


@pytest.mark.parametrize(("kind", "dtype"), CASES)
@pytest.mark.parametrize("block_values", [20, 1 << 22])
def test_labels_are_those_of_the_dense_matrix(monkeypatch, kind, dtype, block_values):
    monkeypatch.setattr(matrix_blocks, "_BLOCK_VALUES", block_values)
    dense = np.abs(_dense(dtype))
    matrix = _of_kind(dense, kind)
    before = _state(matrix)
    _assert_canonical(arrays.label_matrix(matrix, 7), (dense != 0).astype(np.float32))
    assert _state(matrix) == before


@pytest.mark.parametrize("name", ["csr", "csc", "coo"])
@pytest.mark.parametrize(
    ("dtype", "values", "total"),
    [
        ("u1", [200, 100], 300),
        ("i1", [100, 100], 200),
        ("?", [True, True], 2),
        ("i2", [30_000, 30_000], 60_000),
        ("f4", [1.5, 2.25], 3.75),
        ("f4", [2.0**24, 1, 1], 2.0**24 + 2),  # in float32, one after the other, 2^24
        ("f8", [0.1, 0.2], np.float32(0.1 + 0.2)),
        ("i8", [5, -5], 0),
        ("f4", [0.0, 0.0], 0),
    ],
)
def test_duplicates_are_summed_as_numbers(name, dtype, values, total):
    count = len(values)
    entries = scipy.sparse.coo_matrix((np.array(values, dtype), ([1] * count, [2] * count)), (3, 4))
    if name == "coo":
        matrix = entries
    else:  # asformat would sum them
        matrix = getattr(scipy.sparse, f"{name}_matrix")((3, 4), dtype=dtype)
        matrix.data, matrix.indices = entries.data, np.array([2 if name == "csr" else 1] * count, np.int32)
        matrix.indptr = np.array([0, 0, count, count] if name == "csr" else [0, 0, 0, count, count], np.int32)
    expected = np.zeros((3, 4))
    expected[1, 2] = total
    before = _state(matrix)
    _assert_canonical(arrays.feature_matrix(matrix), expected)
    assert _state(matrix) == before


@pytest.mark.parametrize("values", [[1, 1], [200, 56], [1, 0], [0, 1], [3, 3]])
@pytest.mark.parametrize("dtype", ["u1", "f4"])
def test_a_label_stored_twice_is_one_label(values, dtype):
    matrix = scipy.sparse.coo_matrix((np.array(values, dtype), ([1, 1], [2, 2])), (3, 4))
    expected = np.zeros((3, 4))
    expected[1, 2] = 1
    _assert_canonical(arrays.label_matrix(matrix), expected)


def test_unsorted_indices_and_stale_flags():
    matrix = scipy.sparse.csr_matrix(([1.0, 2, 3], [0, 2, 1], [0, 2, 3]), (2, 3))
    assert matrix.has_canonical_format  # SciPy remembers it
    matrix.indices[:2] = [2, 0]
    _assert_canonical(arrays.feature_matrix(matrix), np.array([[2, 0, 1], [0, 3, 0]]))
    assert matrix.indices.tolist() == [2, 0, 1] and matrix.data.tolist() == [1, 2, 3]


def test_a_canonical_matrix_is_not_copied():
    matrix = scipy.sparse.random(50, 20, 0.2, "csr", np.float32, random_state=0)
    made = arrays.feature_matrix(matrix)
    assert made is not matrix and np.shares_memory(made.data, matrix.data)


def test_values_that_vanish_as_float32_are_dropped():
    _assert_canonical(arrays.feature_matrix([[1e-60, 1, -0.0]]), np.array([[0, 1, 0]]))
    _assert_canonical(arrays.feature_matrix(scipy.sparse.csr_matrix([[1e-60, 1.0]])), np.array([[0, 1]]))
    _assert_canonical(arrays.label_matrix([[1e-60, 1, -0.0]]), np.array([[1, 1, 0]]))


@pytest.mark.parametrize("kind", ["array", "list", "objects", "csr_matrix", "csc_array", "coo_matrix", "bsr_matrix"])
@pytest.mark.parametrize(
    ("value", "shown"), [(np.nan, "nan"), (np.inf, "inf"), (-np.inf, "-inf"), (1e39, "1e+39"), (-1e300, "-1e+300")]
)
@pytest.mark.parametrize("place", [(0, 0), (12, 6), (5, 3)])
def test_values_that_are_not_finite_are_named_by_row_and_column(monkeypatch, kind, value, shown, place):
    monkeypatch.setattr(matrix_blocks, "_BLOCK_VALUES", 20)
    dense = _dense("f8")
    dense[place] = value
    with pytest.raises(
        InputError,
        match=rf"^train: X must be finite as float32 .got {re.escape(shown)} in row {place[0]}, column {place[1]}\)",
    ):
        arrays.feature_matrix(_of_kind(dense, kind), name="train: X")


def test_sums_beyond_float32_are_refused():
    matrix = scipy.sparse.coo_matrix(([3e38, 3e38], ([1, 1], [2, 2])), (3, 4))
    with pytest.raises(InputError, match=r"finite as float32 .got 6e\+38 in row 1, column 2"):
        arrays.feature_matrix(matrix)


@pytest.mark.parametrize("kind", ["array", "list", "csr_matrix", "coo_array"])
@pytest.mark.parametrize(
    ("value", "rule"),
    [
        (-1.0, r"Y must mark a label by a positive number \(got -1.0 in row 5, column 3\)\. .*-1/\+1: use Y > 0"),
        (np.nan, r"Y must not hold NaN or infinity \(got nan in row 5, column 3\)"),
        (np.inf, r"Y must not hold NaN or infinity \(got inf in row 5, column 3\)"),
    ],
)
def test_labels_that_are_no_marks_are_refused(monkeypatch, kind, value, rule):
    monkeypatch.setattr(matrix_blocks, "_BLOCK_VALUES", 20)
    dense = np.abs(_dense("f8"))
    dense[5, 3] = value
    with pytest.raises(InputError, match=rule):
        arrays.label_matrix(_of_kind(dense, kind))


def test_opposite_marks_of_a_label_do_not_vanish():
    with pytest.raises(InputError, match="use Y > 0"):
        arrays.label_matrix(scipy.sparse.coo_matrix(([1, -1], ([1, 1], [2, 2])), (3, 4)))


@pytest.mark.parametrize(
    ("matrix", "arguments", "message"),
    [
        (np.zeros((2, 3)), {"n_features": 4}, "X must have 4 columns, one for each of the 4 features (got 3)"),
        (np.zeros((2, 0)), {}, "X has 0 feature(s) (shape=(2, 0)) while a minimum of 1 is required."),
        (np.zeros((0, 3)), {"min_rows": 1}, "X must have at least 1 row(s), one per point (got 0, shape (0, 3))"),
        (
            scipy.sparse.csc_matrix((1, 3)),
            {"min_rows": 2},
            "X must have at least 2 row(s), one per point (got 1, shape",
        ),
    ],
)
def test_shapes_that_do_not_fit(matrix, arguments, message):
    with pytest.raises(InputError, match=re.escape(message)):
        arrays.feature_matrix(matrix, **arguments)


def test_labels_that_do_not_fit():
    with pytest.raises(InputError, match=r"Y must have 4 columns, one for each of the 4 labels \(got 3\)"):
        arrays.label_matrix(np.zeros((2, 3)), 4)
    with pytest.raises(InputError, match="test labels has 0 label"):
        arrays.label_matrix(np.zeros((2, 0)), name="test labels")


@pytest.mark.parametrize("make", [lambda: np.zeros((0, 3)), lambda: scipy.sparse.csc_matrix((0, 3))])
def test_no_rows(make):
    _assert_canonical(arrays.feature_matrix(make()), np.zeros((0, 3)))
    _assert_canonical(arrays.label_matrix(make()), np.zeros((0, 3)))


def test_a_large_dense_matrix_is_read_in_blocks():
    """The whole would take 320 MB as float64, 160 MB as float32."""
    matrix = np.zeros((8000, 5000), np.uint8)
    matrix[::100, ::100] = 1
    tracemalloc.start()
    made = arrays.feature_matrix(matrix)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert made.nnz == 80 * 50 and peak < 60e6


@pytest.mark.parametrize(
    "Y", [[[0, 1, 1], [0, 0, 1]], np.array([[0, 1, 1], [0, 0, 1]]), scipy.sparse.csc_matrix([[0, 1, 1], [0, 0, 1]])]
)
def test_labels_takes_a_matrix(Y):
    before = copy.deepcopy(Y)
    sets = arrays.labels(Y)
    assert sets.classes.tolist() == [0, 1, 2] and not sets.single
    _assert_canonical(sets.indicator, np.array([[0, 1, 1], [0, 0, 1]]))
    assert np.array_equal(
        before.toarray() if scipy.sparse.issparse(Y) else before, Y.toarray() if scipy.sparse.issparse(Y) else Y
    )


def test_labels_takes_sequences():
    sets = arrays.labels([["b", "a"], [], ["b"]])
    assert sets.classes.tolist() == ["a", "b"]
    _assert_canonical(sets.indicator, np.array([[1, 1], [0, 0], [0, 1]]))
