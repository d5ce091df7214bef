from __future__ import annotations

import os
import shutil

import numpy as np
import pytest
import tensorflow as tf

from mach_tf import saved_repetition, serving_signatures
from mach_tf.errors import InputError
from mach_tf.network_shape import NetworkShape
from mach_tf.signature_names import SPARSE_SIGNATURE
from tests.mach_tf.test_classifier import random_weights

SHAPE, SMALL = NetworkShape(30, 40, 5), NetworkShape(4, 3, 2)


@pytest.fixture(scope="module")
def exported(tmp_path_factory):
    weights = random_weights(30, 40, 5)
    path = str(tmp_path_factory.mktemp("model") / "repetition-000")
    saved_repetition.export_repetition(path, weights, "of a test")
    return weights, path


def test_weights_and_origin_come_back_as_they_were(exported):
    weights, path = exported
    repetition = saved_repetition.load_repetition(path, SHAPE)
    assert repetition.origin == "of a test"
    loaded = repetition.weights
    for name, value in weights._asdict().items():
        np.testing.assert_array_equal(getattr(loaded, name).numpy(), value)


def test_an_export_replaces_and_leaves_no_temporary(tmp_path):
    path = str(tmp_path / "repetition-000")
    for seed in (1, 2):
        saved_repetition.export_repetition(path, random_weights(4, 3, 2, seed), "")
    np.testing.assert_array_equal(
        saved_repetition.load_repetition(path, SMALL).weights.output_bias.numpy(),
        random_weights(4, 3, 2, 2).output_bias,
    )
    assert os.listdir(tmp_path) == ["repetition-000"]


def test_repetitions_written_in_turn_have_and_serve_their_own_weights(tmp_path, monkeypatch):
    writer, traced = saved_repetition.RepetitionWriter(), []
    outputs = serving_signatures.Servable._outputs
    monkeypatch.setattr(
        serving_signatures.Servable, "_outputs", lambda self, batch: traced.append(1) or outputs(self, batch)
    )
    for number in range(3):
        weights = random_weights(4, 3, 2, number)
        path = str(tmp_path / f"repetition-{number}")
        writer.write(path, weights, f"origin {number}")
        found = saved_repetition.load_repetition(path, SMALL, f"origin {number}")
        np.testing.assert_array_equal(found.weights.hidden_kernel, weights.hidden_kernel)
        served = tf.saved_model.load(path).signatures[SPARSE_SIGNATURE](
            row_splits=tf.constant([0, 2], tf.int64),
            feature_ids=tf.constant([1, 3], tf.int64),
            feature_values=tf.constant([0.5, -2.0]),
        )["logits"]
        hidden = np.maximum(0.5 * weights.hidden_kernel[1] - 2 * weights.hidden_kernel[3] + weights.hidden_bias, 0)
        np.testing.assert_allclose(served[0], hidden @ weights.output_kernel + weights.output_bias, atol=1e-6)
    assert len(traced) == 2, "once for each signature"


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
        saved_repetition.load_repetition(str(tmp_path), SMALL)


def test_loading_another_saved_model_is_refused(tmp_path):
    module = tf.Module()
    module.content = tf.Variable(tf.zeros([100]))
    tf.saved_model.save(module, str(tmp_path))
    with pytest.raises(InputError, match="did not say what it was trained as"):
        saved_repetition.load_repetition(str(tmp_path), SMALL)


def test_a_repetition_that_does_not_say_what_it_is_must_be_made_again(tmp_path, monkeypatch):
    monkeypatch.setattr(
        saved_repetition.Servable,
        "__setattr__",
        lambda self, name, value: None if name == "origin" else tf.Module.__setattr__(self, name, value),
    )
    saved_repetition.export_repetition(str(tmp_path / "repetition-000"), random_weights(4, 3, 2), "")
    with pytest.raises(InputError, match=r"repetition-000 was written by an earlier version.*Remove it"):
        saved_repetition.load_repetition(str(tmp_path / "repetition-000"), SMALL)


def test_the_graph_of_a_stranger_is_not_run(exported, tmp_path):
    """Loading ran the graph's initializers: one that writes a file at load wrote it before any check."""
    weights, _ = exported
    path, written = str(tmp_path / "repetition-000"), tmp_path / "written"
    module = saved_repetition.Servable(weights, "of a test")

    class Trap(tf.saved_model.experimental.TrackableResource):
        def _create_resource(self):
            return tf.raw_ops.MutableHashTableV2(key_dtype=tf.int64, value_dtype=tf.float32)

        def _initialize(self):
            tf.io.write_file(str(written), "x")

    module.trap = Trap()
    assert module.trap.resource_handle is not None
    tf.saved_model.save(module, path)
    written.unlink(missing_ok=True)
    tf.saved_model.load(path)
    assert written.exists(), "the model does what a stranger's may do"
    written.unlink()
    assert saved_repetition.load_repetition(path, SHAPE).origin == "of a test"
    assert not written.exists()


@pytest.mark.parametrize(
    "shape", [SHAPE._replace(features=29), SHAPE._replace(hidden=39), SHAPE._replace(features=40, hidden=30)]
)
def test_weights_of_another_shape_are_refused_before_they_are_read(exported, shape):
    with pytest.raises(InputError, match=r"must hold the weights of a repetition .*shape.*remove it and train again"):
        saved_repetition.load_repetition(exported[1], shape)


def test_no_memory_is_taken_for_a_shape_that_the_file_cannot_hold(exported):
    with pytest.raises(InputError, match=r"must hold 40000000[0-9]* bytes of weights, according to model.json"):
        saved_repetition.load_repetition(exported[1], NetworkShape(10**12, 10**6, 5))


def test_another_origin_is_named(exported):
    with pytest.raises(InputError, match=r"is of another training than model\.json"):
        saved_repetition.load_repetition(exported[1], SHAPE, "of another")


@pytest.mark.parametrize("file", ["variables.index", "variables.data-00000-of-00001"])
def test_a_cut_file_is_named(exported, tmp_path, file):
    path = tmp_path / "repetition-000"
    shutil.copytree(exported[1], path)
    os.truncate(path / "variables" / file, os.path.getsize(path / "variables" / file) // 2)
    with pytest.raises(
        InputError, match=r"repetition-000.* must hold .* weights.*copy .* again, or remove it and train"
    ):
        saved_repetition.load_repetition(str(path), SHAPE)
