"""Texts that name points and labels."""

from __future__ import annotations

import numpy as np
import pytest
import scipy.sparse

from mach_tf import points
from mach_tf.errors import InputError
from mach_tf.explanations.reporting import selection
from mach_tf.label_index import LabelIndex


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
    assert selection.points_with_label(text, _LABELLED, LabelIndex(3, names)).tolist() == expected


def test_points_without_label():
    assert selection.points_with_label("0-3", _LABELLED, LabelIndex(3)) is None


@pytest.mark.parametrize("text", ["label:a:1", "label:b:0"])
def test_points_with_label_refused(text):
    with pytest.raises(InputError, match="needs a label that points of the input have"):
        selection.points_with_label(text, _LABELLED, LabelIndex(3, ["a", "b", "c"]))


def test_points_with_an_unknown_or_ambiguous_label_are_refused():
    names, keys = ["Tea", "milk", "milk"], ["k:0", "k:1", "k:2"]
    with pytest.raises(InputError, match=r"points=label:NAME:COUNT must hold .*'tea'\)\. Did you mean 'Tea'\?"):
        selection.points_with_label("label:tea:1", _LABELLED, LabelIndex(3, names, keys))
    with pytest.raises(InputError, match=r"'milk', the name of 2 labels\)\. Give id:1 or id:2\."):
        selection.points_with_label("label:milk:1", _LABELLED, LabelIndex(3, names, keys))
    assert selection.points_with_label("label:k:1:1", _LABELLED, LabelIndex(3, names, keys)).tolist() == [0]


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
        selection.choose_labels(text, LabelIndex(5))


@pytest.mark.parametrize(
    ("text", "ids"),
    [("3,0", [3, 0]), ("oats,k:0", [2, 0]), ("Bach, Johann,oats", [1, 2]), ("Bach, Johann", [1]), ("id:3", [3])],
)
def test_labels_by_id_name_or_key_in_the_order_given(text, ids):
    index = LabelIndex(4, ["tea", "Bach, Johann", "oats", "tea"], ["k:0", "k:1", "k:2", "k:3"])
    assert selection.choose_labels(text, index).ids.tolist() == ids


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("tea", r"labels must be unambiguous \(got 'tea', the name of 2 labels\)\. Give id:0 or id:3\."),
        ("Oats", r"labels must hold .* \(got 'Oats'\)\. Did you mean 'oats'\?"),
        ("oats,id:2", "labels must name each label once"),
        ("id:9", "labels must hold label ids"),
    ],
)
def test_labels_that_are_not_exactly_one_are_refused(text, message):
    with pytest.raises(InputError, match=message):
        selection.choose_labels(text, LabelIndex(4, ["tea", "Bach, Johann", "oats", "tea"]))


def test_pairs():
    labels = scipy.sparse.csr_matrix(np.array([[1, 0, 1], [0, 0, 0]]))
    of_points = points.from_csr(scipy.sparse.csr_matrix((2, 4)), labels)
    top = np.array([[2, 1, 0], [0, 1, 2]])

    def found(text):
        pairs = selection.choose_labels(text, LabelIndex(3)).pairs(of_points, top)
        return pairs.splits.tolist(), pairs.labels.tolist()

    assert found("top:2") == ([0, 2, 4], [2, 1, 0, 1])
    assert found("true") == ([0, 2, 2], [0, 2])
    assert found("1") == ([0, 1, 2], [1, 1])
    assert [a.tolist() for a in selection.label_sets(of_points)] == [[0, 2], []]


@pytest.mark.parametrize(("text", "expected"), [("label:c:2", [0, 2]), ("all", [0, 1, 2, 3]), ("3,0-1", [3, 0, 1])])
def test_points_by_either_text(text, expected):
    assert selection.select_points(text, _LABELLED, LabelIndex(3, ["a", "b", "c"])).tolist() == expected


def test_truth_is_known_if_any_point_has_a_label():
    assert selection.known_truth(_LABELLED) and not selection.known_truth(points.from_csr(scipy.sparse.eye(3).tocsr()))
