from __future__ import annotations

import os

import numpy as np
import pytest
import tensorflow as tf

from mach_tf import saved_repetition
from mach_tf.errors import InputError
from tests.mach_tf.test_classifier import as_batch, dense_logits, random_points, random_weights


def examples(csr):
    serialized = []
    for row in csr:
        features = {
            "feature_ids": tf.train.Feature(int64_list=tf.train.Int64List(value=row.indices)),
            "feature_values": tf.train.Feature(float_list=tf.train.FloatList(value=row.data)),
            "label_ids": tf.train.Feature(int64_list=tf.train.Int64List(value=[1])),
        }
        serialized.append(tf.train.Example(features=tf.train.Features(feature=features)).SerializeToString())
    return serialized


@pytest.fixture(scope="module")
def exported(tmp_path_factory):
    weights = random_weights(30, 40, 5)
    path = str(tmp_path_factory.mktemp("model") / "repetition-000")
    saved_repetition.export_repetition(path, weights, "of a test")
    return weights, path


def test_weights_and_origin_come_back_as_they_were(exported):
    weights, path = exported
    repetition = saved_repetition.load_repetition(path)
    assert repetition.origin == "of a test"
    loaded = repetition.weights
    for name, value in weights._asdict().items():
        np.testing.assert_array_equal(getattr(loaded, name).numpy(), value)


@pytest.mark.parametrize("points", [0, 1, 6])
def test_both_signatures_give_the_definition(exported, points):
    weights, path = exported
    repetition, csr = saved_repetition.load_repetition(path), random_points(points, 30, 0.3)
    expected = dense_logits(weights, csr.toarray())
    outputs = [
        repetition.signatures["serving_default"](examples=tf.constant(examples(csr), tf.string)),
        repetition.signatures["sparse"](**as_batch(csr)._asdict()),
    ]
    for output in outputs:
        assert sorted(output) == ["logits", "probabilities"]
        np.testing.assert_allclose(output["logits"], expected, rtol=1e-4, atol=1e-4)
        np.testing.assert_allclose(output["probabilities"], 1 / (1 + np.exp(-expected)), rtol=1e-4, atol=1e-5)


def test_an_export_replaces_and_leaves_no_temporary(tmp_path):
    path = str(tmp_path / "repetition-000")
    for seed in (1, 2):
        saved_repetition.export_repetition(path, random_weights(4, 3, 2, seed), "")
    np.testing.assert_array_equal(
        saved_repetition.load_repetition(path).weights.output_bias.numpy(), random_weights(4, 3, 2, 2).output_bias
    )
    assert os.listdir(tmp_path) == ["repetition-000"]


@pytest.mark.parametrize(
    "error", [OSError(28, "No space left"), tf.errors.ResourceExhaustedError(None, None, "No space left")]
)
def test_a_full_disk_is_named_and_leaves_nothing(tmp_path, monkeypatch, error):
    def fail(*_, **__):
        raise error

    monkeypatch.setattr(tf.saved_model, "save", fail)
    with pytest.raises(
        InputError, match=r"repetition-000: a repetition must fit on the disk.*No space left.*Make room"
    ):
        saved_repetition.export_repetition(str(tmp_path / "repetition-000"), random_weights(4, 3, 2), "")
    assert os.listdir(tmp_path) == []


def test_loading_nothing_says_what_to_do(tmp_path):
    with pytest.raises(InputError, match="train it first"):
        saved_repetition.load_repetition(str(tmp_path))


def test_loading_another_saved_model_is_refused(tmp_path):
    tf.saved_model.save(tf.Module(), str(tmp_path))
    with pytest.raises(InputError, match="not of a repetition"):
        saved_repetition.load_repetition(str(tmp_path))


def test_a_repetition_that_does_not_say_what_it_is_must_be_made_again(tmp_path, monkeypatch):
    monkeypatch.setattr(
        saved_repetition._Servable,
        "__setattr__",
        lambda self, name, value: None if name == "origin" else tf.Module.__setattr__(self, name, value),
    )
    saved_repetition.export_repetition(str(tmp_path / "repetition-000"), random_weights(4, 3, 2), "")
    with pytest.raises(InputError, match=r"repetition-000 was written by an earlier version.*Remove it"):
        saved_repetition.load_repetition(str(tmp_path / "repetition-000"))
