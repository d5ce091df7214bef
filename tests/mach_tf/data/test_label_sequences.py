"""Labels as sequences, against a loop over sets."""

from __future__ import annotations

import copy
import re

import numpy as np
import pytest
import scipy.sparse

from mach_tf.data.label_sequences import is_label_matrix, label_sequences
from mach_tf.errors import InputError


def _sequences(kind: str, seed: int = 0) -> list[list]:
    """Some are empty; some repeat a label."""
    random = np.random.default_rng(seed)
    words = ["cat", "dog", "ant", "a longer name", "Ant", "élan"]
    numbers = [3, 17, 0, 10**9, 5, -2]
    vocabulary = words if kind == "str" else numbers
    return [[vocabulary[i] for i in random.integers(0, 6, random.integers(0, 5))] for _ in range(40)]


def _assert_sets(found, sequences) -> None:
    classes = sorted({label for labels in sequences for label in labels})
    assert found.classes.tolist() == classes
    expected = [[float(label in labels) for label in classes] for labels in map(set, sequences)]
    assert type(found.indicator) is scipy.sparse.csr_matrix and found.indicator.dtype == np.float32
    np.testing.assert_array_equal(found.indicator.toarray(), np.array(expected).reshape(len(sequences), len(classes)))
    indicator = found.indicator
    fresh = scipy.sparse.csr_matrix((indicator.data, indicator.indices, indicator.indptr), indicator.shape)
    assert fresh.has_canonical_format


@pytest.mark.parametrize("kind", ["int", "str"])
@pytest.mark.parametrize("row", [list, tuple, set, frozenset, np.array, lambda labels: np.array(labels, object)])
@pytest.mark.parametrize("outer", [list, tuple, "array"])
def test_sequences_of_sequences(kind, row, outer):
    sequences = _sequences(kind)
    rows = [row(labels) for labels in sequences]
    if outer == "array":
        Y = np.empty(len(rows), object)
        Y[:] = rows
    else:
        Y = outer(rows)
    before = copy.deepcopy(Y)
    found = label_sequences(Y)
    _assert_sets(found, sequences)
    assert not found.single and all(np.all(a == b) for a, b in zip(before, Y))


@pytest.mark.parametrize(
    "labels",
    [
        [3, 1, 3, 7],
        ["b", "a", "b"],
        [True, False],
        [2.0, 0.0, 2.0],
        np.array([3, 1, 3], np.uint8),
        np.array(["b", "a"]),
        np.array(["b", "a"], object),
        np.array([3, 1], object),
        [np.int32(4), 3],
        np.array([1.0, 0.0], np.float32),
    ],
)
def test_one_label_per_point(labels):
    found = label_sequences(labels)
    _assert_sets(found, [[label] for label in list(labels)])
    assert found.single
    if isinstance(labels, np.ndarray) and labels.dtype != object:
        assert found.classes.dtype == labels.dtype


def test_a_2d_array_has_a_row_of_labels_per_point():
    _assert_sets(label_sequences(np.array([[3, 1], [7, 7]])), [[3, 1], [7]])
    _assert_sets(label_sequences(np.array([["a", "b"], ["c", "a"]])), [["a", "b"], ["c", "a"]])


def test_points_without_any_label_where_that_is_allowed():
    found = label_sequences([[], ()], min_classes=0)
    assert len(found.classes) == 0 and found.indicator.shape == (2, 0) and not found.single
    with pytest.raises(InputError, match=r"Y must name at least 2 label\(s\) \(got 1 in 2 points\)"):
        label_sequences([[3], [3, 3]], min_classes=2)


@pytest.mark.parametrize(
    ("Y", "message"),
    [
        ("abc", "Y must hold the labels of each point, as in [[3, 17], [4]] (got str)"),
        (7, "Y must hold the labels of each point, as in [[3, 17], [4]] (got int)"),
        (None, "Y must hold the labels of each point, as in [[3, 17], [4]] (got NoneType)"),
        ({1: [2]}, "Y must hold the labels of each point, as in [[3, 17], [4]] (got dict)"),
        ({(1, 2)}, "in the points' order (got a set). Use a list"),
        (np.zeros((2, 2, 2)), "Y must be 1-D or a sequence of sequences (got 3-D, (2, 2, 2))"),
        ([["a"], "bcd"], "sequence of labels for every point (got 'bcd' for point 1). Write a single label as ['bcd']"),
        ([["a"], ["b"], 3], "sequence of labels for every point (got 3 for point 2). Write a single label as [3]"),
        (
            [[1], [], [2, "b"]],
            "labels of one type, all integers or all strings (got 1 for point 0 and 'b' for point 2)",
        ),
        ([["a", None]], "labels of one type, all integers or all strings (got 'a' for point 0 and None for point 0)"),
        ([1, 2.0], "labels of one type, all integers or all strings (got 1 for point 0 and 2.0 for point 1)"),
        ([[True], [2]], "labels of one type, all integers or all strings (got True for point 0 and 2 for point 1)"),
        ([[None]], "Y must hold integers or strings as labels (got None for point 0). Unknown label type: NoneType"),
        ([[[1]]], "Y must hold integers or strings as labels (got [1] for point 0). Unknown label type: list"),
        ([b"a"], "Y must hold integers or strings as labels (got b'a' for point 0). Unknown label type: bytes"),
        (np.array([1 + 2j]), "Y must hold integers or strings as labels"),
        (np.array([1.0, 0.5]), "(got 0.5 for point 1). Unknown label type: continuous"),
        ([[], [0.5]], "(got 0.5 for point 1). Unknown label type: continuous"),
        ([1.0, np.nan], "(got nan for point 1). Unknown label type: continuous"),
        ([np.inf], "(got inf for point 0). Unknown label type: continuous"),
        ([[2**70]], "Y must hold integers of at most 64 bits"),
        ([[], []], "Y must name at least 1 label(s) (got 0 in 2 points)"),
        ([], "Y must name at least 1 label(s) (got 0 in 0 points)"),
    ],
)
def test_refusals(Y, message):
    with pytest.raises(InputError, match=re.escape(message)):
        label_sequences(Y)


@pytest.mark.parametrize(
    ("Y", "expected"),
    [
        (scipy.sparse.csc_matrix((2, 3)), True),
        (np.zeros((2, 3)), True),
        (np.zeros((2, 1), bool), True),
        (np.array([[1, 0]], object), True),
        (np.array([["a", "b"]]), False),
        (np.array([["a", "b"]], object), False),
        (np.array([1, 0, 1]), False),
        ([[0, 1, 1], [1, 0, 0]], True),
        ([(0, 1), (1, 0)], True),
        (list(np.eye(3)), True),
        ([[True, False], [True, True]], True),
        ([[0, 1], [2, 1]], False),
        ([[0, 1], [1]], False),
        ([[0], [1]], False),
        ([["0", "1"], ["1", "0"]], False),
        ([[[0], [1, 1]], [[0], [1]]], False),
        ([{0, 1}, {1, 0}], False),
        ([0, 1], False),
        (["a", "b"], False),
        ([], False),
        (None, False),
        ("ab", False),
    ],
)
def test_which_labels_are_an_indicator_matrix(Y, expected):
    assert is_label_matrix(Y) is expected
