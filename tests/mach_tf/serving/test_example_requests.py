from __future__ import annotations

import pytest
import tensorflow as tf

from mach_tf import signature_names as names
from mach_tf.serving.example_requests import example_request
from mach_tf.serving_signatures import parse_examples


def test_an_example_has_one_feature():
    (serialized,) = example_request(names.SERVING_SIGNATURE, 0)["examples"]
    parsed = parse_examples(tf.constant([serialized]))
    assert parsed["feature_ids"].to_list() == [[0]] and parsed["feature_values"].to_list() == [[1.0]]


@pytest.mark.parametrize("signature", [names.SPARSE_SIGNATURE, names.EXPLAIN_SIGNATURE])
def test_arrays_have_one_feature(signature):
    found = {name: array.tolist() for name, array in example_request(signature, 0).items()}
    assert found == {"row_splits": [0, 1], "feature_ids": [0], "feature_values": [1.0]}


@pytest.mark.parametrize(("fields", "shape"), [(1, (1,)), (3, (1, 3))])
@pytest.mark.parametrize("signature", [names.TEXT_SIGNATURE, names.EXPLAIN_TEXT_SIGNATURE])
def test_texts_have_a_column_per_field_if_there_are_several(signature, fields, shape):
    assert example_request(signature, fields)["texts"].shape == shape


@pytest.mark.parametrize("fields", [0, 2])
def test_an_attack_has_the_point_of_a_prediction(fields):
    attack, same = (
        (names.ATTACK_TEXT_SIGNATURE, names.TEXT_SIGNATURE)
        if fields
        else (names.ATTACK_SIGNATURE, names.SPARSE_SIGNATURE)
    )
    found, point = example_request(attack, fields), example_request(same, fields)
    assert {name: found[name].tolist() for name in point} == {name: each.tolist() for name, each in point.items()}
    assert found["epsilon"].shape == (1,) and found["true_labels"].tolist() == [[-1]]
