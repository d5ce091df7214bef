from __future__ import annotations

import base64

import numpy as np
import pytest

from mach_tf.serving.service import rest_requests
from mach_tf.serving.service.jobs import InputSpec
from mach_tf.serving.service.own_requests import RequestLimits
from mach_tf.serving.service.problems import RequestError

SPECS = {
    "serving_default": {"examples": InputSpec(np.dtype(object), (None,))},
    "text": {"texts": InputSpec(np.dtype(object), (None, 2))},
    "sparse": {
        "row_splits": InputSpec(np.dtype(np.int64), (None,)),
        "feature_ids": InputSpec(np.dtype(np.int64), (None,)),
        "feature_values": InputSpec(np.dtype(np.float32), (None,)),
    },
}
SPECS["attack"] = {**SPECS["sparse"], "epsilon": InputSpec(np.dtype(np.float32), (None,))}
SPECS["attack_labels"] = {**SPECS["attack"], "true_labels": InputSpec(np.dtype(np.int64), (None, None))}
LIMITS = RequestLimits(points=3, text_length=10, k=4)
B64 = {"b64": base64.b64encode(b"\x00\xff").decode()}
ARRAYS = {"row_splits": [0, 2], "feature_ids": [3, 4], "feature_values": [1, 2.5], "k": 2}


def read(body):
    return rest_requests.read(body, SPECS, 9, LIMITS)


def test_the_row_form():
    job, rows = read({"instances": [{"examples": B64, "k": 2}, {"examples": "abc", "k": 3}]})
    assert rows
    assert (job.signature, job.points, job.k) == ("serving_default", 2, 3)
    assert job.inputs["examples"].tolist() == [b"\x00\xff", b"abc"]
    job, _ = read({"signature_name": "text", "instances": [{"texts": ["a", "b"], "k": 1}]})
    assert job.inputs["texts"].tolist() == [[b"a", b"b"]]


def test_the_column_form():
    job, rows = read({"signature_name": "sparse", "inputs": ARRAYS})
    assert not rows
    assert (job.points, job.k) == (1, 2)
    assert job.inputs["feature_values"].dtype == np.float32
    assert job.inputs["row_splits"].dtype == np.int64


def test_other_inputs_are_those_of_another_signature():
    for given in ({"instances": [{"texts": "a", "k": 1}]}, {"inputs": {"texts": ["a"], "k": 1}}):
        with pytest.raises(RequestError) as refused:
            read(given)
        message = str(refused.value)
        assert "examples, k, for the signature serving_default" in message
        assert message.endswith("sparse (feature_ids, feature_values, row_splits), text (texts).")


def test_true_labels_are_as_many_as_in_the_words_of_this_project():
    """A wide row would widen those of all points of its batch."""

    def attack(*rows):
        return read({"signature_name": "attack_labels", "inputs": {**ARRAYS, "epsilon": [0.1], "true_labels": [*rows]}})

    assert attack([1, 2, 3, -1]).job.inputs["true_labels"].shape == (1, 4)
    with pytest.raises(RequestError, match=r"true_labels must have at most 4 labels per point \(got 5\)"):
        attack([1] * 5)


@pytest.mark.parametrize(
    ("body", "message"),
    [
        ([], "either instances"),
        ({"instances": [], "inputs": {}}, "either instances"),
        ({"instances": []}, "at least one instance"),
        ({"instances": [{"examples": "a"}]}, "instance 0 is not"),
        ({"instances": ["a"]}, "instance 0 is not"),
        ({"instances": [{"examples": "a", "k": 9}]}, "k must be"),
        ({"instances": [{"examples": "a", "k": "2"}]}, "k must be whole numbers"),
        ({"instances": [{"examples": {"b64": "!"}, "k": 1}]}, "b64 must be base64"),
        ({"instances": [{"examples": 3, "k": 1}]}, "examples must be texts"),
        ({"instances": [{"examples": ["a"], "k": 1}]}, r"examples must be texts, of the shape \[n\]"),
        ({"instances": [{"examples": "a", "k": 1}] * 4}, "at most 3 points"),
        ({"inputs": {"examples": ["a"], "k": []}}, "k must be a number"),
        ({"inputs": {"examples": ["a"], "k": 1}, "signature_name": "none"}, "signature_name must be one of"),
        ({"inputs": {"examples": ["a"], "k": 1}, "signature_name": ["none"]}, "signature_name must be one of"),
        ({"inputs": {**ARRAYS, "feature_ids": [3, "4"]}, "signature_name": "sparse"}, "feature_ids must be whole"),
        ({"inputs": {**ARRAYS, "feature_ids": [3.5, 4]}, "signature_name": "sparse"}, "feature_ids must be whole"),
        ({"inputs": {**ARRAYS, "feature_ids": [2**70]}, "signature_name": "sparse"}, "feature_ids must be whole"),
        ({"inputs": {**ARRAYS, "feature_values": [[1], [2, 3]]}, "signature_name": "sparse"}, "must be finite numbers"),
        ({"instances": [{"examples": "a", "k": 2**32 + 1}]}, "k must be whole numbers"),
        ({"inputs": {"examples": ["a"], "k": True}}, "k must be whole numbers"),
        ({"instances": [{"examples": "a", "k": True}, {"examples": "a", "k": 2}]}, "k must be whole numbers"),
        ({"inputs": {**ARRAYS, "feature_values": [1e39, 1]}, "signature_name": "sparse"}, "must be finite numbers"),
        ({"inputs": {**ARRAYS, "feature_values": [True, 1]}, "signature_name": "sparse"}, "must be finite numbers"),
        ({"inputs": {**ARRAYS, "feature_ids": [2**63, 1]}, "signature_name": "sparse"}, "feature_ids must be whole"),
        ({"inputs": {**ARRAYS, "feature_values": [1]}, "signature_name": "sparse"}, r"one length \(got 2 and 1\)"),
        ({"inputs": {**ARRAYS, "row_splits": []}, "signature_name": "sparse"}, "row_splits must ascend from 0 to 2"),
        ({"inputs": {**ARRAYS, "row_splits": [0, 1]}, "signature_name": "sparse"}, "row_splits must ascend"),
        ({"inputs": {**ARRAYS, "row_splits": [1, 2]}, "signature_name": "sparse"}, "row_splits must ascend"),
        ({"inputs": {**ARRAYS, "row_splits": [0, 3, 2]}, "signature_name": "sparse"}, "row_splits must ascend"),
        ({"inputs": {"texts": [["a"]], "k": 1}, "signature_name": "text"}, r"of the shape \[n, 2\]"),
        ({"inputs": {"texts": [[]], "k": 1}, "signature_name": "text"}, r"of the shape \[n, 2\]"),
        ({"inputs": {"texts": [["a", "b", "c"]] * 2, "k": 1}, "signature_name": "text"}, r"of the shape \[n, 2\]"),
        ({"inputs": {"examples": ["a"], "k": [[1]]}}, r"k must be whole numbers, of the shape \[\] or \[n\]"),
        ({"inputs": {**ARRAYS, "epsilon": [1, 2]}, "signature_name": "attack"}, r"one entry per point .got 2 for 1"),
        ({"instances": [ARRAYS], "signature_name": "sparse"}, "have no row form"),
        ({"inputs": {"texts": [["x" * 11, ""]], "k": 1}, "signature_name": "text"}, "at most 10 characters"),
    ],
)
def test_refusals(body, message):
    with pytest.raises(RequestError, match=message):
        read(body)


def test_answers_have_both_forms():
    found = {"labels": np.array([[1, 2], [3, 4]]), "label_names": np.array([[b"a", b"b"], [b"c", b"\xff"]], object)}
    assert rest_requests.answer(found, rows=False)["outputs"]["labels"] == [[1, 2], [3, 4]]
    rows = rest_requests.answer(found, rows=True)["predictions"]
    assert rows == [{"labels": [1, 2], "label_names": ["a", "b"]}, {"labels": [3, 4], "label_names": ["c", "\ufffd"]}]


def test_the_length_of_a_text_is_that_of_all_fields_in_characters():
    def asked(*fields):
        return {"signature_name": "text", "inputs": {"texts": [list(fields)], "k": 1}}

    assert read(asked("ü" * 6, "ü" * 4)).job.points == 1
    with pytest.raises(RequestError, match=r"at most 10 characters \(got 11\)"):
        read(asked("a" * 6, "a" * 5))
