from __future__ import annotations

import json
import warnings

import numpy as np
import pytest
import scipy.sparse

from mach_tf.errors import InputError
from mach_tf.fitted.fitted_labels import FittedLabels, same_labels

INDICATOR = np.array([[0, 1, 1], [0, 0, 0], [1, 0, 0]])
ROWS = scipy.sparse.csr_matrix(INDICATOR, dtype=bool)


def round_trip(labels):
    return FittedLabels.from_json(json.loads(json.dumps(labels.to_json())))


def assert_equal(ours, theirs):
    assert (ours.form, ours.dtype, ours.classes.dtype) == (theirs.form, theirs.dtype, theirs.classes.dtype)
    np.testing.assert_array_equal(ours.classes, theirs.classes)


@pytest.mark.parametrize("dtype", [np.int64, np.uint8, np.float32, bool])
@pytest.mark.parametrize(
    "convert", [np.asarray, scipy.sparse.csr_matrix, scipy.sparse.coo_matrix, scipy.sparse.csc_array]
)
def test_an_indicator_matrix_comes_back_in_its_kind_and_dtype(convert, dtype):
    given = convert(INDICATOR.astype(dtype))
    labels, indicator = FittedLabels.of(given)
    np.testing.assert_array_equal(indicator.toarray(), INDICATOR)
    np.testing.assert_array_equal(labels.classes, [0, 1, 2])
    for form in (labels, round_trip(labels)):
        found = form.predicted(ROWS)
        assert found.dtype == dtype and scipy.sparse.issparse(found) == scipy.sparse.issparse(given)
        assert isinstance(found, scipy.sparse.spmatrix) == isinstance(given, scipy.sparse.spmatrix)
        np.testing.assert_array_equal(found.toarray() if scipy.sparse.issparse(found) else found, INDICATOR)


def test_nested_lists_of_marks_are_an_indicator_matrix():
    labels, _ = FittedLabels.of(INDICATOR.tolist())
    found = labels.predicted(ROWS)
    assert isinstance(found, np.ndarray) and found.dtype == np.int64


@pytest.mark.parametrize(
    ("y", "classes"),
    [
        ([["b", "c"], [], ["a"]], ["a", "b", "c"]),
        ([{7, 9}, [], (4,)], [4, 7, 9]),
        ([np.array([-1, 2**62]), [], [-5]], [-5, -1, 2**62]),
    ],
)
def test_label_sequences_come_back_as_lists_of_classes(y, classes):
    labels, indicator = FittedLabels.of(y)
    np.testing.assert_array_equal(indicator.toarray(), INDICATOR)
    assert labels.classes.tolist() == classes and not labels.single
    expected = [[classes[1], classes[2]], [], [classes[0]]]
    assert labels.predicted(ROWS) == expected == round_trip(labels).predicted(ROWS)
    assert {type(label) for row in expected for label in row} <= {int, str}


@pytest.mark.parametrize(
    "y",
    [
        np.array([3, 1, 3]),
        np.array(["yes", "no", "yes"]),
        np.array(["yes", "no", "yes"], object),
        ["yes", "no", "yes"],
        np.array([True, False, True]),
        np.array([2.0, 1.0, 2.0]),
        np.array([1, 0, 1]),
    ],
)
def test_one_label_per_point_comes_back_as_classes(y):
    labels, indicator = FittedLabels.of(y)
    assert labels.single and len(labels.classes) == 2
    found = labels.predicted(scipy.sparse.csr_matrix(indicator, dtype=bool))
    np.testing.assert_array_equal(found, y)
    assert found.dtype == np.unique(y).dtype or found.dtype == object
    assert_equal(round_trip(labels), labels)


def test_a_column_is_one_label_per_point_and_warned_of():
    exceptions = pytest.importorskip("sklearn.exceptions")
    with pytest.warns(exceptions.DataConversionWarning, match="A column-vector y was passed when a 1d array"):
        labels, _ = FittedLabels.of(np.array([[3], [1], [3]]))
    assert labels.single and labels.classes.tolist() == [1, 3]


def test_the_columns_of_a_data_frame_are_classes():
    pandas = pytest.importorskip("pandas")
    labels, _ = FittedLabels.of(pandas.DataFrame(INDICATOR, columns=["x", "y", "z"]))
    assert labels.classes.tolist() == ["x", "y", "z"]
    np.testing.assert_array_equal(labels.predicted(ROWS), INDICATOR)
    assert FittedLabels.of(pandas.DataFrame(INDICATOR))[0].classes.tolist() == [0, 1, 2]


def test_classes_become_ids():
    labels, _ = FittedLabels.of([["b", "c"], [], ["a"]])
    np.testing.assert_array_equal(labels.ids([["c", "a"], ["b", "b"]]), [[2, 0], [1, 1]])
    numbers, _ = FittedLabels.of(np.array([5, 7, 5]))
    np.testing.assert_array_equal(numbers.ids(np.array([7, 5], np.int32)), [1, 0])
    for wrong in ("d", 0, ["a"]):
        asked = np.empty(1, object)
        asked[0] = wrong
        with pytest.raises(InputError, match="labels must be classes that the estimator was fitted to"):
            labels.ids(asked)


@pytest.mark.parametrize(
    ("y", "message"),
    [
        (None, "requires y to be passed, but the target y is None"),
        (np.array([3, 3]), r"^y must have at least 2 classes \(got 1 class: 3\)\.$"),
        ([["a"], [], ["a"]], r"at least 2 classes \(got 1 class: 'a'\)"),
        (scipy.sparse.csr_matrix([[1], [0]]), r"at least 2 classes \(got 1 class\)"),
        (np.array([[3, 1], [2, 2]]), r"^y must hold 0 or 1 if it is 2-D.*\(got 3 in row 0, column 0\)"),
        (np.array([0.5, 1.5]), "Unknown label type: continuous"),
        (np.array([[1.0, np.nan]]), "y must not hold NaN"),
        ([["a"], 3], "y must hold a sequence of labels for every point"),
    ],
)
def test_what_is_no_target_is_refused(y, message):
    with pytest.raises(InputError, match=message), warnings.catch_warnings():
        warnings.simplefilter("error")
        FittedLabels.of(y)


def damaged(**changes):
    labels, _ = FittedLabels.of([["b", "c"], [], ["a"]])
    return {**labels.to_json(), **changes}


@pytest.mark.parametrize(
    "value",
    [
        {},
        [],
        None,
        damaged(form="other"),
        damaged(dtype="<f4"),
        damaged(count=2),
        damaged(classes=["a", "b", 3]),
        damaged(classes=None, classes_dtype="|O"),
        damaged(classes="abc"),
        damaged(classes_dtype="nonsense"),
    ],
)
def test_what_is_not_what_was_written_is_refused(value):
    with pytest.raises((ValueError, TypeError, KeyError)):
        FittedLabels.from_json(value)


def test_same_labels_ignores_order():
    assert same_labels([["a", "b"], [], ["a"]], [("b", "a"), set(), ["a", "b"]]).tolist() == [True, True, False]


@pytest.mark.parametrize(
    "convert", [np.array, scipy.sparse.csr_matrix, scipy.sparse.lil_matrix, scipy.sparse.coo_array]
)
def test_class_numbers_in_columns_are_refused_by_place(convert):
    with pytest.raises(InputError, match=r"y must hold 0 or 1 if it is 2-D.*\(got 2.* in row 1, column 0\)"):
        FittedLabels.of(convert([[1, 0], [2, 1]]))
