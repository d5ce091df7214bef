"""The signatures give the definition, and refuse a malformed point by its number."""

from __future__ import annotations

import numpy as np
import pytest
import tensorflow as tf

from mach_tf.serving_signatures import Servable
from tests.mach_tf.test_classifier import as_batch, dense_logits, random_points, random_weights

COLUMNS = 30


def example(**lists):
    features = {}
    for name, values in lists.items():
        integers = all(isinstance(value, int) for value in values) and name.endswith("ids")
        features[name] = (
            tf.train.Feature(int64_list=tf.train.Int64List(value=values))
            if integers
            else tf.train.Feature(float_list=tf.train.FloatList(value=values))
        )
    return tf.train.Example(features=tf.train.Features(feature=features)).SerializeToString()


def examples(csr):
    return [example(feature_ids=row.indices.tolist(), feature_values=row.data.tolist(), label_ids=[1]) for row in csr]


@pytest.fixture(scope="module")
def weights():
    return random_weights(COLUMNS, 40, 5)


@pytest.fixture(scope="module")
def signatures(weights, tmp_path_factory):
    """As a server has them."""
    path, module = str(tmp_path_factory.mktemp("served")), Servable(weights, "of a test")
    tf.saved_model.save(module, path, signatures={"examples": module.examples, "sparse": module.sparse})
    loaded = tf.saved_model.load(path)
    return loaded.signatures, loaded


@pytest.mark.parametrize("points", [0, 1, 6])
def test_both_signatures_give_the_definition(weights, signatures, points):
    csr = random_points(points, COLUMNS, 0.3)
    expected = dense_logits(weights, csr.toarray())
    outputs = [
        signatures[0]["examples"](examples=tf.constant(examples(csr), tf.string)),
        signatures[0]["sparse"](**as_batch(csr)._asdict()),
    ]
    for output in outputs:
        assert sorted(output) == ["logits", "probabilities"]
        np.testing.assert_allclose(output["logits"], expected, rtol=1e-4, atol=1e-4)
        np.testing.assert_allclose(output["probabilities"], 1 / (1 + np.exp(-expected)), rtol=1e-4, atol=1e-5)


def test_a_point_without_features_is_a_point(weights, signatures):
    output = signatures[0]["examples"](examples=tf.constant([example(feature_ids=[], feature_values=[])]))
    np.testing.assert_allclose(output["logits"], dense_logits(weights, np.zeros((1, COLUMNS))), rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize(
    "bad, message",
    [
        (example(feature_ids=[1, 2], feature_values=[1.0]), r"point 1: feature_values must be as many as .* 1 and 2"),
        (example(feature_ids=[1], feature_values=[]), r"point 1: feature_values must be as many as .* 0 and 1"),
        (example(features_ids=[1], values=[1.0]), r"point 1: an example must have the keys feature_ids \(int64\)"),
        (example(), r"point 1: an example must have the keys"),
        (example(feature_ids=[COLUMNS], feature_values=[1.0]), r"point 1: feature_ids must be in \[0, 30\) .got 30"),
        (example(feature_ids=[2**40], feature_values=[1.0]), r"point 1: feature_ids must be in \[0, 30\)"),
        (example(feature_ids=[-1], feature_values=[1.0]), r"point 1: feature_ids must be in \[0, 30\) .got -1"),
        (example(feature_ids=[1], feature_values=[float("nan")]), r"point 1: feature_values must be finite .got nan"),
        (example(feature_ids=[1], feature_values=[float("inf")]), r"point 1: feature_values must be finite .got inf"),
        (b"no example", r"(?i)example"),
        (example(feature_ids=[1.5], feature_values=[1.0]), r"(?i)feature_ids.*type"),
    ],
    # Not by the bytes: the order of a message's map differs from process to process.
    ids=lambda value: "example" if isinstance(value, bytes) else value,
)
def test_a_malformed_example_is_refused(signatures, bad, message):
    good = example(feature_ids=[1], feature_values=[1.0])
    with pytest.raises(tf.errors.InvalidArgumentError, match=message):
        signatures[0]["examples"](examples=tf.constant([good, bad, good]))


@pytest.mark.parametrize(
    "splits, ids, values, message",
    [
        ([0, 1, 2], [1, 2], [1.0], "feature_values must be as many as feature_ids .got 1 and 2"),
        ([0, 1, 2], [1, 30], [1.0, 1.0], r"point 1: feature_ids must be in \[0, 30\) .got 30"),
        ([0, 1, 2], [1, -1], [1.0, 1.0], r"point 1: feature_ids must be in \[0, 30\) .got -1"),
        ([0, 1, 2], [1, 2], [1.0, np.inf], "point 1: feature_values must be finite"),
        ([0, 2, 1, 2], [1, 2], [1.0, 1.0], "point 1: row_splits must not decrease"),
        ([0, 1, 3], [1, 2], [1.0, 1.0], "row_splits must begin with 0 and end with 2"),
        ([0, 1], [1, 2], [1.0, 1.0], "row_splits must begin with 0 and end with 2"),
        ([1, 2], [1, 2], [1.0, 1.0], "row_splits must begin with 0 and end with 2"),
        ([], [1, 2], [1.0, 1.0], "row_splits must begin with 0 and end with 2"),
    ],
)
def test_malformed_rows_are_refused(signatures, splits, ids, values, message):
    with pytest.raises(tf.errors.InvalidArgumentError, match=message):
        signatures[0]["sparse"](
            row_splits=tf.constant(splits, tf.int64),
            feature_ids=tf.constant(ids, tf.int64),
            feature_values=tf.constant(values, tf.float32),
        )


def test_probabilities_of_a_multiclass_repetition_are_a_softmax(weights):
    csr = random_points(4, COLUMNS, 0.3)
    module = Servable(weights, "of a test", multiclass=True)
    output = module.sparse(*as_batch(csr))
    np.testing.assert_allclose(
        output["probabilities"], tf.nn.softmax(dense_logits(weights, csr.toarray())), rtol=1e-4, atol=1e-6
    )
