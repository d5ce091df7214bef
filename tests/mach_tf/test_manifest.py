from __future__ import annotations

import dataclasses
import hashlib
import json
import os

import numpy as np
import pytest
import scipy.sparse

from mach_tf import write_dataset
from mach_tf.buckets import BucketSpec
from mach_tf.data import verification
from mach_tf.errors import InputError
from mach_tf.hashing import FeatureSpec
from mach_tf.manifest import DatasetManifest, ModelManifest
from mach_tf.sealed_json import seal
from mach_tf.splits import Source
from mach_tf.training_config import TrainingConfig
from tests.helpers import sample


@pytest.fixture
def dataset(tmp_path):
    directory = str(tmp_path / "data")
    return directory, sample.write(directory, train=sample.random_points(100), test=sample.random_points(9, seed=1))


def _model(**changes) -> ModelManifest:
    values = {
        "features": 500,
        "labels": 40,
        "feature_spec": FeatureSpec(300),
        "bucket_spec": BucketSpec(8, 3),
        "training": TrainingConfig(epochs=5, hidden_units=3),
        "dataset_fingerprint": "f",
        "versions": {"numpy": "1"},
        "run": {"strategy": "mirrored"},
    }
    return ModelManifest(**{**values, **changes})


def _edit(directory: str, change) -> None:
    path = os.path.join(directory, "dataset.json")
    with open(path) as file:
        value = json.load(file)
    change(value)
    value = seal({name: item for name, item in value.items() if name != "sha256"})
    with open(path, "w") as file:
        json.dump(value, file)


def test_dataset_round_trip(dataset):
    directory, written = dataset
    read = DatasetManifest.read(directory)
    assert read == written and read.columns == 300 and read.split("test").points == 9
    assert DatasetManifest.read(directory).fingerprint == written.fingerprint


def test_model_round_trip(tmp_path):
    _model().write(str(tmp_path))
    read = ModelManifest.read(str(tmp_path))
    assert read == _model()
    np.testing.assert_array_equal(read.bucket_table(), BucketSpec(8, 3).table(40))
    assert read.columns == 300 and _model(feature_spec=FeatureSpec(0)).columns == 500


def test_origins_differ_where_weights_do(tmp_path):
    _model().write(str(tmp_path))
    model = _model()
    assert ModelManifest.read(str(tmp_path)).origin(1) == model.origin(1) != model.origin(2)
    assert dataclasses.replace(model, versions={"numpy": "0"}, run={"group_size": 9}).origin(1) == model.origin(1)
    assert dataclasses.replace(model, bucket_spec=BucketSpec(8, 4)).origin(1) == model.origin(1)
    for change in (
        {"training": TrainingConfig(epsilon=9.0)},
        {"dataset_fingerprint": "other"},
        {"bucket_spec": BucketSpec(9, 3)},
    ):
        assert dataclasses.replace(model, **change).origin(1) != model.origin(1)


def test_a_model_of_an_earlier_version_is_read_under_todays_names(tmp_path):
    """optimizer_epsilon was adam_epsilon; the origin, which SavedModels carry, is still computed with that name."""
    model = _model(training=TrainingConfig(optimizer_epsilon=2e-5))
    model.write(str(tmp_path))
    path = tmp_path / "model.json"
    value = json.loads(path.read_text())
    value["training"]["adam_epsilon"] = value["training"].pop("optimizer_epsilon")
    for name in ("task", "adversarial", "adversarial_steps", "ibp_ramp", "calibration_fraction"):
        del value["training"][name]
    for name in ("names_sha256", "files_sha256", "text", "sha256", "ranker_sha256", "training_points", "calibration"):
        del value[name]
    path.write_text(json.dumps(value))
    read = ModelManifest.read(str(tmp_path))
    assert read == model
    decisive = {name: v for name, v in value.items() if name not in ("run", "versions")}
    del decisive["bucket_spec"]["repetitions"]
    assert read.origin(1) == hashlib.sha256(json.dumps([decisive, 1], sort_keys=True).encode()).hexdigest()


def test_new_settings_leave_origins_as_they_were():
    """Computed by the version before there were methods of adversarial training: another value makes every model unreadable."""
    assert _model().origin(1) == "c8b011f18c6b0632029fe0951bd33d9ffdf2495fb51bacd75abb23a1a1aa3a06"


def test_the_fingerprint_is_of_the_content(dataset):
    _, written = dataset
    split = written.splits["train"]
    moved = dataclasses.replace(split, sources=[Source("elsewhere", 1, "0")])
    other = dataclasses.replace(split, shards=[dataclasses.replace(split.shards[0], sha256="0"), *split.shards[1:]])
    same = dataclasses.replace(written, splits={"test": written.splits["test"], "train": moved})
    assert same.fingerprint == written.fingerprint
    changes = [
        {"splits": {**written.splits, "train": other}},
        {"feature_spec": FeatureSpec(300, 1)},
        {"labels": 41},
        {"label_counts_sha256": "0"},
    ]
    prints = {dataclasses.replace(written, **change).fingerprint for change in changes}
    assert len(prints) == len(changes) and written.fingerprint not in prints


@pytest.mark.parametrize(
    ("change", "rule"),
    [
        (lambda v: v.update(schema_version=2), "must have schema version 1 .got 2"),
        (lambda v: v.pop("schema_version"), "must have schema version 1 .got None"),
        (lambda v: v.pop("labels"), "does not fit the schema"),
        (lambda v: v.update(labels=39), "must hold the frequencies of 39 labels, int64 .got int64 .40.."),
        (lambda v: v.update(labels="many"), "does not fit the schema"),
        (lambda v: v.update(labels=True), "does not fit the schema"),
        (lambda v: v.update(surprise=1), "unknown fields"),
        (lambda v: v["feature_spec"].update(norm="l1"), "norm must be one of"),
        (lambda v: v["splits"]["train"].update(points=99), "must be known and have the points of its shards"),
        (lambda v: v["splits"].update(extra=v["splits"].pop("train")), "split 'extra' must be known"),
        (lambda v: v["splits"]["test"]["shards"][0].update(file="../x"), "must name shards by plain file names"),
        (lambda v: v["splits"]["test"]["shards"][0].update(file="x"), "x is missing"),
        (lambda v: v["splits"]["test"]["shards"][0].update(bytes=3000), "must have 3000 bytes"),
        (lambda v: v.update(feature_names=True), "feature_names.txt is missing"),
        (lambda v: v.update(labels=10**15), "labels must be in .0, 100000000. .got 1000000000000000"),
        (lambda v: v.update(labels=-1), "labels must be in"),
        (lambda v: v.update(features=2**31), "features must be in"),
        (lambda v: v.update(features=1e400), "not a number"),
        (lambda v: v["feature_spec"].update(dim=2**40), "dim must be at most"),
        (lambda v: v["feature_spec"].update(seed=float("nan")), "not a number"),
        (lambda v: v["splits"]["test"].update(features=10**15), "features must be in"),
        (lambda v: v["splits"]["test"].update(labels=-1), "labels must be in"),
        (lambda v: v["splits"]["test"].update(raw_features=10**30), "raw_features must be in"),
        (lambda v: v["splits"]["test"]["shards"][0].update(points=10**12), "points must be in"),
        (lambda v: v["splits"]["test"]["shards"][0].update(bytes=-3), "bytes must be in"),
        (lambda v: v["splits"]["test"]["shards"][0].update(file="nul\0"), "must name shards by plain file names"),
        (lambda v: v["splits"]["test"]["shards"][0].update(file=".."), "must name shards by plain file names"),
        (lambda v: v["splits"]["test"]["shards"][0].update(file="\ud800"), "must name shards by plain file names"),
        (lambda v: v["splits"]["test"]["shards"][0].update(sha256="0"), "64 hexadecimal digits"),
        (lambda v: v["splits"]["test"]["sources"].append({"path": "a\0", "bytes": 1, "sha256": ""}), "by a path"),
    ],
)
def test_an_altered_manifest_is_refused(dataset, change, rule):
    directory, _ = dataset
    _edit(directory, change)
    with pytest.raises(InputError, match=rule):
        DatasetManifest.read(directory)


def test_a_digit_that_damage_altered_is_found(dataset):
    directory, _ = dataset
    path = os.path.join(directory, "dataset.json")
    with open(path) as file:
        text = file.read()
    with open(path, "w") as file:
        file.write(text.replace('"seed": 0', '"seed": 1'))
    with pytest.raises(InputError, match=r"does not fit its sha256\. The dataset is damaged"):
        DatasetManifest.read(directory)


@pytest.mark.parametrize(
    ("content", "rule"), [(None, "holds no dataset"), ("{", "not valid JSON"), ("[]", "must hold a JSON object")]
)
def test_a_directory_without_a_valid_manifest_is_refused(tmp_path, content, rule):
    if content is not None:
        (tmp_path / "dataset.json").write_text(content)
    with pytest.raises(InputError, match=rule):
        DatasetManifest.read(str(tmp_path))


def test_missing_files_are_refused(dataset):
    directory, written = dataset
    os.remove(os.path.join(directory, written.splits["train"].shards[1].file))
    with pytest.raises(InputError, match=r"train-00001-of-00002\.tfrecord is missing"):
        DatasetManifest.read(directory)


def test_other_label_counts_are_refused(dataset):
    directory, written = dataset
    np.save(os.path.join(directory, "label_counts.npy"), np.zeros(40, np.int64))
    with pytest.raises(InputError, match=r"label_counts\.npy is not the file"):
        written.label_counts(directory)
    with pytest.raises(InputError, match=r"label_counts\.npy is not the file"):
        DatasetManifest.read(directory)


def test_names_that_are_too_few_are_refused(dataset):
    directory, written = dataset
    dataclasses.replace(written, label_names=True).write(directory)
    with open(os.path.join(directory, "label_names.txt"), "w", encoding="utf-8") as file:
        file.write("one\ntwo\n")
    with pytest.raises(InputError, match=r"label_names\.txt must name the 40 labels"):
        DatasetManifest.read(directory)


@pytest.mark.parametrize("kind", ["feature", "label"])
def test_names_that_were_altered_are_refused(tmp_path, kind):
    names = {"feature_names": ["one", "two"], "label_names": ["yes", "no"]}
    written = write_dataset(scipy.sparse.eye(2).tocsr(), scipy.sparse.eye(2).tocsr(), str(tmp_path / "d"), **names)
    path = tmp_path / "d" / f"{kind}_names.txt"
    path.write_text("once\ntwo\n")
    with pytest.raises(InputError, match=rf"{kind}_names\.txt is not the file that dataset\.json describes"):
        DatasetManifest.read(str(tmp_path / "d"))
    (problem,) = verification.problems(str(tmp_path / "d"))
    assert str(path) in problem
    # As it was made before the hashes were recorded.
    dataclasses.replace(written, names_sha256={}).write(str(tmp_path / "d"))
    assert DatasetManifest.read(str(tmp_path / "d")).fingerprint == written.fingerprint


def test_names_are_no_part_of_what_decides_the_weights():
    named = _model(names_sha256={"label_names.txt": "0" * 64})
    assert named.origin(1) == _model().origin(1) and named.decisive() == _model().decisive()


def test_a_dataset_shows_its_sizes(dataset):
    _, written = dataset
    points = ", ".join(f"{name}={split.points} points" for name, split in written.splits.items())
    assert repr(written) == f"DatasetManifest({points}, features={written.features}, labels={written.labels})"
    assert points.startswith("train=")


@pytest.mark.parametrize(
    ("group", "name", "value"),
    [
        ("bucket_spec", "repetitions", 1),
        ("training", "epochs", 1),
        ("", "labels", 5),
        ("run", "group_size", "9"),
        ("", "sha256", "0"),
    ],
)
def test_an_edited_model_json_is_refused(tmp_path, group, name, value):
    """The number of repetitions is in no origin: with a smaller one a model would silently score with fewer."""
    _model(run={"group_size": "1"}).write(str(tmp_path))
    path = tmp_path / "model.json"
    content = json.loads(path.read_text())
    (content[group] if group else content)[name] = value
    path.write_text(json.dumps(content))
    with pytest.raises(
        InputError, match=r"model\.json must be as it was written.*Put the original back, or remove it and run"
    ):
        ModelManifest.read(str(tmp_path))


def test_a_model_json_of_the_time_before_checksums_is_read(tmp_path):
    _model().write(str(tmp_path))
    path = tmp_path / "model.json"
    content = json.loads(path.read_text())
    del content["sha256"]
    path.write_text(json.dumps(content))
    assert ModelManifest.read(str(tmp_path)) == _model()


def test_the_task_is_recorded_and_models_from_before_there_were_tasks_keep_their_origin(tmp_path):
    model = _model()
    multiclass = dataclasses.replace(model, training=dataclasses.replace(model.training, task="multiclass"))
    assert multiclass.origin(1) != model.origin(1)
    multiclass.write(str(tmp_path))
    assert ModelManifest.read(str(tmp_path)).training.multiclass
    decisive = model.decisive()
    del decisive["bucket_spec"]["repetitions"]
    for name in ("task", "adversarial", "adversarial_steps", "ibp_ramp", "calibration_fraction"):
        del decisive["training"][name]
    decisive["training"]["adam_epsilon"] = decisive["training"].pop("optimizer_epsilon")
    assert model.origin(1) == hashlib.sha256(json.dumps([decisive, 1], sort_keys=True).encode()).hexdigest()
