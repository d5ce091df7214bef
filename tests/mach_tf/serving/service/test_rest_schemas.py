from __future__ import annotations

import pytest

from mach_tf.serving.service import rest_schemas

jsonschema = pytest.importorskip("jsonschema")


def of(dtype, rank):
    return {"dtype": dtype, "tensor_shape": {"dim": [{"size": "-1"}] * rank, "unknown_rank": False}}


K = {"dtype": "DT_INT32", "tensor_shape": {"dim": [], "unknown_rank": True}}
METADATA = {
    "serving_default": {"inputs": {"examples": of("DT_STRING", 1), "k": K}},
    "text": {"inputs": {"texts": of("DT_STRING", 2), "k": K}},
    "sparse": {
        "inputs": {
            "row_splits": of("DT_INT64", 1),
            "feature_ids": of("DT_INT64", 1),
            "feature_values": of("DT_FLOAT", 1),
            "k": K,
        }
    },
}
POINT = {"row_splits": [0, 1], "feature_ids": [3], "feature_values": [0.5], "k": 2}


@pytest.mark.parametrize(
    ("body", "fits"),
    [
        ({"instances": [{"examples": {"b64": "AA=="}, "k": 1}]}, True),
        ({"inputs": {"examples": ["a"], "k": 1}, "signature_name": "serving_default"}, True),
        ({"instances": [{"texts": ["a", "b"], "k": 1}], "signature_name": "text"}, True),
        ({"instances": [{"texts": ["a", "b"], "k": 1}]}, False),
        ({"inputs": {"texts": [["a", "b"]], "k": 1}, "signature_name": "text", "more": 1}, True),
        ({"inputs": {"texts": [["a", "b"]], "k": 9}, "signature_name": "text"}, False),
        ({"inputs": POINT, "signature_name": "sparse"}, True),
        ({"inputs": {**POINT, "feature_ids": [0.5]}, "signature_name": "sparse"}, False),
        ({"instances": [POINT], "signature_name": "sparse"}, False),
        ({"inputs": POINT, "instances": [], "signature_name": "sparse"}, False),
        ({"inputs": POINT, "signature_name": "other"}, False),
    ],
)
def test_bodies_are_those_of_a_signature(body, fits):
    validator = jsonschema.Draft202012Validator(rest_schemas.requests(METADATA, 3))
    assert validator.is_valid(body) == fits
