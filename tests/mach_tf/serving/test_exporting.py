from __future__ import annotations

import dataclasses
import os
import subprocess
import sys

import numpy as np
import pytest
import tensorflow as tf

from mach_tf import points
from mach_tf.ensemble import Ensemble
from mach_tf.errors import InputError
from mach_tf.serving import warm_up
from mach_tf.serving.contents import ServableContents
from mach_tf.serving.exporting import export
from tests.mach_tf.serving.test_servable import arrays, ranked_model
from tests.mach_tf.serving.test_warm_up import prediction_log_class

# What a server does: TensorFlow, the SavedModel and NumPy; importing mach_tf fails.
SERVER = """
import os, sys
os.environ["TF_CPP_MIN_LOG_LEVEL"] = "3"
sys.modules["mach_tf"] = None
import numpy as np, tensorflow as tf
model = tf.saved_model.load(sys.argv[1])
inputs = np.load(sys.argv[2])
found = model.signatures["sparse"](**{name: tf.constant(inputs[name]) for name in inputs.files})
np.savez(sys.argv[3], **{name: value.numpy().astype("S" if value.dtype == tf.string else value.dtype.as_numpy_dtype) for name, value in found.items()})
"""


@pytest.fixture(scope="module")
def model(evaluated):
    return Ensemble.load(evaluated.model_dir)


@pytest.fixture(scope="module")
def servable(model, tmp_path_factory):
    path = str(tmp_path_factory.mktemp("servables") / "tiny" / "1")
    return export(model, path)


def test_a_process_without_this_library_gives_its_answers(servable, model, evaluated, tmp_path):
    raw = points.from_csr(evaluated.test[0])
    np.savez(tmp_path / "in.npz", **{name: value.numpy() for name, value in arrays(raw, 5).items()})
    (tmp_path / "server.py").write_text(SERVER)
    environment = {name: value for name, value in os.environ.items() if not name.startswith(("PYTHON", "TF_"))}
    command = [sys.executable, "server.py", servable.path, "in.npz", "out.npz"]
    subprocess.run(command, cwd=tmp_path, env=environment, check=True)
    with np.load(tmp_path / "out.npz") as found:
        expected = model.top_k(evaluated.test[0], 5)
        np.testing.assert_array_equal(found["labels"], expected.labels)
        np.testing.assert_allclose(found["probabilities"], expected.scores, rtol=1e-6)
        assert found["label_names"][3, 0] == str(expected.labels[3, 0]).encode()


def test_a_servable_describes_its_files(servable):
    contents = ServableContents.read(servable.path)
    contents.check(servable.path)
    assert contents.name == servable.name == "tiny"
    assert {"README.md", "saved_model.pb", warm_up.FILE, "variables/variables.index"} <= set(contents.files)
    assert sorted(contents.signatures) == ["attack", "explain", "serving_default", "sparse"]


def test_fractions_may_be_whole_numbers(model, tmp_path):
    assert ServableContents.read(export(model, tmp_path / "tiny" / "1", prune=0).path).prune == 0


def test_the_warm_up_requests_can_be_answered(servable):
    loaded, kind = tf.saved_model.load(servable.path), prediction_log_class()
    for record in tf.data.TFRecordDataset(os.path.join(servable.path, warm_up.FILE)):
        request = kind.FromString(record.numpy()).predict_log.request
        inputs = {name: tf.constant(tf.make_ndarray(value)) for name, value in request.inputs.items()}
        assert loaded.signatures[request.model_spec.signature_name](**inputs)["labels"].shape == (1, 5)


def test_int8_is_a_quarter_of_the_size(model, servable, tmp_path):
    smaller = export(model, tmp_path / "tiny" / "1", weights="int8")
    data = "variables/variables.data-00000-of-00001"
    sizes = [ServableContents.read(each.path).files[data].bytes for each in (servable, smaller)]
    assert sizes[1] < sizes[0]
    assert "int8" in (tmp_path / "tiny" / "1" / "README.md").read_text()


@pytest.mark.parametrize(("prune", "prune_entries"), [(0.0, 0.75), (0.5, 0.75), (0.5, 0.0)])
def test_a_pruned_servable_says_so(model, tmp_path, prune, prune_entries):
    exported = export(model, tmp_path / "tiny" / "1", weights="float16", prune=prune, prune_entries=prune_entries)
    contents, card = ServableContents.read(exported.path), (tmp_path / "tiny" / "1" / "README.md").read_text()
    assert (contents.prune, contents.prune_entries) == (prune, prune_entries)
    assert ("50% of the features left out" in card) == bool(prune)
    assert ("75% of the weights of the first layer's other rows left out" in card) == bool(prune and prune_entries)
    assert ("75% of the weights of the first layer left out" in card) == (prune_entries > prune == 0)


@pytest.mark.parametrize("estimator", ["logit_mean", "mean"])
def test_a_ranker_is_exported_for_the_estimator_that_it_adds_to(evaluated, servable, tmp_path, estimator):
    model, raw = ranked_model(evaluated.model_dir), points.from_csr(evaluated.test[0])
    exported = export(model, tmp_path / "tiny" / "1", estimator=estimator)
    expected = model.top_k(evaluated.test[0], 5, estimator, scores="logit")
    found = tf.saved_model.load(exported.path).signatures["sparse"](**arrays(raw, 5))
    np.testing.assert_array_equal(found["labels"], expected.labels)
    np.testing.assert_allclose(found["scores"], expected.scores, rtol=1e-6, atol=1e-6)
    contents, card = ServableContents.read(exported.path), (tmp_path / "tiny" / "1" / "README.md").read_text()
    weights = model.ranker.weights.nnz if estimator == "logit_mean" else 0
    assert contents.ranker_weights == weights
    assert ("ranker" in card) == bool(weights)
    bytes_of_ranker = 8 * weights + 8 * (model.manifest.columns + 1) if weights else 0
    assert exported.weight_bytes - servable.weight_bytes == bytes_of_ranker


@pytest.mark.parametrize(
    ("name", "options", "message"),
    [
        ("tiny/new", {}, "must be named by a version"),
        ("tiny/01", {}, "must be named by a version"),
        ("tiny/2", {"prune": 1}, "prune must be below 1"),
        ("tiny/2", {"prune_entries": 1.0}, "prune_entries must be below 1"),
        ("tiny/2", {"prune_entries": -0.1}, r"prune_entries must be .*got -0.1"),
        (
            "tiny/2",
            {"prune_entries": 0.5, "weights": "vq"},
            r"prune_entries must be 0 with the weights 'vq' \(got 0.5\)",
        ),
        ("tiny/2", {"estimator": "min"}, "estimator must be one of .*logit_mean.*got 'min'"),
        ("tiny/2", {"weights": "int4"}, "weights must be one of"),
        ("tiny/2", {"reasons": 0}, "reasons must be"),
        ("tiny/2", {"force": True}, "force must come with label_names or feature_names"),
    ],
)
def test_refusals(model, tmp_path, name, options, message):
    with pytest.raises(InputError, match=message):
        export(model, tmp_path / name, **options)
    assert not os.path.exists(tmp_path / "tiny" / "2")


@pytest.mark.parametrize("kind", ["label", "feature"])
def test_names_that_the_model_was_not_trained_with_are_refused(model, tmp_path, monkeypatch, kind):
    names = tmp_path / "names.txt"
    names.write_text(
        "".join(f"name {i}\n" for i in range(model.labels if kind == "label" else model.manifest.features))
    )
    manifest = dataclasses.replace(model.manifest, names_sha256={f"{kind}_names.txt": "0" * 64})
    monkeypatch.setattr(model, "manifest", manifest)
    with pytest.raises(InputError, match=rf"^{kind}_names must be the names that .* was trained with"):
        export(model, tmp_path / "tiny" / "1", **{f"{kind}_names": str(names)})


def test_an_existing_version_is_not_replaced(model, servable):
    with pytest.raises(InputError, match=r"must not exist yet.*next version"):
        export(model, servable.path)
