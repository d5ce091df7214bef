"""Texts that name points and labels."""

from __future__ import annotations

import numpy as np
import pytest
import scipy.sparse

from mach_tf import points
from mach_tf.errors import InputError
from mach_tf.explanations.reporting import selection


@pytest.mark.parametrize(
    ("text", "expected"),
    [("0,5,7", [0, 5, 7]), ("all", list(range(9))), ("7,0-2", [7, 0, 1, 2]), ("3-3", [3]), (" 1 , 2", [1, 2])],
)
def test_points(text, expected):
    assert selection.parse_points(text, 9).tolist() == expected


@pytest.mark.parametrize("text", ["", "9", "-1", "2-1", "0,0", "1-3,2", "a", "1.5", "0-9", "²"])
def test_points_refused(text):
    with pytest.raises(InputError, match=r"^points must"):
        selection.parse_points(text, 9)


_LABELLED = points.from_csr(
    scipy.sparse.csr_matrix((4, 1)), scipy.sparse.csr_matrix(np.array([[0, 1, 1], [0, 0, 0], [0, 0, 1], [0, 1, 1]]))
)


@pytest.mark.parametrize(
    ("text", "names", "expected"),
    [
        ("label:c:2", ["a", "b", "c"], [0, 2]),
        ("label:b:9", ["a", "b", "c"], [0, 3]),
        ("label:x:y:1", ["a", "b", "x:y"], [0]),
        ("label:1:2", None, [0, 3]),
    ],
)
def test_points_with_label(text, names, expected):
    assert selection.points_with_label(text, _LABELLED, names).tolist() == expected


def test_points_without_label():
    assert selection.points_with_label("0-3", _LABELLED, None) is None


@pytest.mark.parametrize("text", ["label:a:1", "label:d:1", "label:b:0"])
def test_points_with_label_refused(text):
    with pytest.raises(InputError, match="needs a label that points of the input have"):
        selection.points_with_label(text, _LABELLED, ["a", "b", "c"])


@pytest.mark.parametrize(("text", "expected"), [("top:3", 3), ("true", None), ("3,1", None)])
def test_top(text, expected):
    assert selection.top_wanted(text, 5) == expected


@pytest.mark.parametrize("text", ["top:", "top:0", "top:6", "top:-1", "top:x"])
def test_top_refused(text):
    with pytest.raises(InputError, match="from 1 to 5"):
        selection.top_wanted(text, 5)


@pytest.mark.parametrize("text", ["", "5", "1,1", "best", "1,,2"])
def test_labels_refused(text):
    with pytest.raises(InputError, match=r"^labels must"):
        selection.check_labels(text, 5)


def test_pairs():
    labels = scipy.sparse.csr_matrix(np.array([[1, 0, 1], [0, 0, 0]]))
    of_points = points.from_csr(scipy.sparse.csr_matrix((2, 4)), labels)
    top = np.array([[2, 1, 0], [0, 1, 2]])

    def found(text):
        pairs = selection.label_pairs(text, of_points, 3, top)
        return pairs.splits.tolist(), pairs.labels.tolist()

    assert found("top:2") == ([0, 2, 4], [2, 1, 0, 1])
    assert found("true") == ([0, 2, 2], [0, 2])
    assert found("1") == ([0, 1, 2], [1, 1])
    assert [a.tolist() for a in selection.label_sets(of_points)] == [[0, 2], []]


@pytest.mark.parametrize(("text", "expected"), [("label:c:2", [0, 2]), ("all", [0, 1, 2, 3]), ("3,0-1", [3, 0, 1])])
def test_points_by_either_text(text, expected):
    assert selection.select_points(text, _LABELLED, ["a", "b", "c"]).tolist() == expected


def test_truth_is_known_if_any_point_has_a_label():
    assert selection.known_truth(_LABELLED) and not selection.known_truth(points.from_csr(scipy.sparse.eye(3).tocsr()))
