"""What a model directory keeps of its dataset: copied, checked, repaired; and models without it, as earlier versions wrote them."""

from __future__ import annotations

import dataclasses
import os
import pathlib
import shutil

import numpy as np
import pytest
import scipy.sparse

import mach_tf
from mach_tf import files, kept_files, model_verification
from mach_tf.errors import InputError
from mach_tf.manifest import (
    FEATURE_NAMES_FILE,
    LABEL_COUNTS_FILE,
    LABEL_KEYS_FILE,
    LABEL_NAMES_FILE,
    DatasetManifest,
    ModelManifest,
)
from mach_tf.network import Network
from mach_tf.training import resume
from tests.helpers import model_directory

NAMES = ["a name", "ein Name", "名前"]
KEYS = ["https://example.org/1", "https://example.org/2", "3"]


@pytest.fixture
def data(tmp_path):
    """A dataset with names and keys of its labels."""
    path, eye = str(tmp_path / "data"), scipy.sparse.eye(3, format="csr")
    written = mach_tf.write_dataset(eye, eye, path, label_names=NAMES, feature_names=["x", "y", "z"])
    with open(os.path.join(path, LABEL_KEYS_FILE), "w") as file:
        file.write("".join(f"{key}\n" for key in KEYS))
    digests = {**written.names_sha256, LABEL_KEYS_FILE: files.sha256(os.path.join(path, LABEL_KEYS_FILE))}
    dataclasses.replace(written, names_sha256=digests).write(path)
    return path


@pytest.fixture
def model(data, tmp_path):
    """A model of that dataset, as training leaves it."""
    path, dataset = str(tmp_path / "model"), DatasetManifest.read(data)
    os.mkdir(path)
    model_directory.write(path, features=3, labels=3, repetitions=1, dataset=dataset)
    manifest = ModelManifest.read(path)
    dataclasses.replace(manifest, files_sha256=kept_files.of_dataset(data, dataset)).write(path)
    kept_files.copy(data, path)
    return path


def test_a_model_has_names_and_keys_wherever_its_dataset_is(data, model):
    shutil.rmtree(data)
    network = Network.load(model)
    assert network.label_names == NAMES and network.label_keys == KEYS
    assert model_verification.verify(model).is_whole
    # No feature names: they are of use only with the texts that features are made of.
    assert sorted(os.listdir(model)) == [
        LABEL_COUNTS_FILE,
        LABEL_KEYS_FILE,
        LABEL_NAMES_FILE,
        "model.json",
        "repetition-000",
    ]


def test_a_model_without_names_has_none(tmp_path):
    model_directory.write(str(tmp_path), repetitions=1)
    network = Network.load(str(tmp_path))
    assert network.label_names is None and network.label_keys is None


@pytest.mark.parametrize("name", [LABEL_NAMES_FILE, LABEL_KEYS_FILE])
@pytest.mark.parametrize("damage", ["removed", "altered", "cut"])
def test_damage_is_refused_and_repaired_from_the_dataset(data, model, name, damage):
    path = pathlib.Path(model, name)
    if damage == "removed":
        path.unlink()
    elif damage == "altered":
        path.write_bytes(path.read_bytes()[::-1])
    else:
        os.truncate(path, 5)
    message = (
        rf"{name} is (missing, though|not the file that) model\.json .*Copy it again, or run the training's command"
    )
    with pytest.raises(InputError, match=message):
        Network.load(model)
    (problem,) = model_verification.verify(model).problems
    assert str(path) in problem
    kept_files.copy(data, model)
    assert Network.load(model).label_names == NAMES


def test_a_file_damaged_after_the_model_was_opened_is_not_read(model):
    network = Network.load(model)
    with open(os.path.join(model, LABEL_NAMES_FILE), "a") as file:
        file.write("one more\n")
    with pytest.raises(InputError, match=r"label_names\.txt is not the file that model\.json describes"):
        _ = network.label_names


def test_what_the_dataset_no_longer_has_is_not_copied(data, model):
    for directory in (data, model):
        with open(os.path.join(directory, LABEL_NAMES_FILE), "w") as file:
            file.write("other\nnames\nhere\n")
    with pytest.raises(InputError, match=r"model/label_names\.txt is not the file"):
        kept_files.copy(data, model)


def test_a_dataset_of_an_earlier_version_gives_its_names_too(data):
    dataset = dataclasses.replace(DatasetManifest.read(data), names_sha256={})
    digest = files.sha256(os.path.join(data, LABEL_NAMES_FILE))
    counts = {LABEL_COUNTS_FILE: dataset.label_counts_sha256}
    assert kept_files.of_dataset(data, dataset) == {LABEL_NAMES_FILE: digest, **counts}


@pytest.mark.parametrize(("known", "kept"), [(True, True), (False, False)])
def test_a_model_of_an_earlier_version_gets_the_names_that_it_was_trained_with(data, model, known, kept):
    whole = ModelManifest.read(model)
    earlier = dataclasses.replace(whole, files_sha256={}, names_sha256=whole.names_sha256 if known else {})
    for name in whole.files_sha256:
        os.remove(os.path.join(model, name))
    earlier.write(model)
    assert Network.load(model).label_names is None
    resume.start(model, whole)
    kept_files.copy(data, model)
    assert Network.load(model).label_names == (NAMES if kept else None)
    assert ModelManifest.read(model).decisive() == whole.decisive()
    assert LABEL_COUNTS_FILE in ModelManifest.read(model).files_sha256


def test_label_counts_are_those_of_the_dataset_or_unknown(data, model):
    manifest = dataclasses.replace(ModelManifest.read(model), training_points=3)
    assert kept_files.read_label_counts(model, manifest).tolist() == [1, 1, 1]
    assert kept_files.read_label_counts(model, dataclasses.replace(manifest, training_points=0)) is None
    assert kept_files.read_label_counts(model, dataclasses.replace(manifest, files_sha256={})) is None
    pathlib.Path(model, LABEL_COUNTS_FILE).write_bytes(b"")
    with pytest.raises(InputError, match=r"label_counts.npy is not the file"):
        kept_files.read_label_counts(model, manifest)


@pytest.mark.parametrize("counts", [[1, -1, 1], [1, 1, 4]])
def test_label_counts_that_no_training_data_have_are_refused(model, counts):
    """A negative one would make a weight that is not a number, and with it labels that do not exist."""
    path = os.path.join(model, LABEL_COUNTS_FILE)
    np.save(path, np.array(counts, np.int64))
    manifest = ModelManifest.read(model)
    digests = {**manifest.files_sha256, LABEL_COUNTS_FILE: files.sha256(path)}
    altered = dataclasses.replace(manifest, files_sha256=digests, training_points=3)
    with pytest.raises(
        InputError, match=rf"label_counts.npy must hold .* from 0 to 3.*\(got {min(counts)} to {max(counts)}\)"
    ):
        kept_files.read_label_counts(model, altered)


@pytest.mark.parametrize("name", ["../secret.txt", "/etc/passwd", "model.json", "notes.txt"])
def test_model_json_names_no_other_files(model, name):
    dataset_manifest = ModelManifest.read(model)
    with pytest.raises(InputError, match="files_sha256 must give the SHA-256 of files among"):
        dataclasses.replace(dataset_manifest, files_sha256={name: "0" * 64})
    with pytest.raises(InputError, match="files_sha256"):
        dataclasses.replace(dataset_manifest, files_sha256={LABEL_NAMES_FILE: "0"})


def test_they_decide_no_weights(model):
    whole = ModelManifest.read(model)
    without = dataclasses.replace(whole, files_sha256={})
    assert whole.files_sha256 and whole.decisive() == without.decisive() and whole.origin(0) == without.origin(0)


def test_training_keeps_them(data, tmp_path):
    made = mach_tf.fit(
        data, tmp_path / "trained", buckets=2, repetitions=1, hidden_units=2, epochs=1, strategy="one_device", progress=False
    )  # fmt: skip
    shutil.rmtree(data)
    again = mach_tf.Ensemble.load(made.model_dir)
    assert again.label_names == NAMES and again.label_keys == KEYS
    np.testing.assert_array_equal(again.predict(np.eye(3), k=2).toarray(), made.predict(np.eye(3), k=2).toarray())


@pytest.mark.parametrize(("name", "count"), [(LABEL_NAMES_FILE, 3), (FEATURE_NAMES_FILE, 3)])
def test_given_names_must_be_those_of_the_training_data(model, tmp_path, name, count):
    path, manifest = tmp_path / "given.txt", ModelManifest.read(model)
    path.write_text("".join(f"{each}\n" for each in (NAMES if name == LABEL_NAMES_FILE else ["x", "y", "z"])))
    assert len(kept_files.read_given_names(str(path), model, manifest, name)) == count
    path.write_text("a\nb\nc\n")
    with pytest.raises(InputError, match=rf"^{name[:-4]} must be the names .* \(those of .* are others\).*force=True"):
        kept_files.read_given_names(str(path), model, manifest, name)
    assert kept_files.read_given_names(str(path), model, manifest, name, force=True) == ["a", "b", "c"]
    unknown = dataclasses.replace(manifest, names_sha256={})
    assert kept_files.read_given_names(str(path), model, unknown, name) == ["a", "b", "c"]
    path.write_text("a\n")
    with pytest.raises(InputError, match="must name the 3"):
        kept_files.read_given_names(str(path), model, manifest, name, force=True)
