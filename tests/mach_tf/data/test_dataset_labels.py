from __future__ import annotations

import re

import numpy as np
import pytest
import scipy.sparse

from mach_tf.data.dataset_labels import open_labels
from mach_tf.errors import InputError

EYE = np.eye(3)


def _dense(labels) -> np.ndarray:
    return labels.rows(0, labels.shape[0]).toarray()


def test_matrices_keep_their_columns():
    opened, names = open_labels({"train": EYE, "test": scipy.sparse.csc_matrix(EYE[:2])}, None)
    assert names is None and opened["test"].shape == (2, 3)
    np.testing.assert_array_equal(_dense(opened["train"]), EYE)
    np.testing.assert_array_equal(opened["train"].rows(1, 3).toarray(), EYE[1:])
    np.testing.assert_array_equal(_dense(opened["test"]), EYE[:2])
    assert open_labels({"train": EYE}, ["a", "b", "c"])[1] == ["a", "b", "c"]


def test_integers_are_ids():
    opened, names = open_labels({"train": [[2], [0, 2], []], "valid": [[], []], "test": [[4]]}, None)
    assert names is None and [opened[split].shape for split in opened] == [(3, 5), (2, 5), (1, 5)]
    np.testing.assert_array_equal(_dense(opened["train"]), [[0, 0, 1, 0, 0], [1, 0, 1, 0, 0], [0] * 5])
    np.testing.assert_array_equal(_dense(opened["valid"]), np.zeros((2, 5)))
    np.testing.assert_array_equal(_dense(opened["test"]), [[0, 0, 0, 0, 1]])
    opened, names = open_labels({"train": np.array([1, 0])}, ["a", "b", "c"])
    assert opened["train"].shape == (2, 3) and names == ["a", "b", "c"]


def test_strings_get_ids_in_their_order_over_all_splits():
    opened, names = open_labels({"train": [["b"], ["d", "b"]], "test": [["a"], []]}, None)
    assert names == ["a", "b", "d"]
    np.testing.assert_array_equal(_dense(opened["train"]), [[0, 1, 0], [0, 1, 1]])
    np.testing.assert_array_equal(_dense(opened["test"]), [[1, 0, 0], [0, 0, 0]])


def test_strings_get_the_ids_of_the_names_given():
    opened, names = open_labels({"train": [["b", "d"], ["d", "b"]]}, ["d", "c", "b"])
    assert names == ["d", "c", "b"]
    rows = opened["train"].rows(0, 2)
    np.testing.assert_array_equal(rows.toarray(), [[1, 0, 1], [1, 0, 1]])
    assert rows.has_sorted_indices and rows.indices.tolist() == [0, 2, 0, 2]


def test_content_differs_with_the_labels():
    contents = [
        b"".join(array.tobytes() for array in open_labels({"train": labels}, None)[0]["train"].content())
        for labels in ([[0, 1], [1]], [[0], [1]], np.array([[1, 1], [0, 1]]))
    ]
    assert len(set(contents)) == 3


@pytest.mark.parametrize(
    ("splits", "names", "message"),
    [
        (
            {"train": [["a"]], "test": EYE},
            None,
            "test: Y must hold label sequences, as the training Y does (got a matrix)",
        ),
        (
            {"train": EYE, "test": [["a"]]},
            None,
            "test: Y must be an indicator matrix, as the training Y is (got a list of",
        ),
        ({"train": EYE, "test": np.array([["a"]])}, None, "test: Y must hold numbers (got <U1)"),
        ({"train": [["a"]], "test": [[1]]}, None, "test: Y must hold labels of the same type as the training Y"),
        ({"train": [[], []]}, None, "train: Y must name at least 1 label(s) (got 0 in 2 points)"),
        ({"train": [[1], [-2]]}, None, "train: Y must hold label ids from 0, or strings (got -2)"),
        ({"train": [1.0, 2.0]}, None, "train: Y must hold label ids from 0, or strings (got 1.0)"),
        ({"train": [True, False]}, None, "train: Y must hold label ids from 0, or strings (got False)"),
        (
            {"train": [[1], [3]]},
            ["a", "b", "c"],
            "train: Y must hold label ids below 3, the number of label_names (got 3)",
        ),
        (
            {"train": [["a"]], "test": [[], ["b"]]},
            ["a"],
            "test: Y must hold labels of label_names (got 'b' for point 1)",
        ),
        ({"train": [["a"]]}, ["a", "a"], "label_names must not repeat a name"),
    ],
)
def test_refusals(splits, names, message):
    with pytest.raises(InputError, match=re.escape(message)):
        open_labels(splits, names)
