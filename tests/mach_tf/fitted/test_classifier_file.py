from __future__ import annotations

import json
import pathlib

import numpy as np
import pytest

from mach_tf.buckets import BucketSpec
from mach_tf.errors import InputError
from mach_tf.fitted.classifier_file import CLASSIFIER_FILE, ClassifierFile, check_free
from mach_tf.fitted.fitted_labels import FittedLabels
from mach_tf.hashing import FeatureSpec
from mach_tf.manifest import ModelManifest
from mach_tf.training_config import TrainingConfig

MODEL = ModelManifest(2, 3, FeatureSpec(0), BucketSpec(5, 2), TrainingConfig(), "none", {}, {})
DEFAULTS = {"buckets": "auto", "dropout": "auto", "random_state": None, "model_dir": None, "mixed": False}
LABELS, _ = FittedLabels.of([["b", "c"], ["a"]])


def written(directory, **parameters):
    ClassifierFile({**DEFAULTS, **parameters}, LABELS, ["x", "y\n"]).write(str(directory))
    return directory / CLASSIFIER_FILE


def read(directory):
    return ClassifierFile.read(str(directory), MODEL, DEFAULTS)


def test_it_comes_back(tmp_path):
    written(
        tmp_path,
        buckets=np.int64(7),
        dropout=np.float32(0.5),
        random_state=np.random.RandomState(0),
        model_dir=pathlib.Path("a/b"),
        mixed=np.bool_(True),
    )
    found = read(tmp_path)
    expected = {"buckets": 7, "dropout": 0.5, "random_state": None, "model_dir": "a/b", "mixed": True}
    assert found.parameters == expected and found.parameters["mixed"] is True
    assert found.feature_names == ["x", "y\n"]
    assert found.labels.form == LABELS.form and found.labels.classes.tolist() == ["a", "b", "c"]


def test_a_directory_without_one_is_refused(tmp_path):
    with pytest.raises(InputError, match=r"classifier\.json does not exist: .* holds no estimator"):
        read(tmp_path)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"schema_version": 2}, "must have schema version 1 \\(got 2\\)"),
        ({"labels": None}, "does not fit the schema"),
        ({"labels": {}}, "does not fit the schema \\('form'\\)"),
        ({"parameters": {"bucket": 3}}, "unknown parameters bucket"),
        ({"parameters": {"buckets": {"a": 1}}}, "a parameter must be a number or a text"),
        ({"parameters": 3}, "does not fit the schema"),
        ({"feature_names": ["x"]}, "feature_names must be 2 names"),
        ({"feature_names": [1, 2]}, "feature_names must be 2 names"),
        (
            {"labels": {**LABELS.to_json(), "count": 2, "classes": ["a", "b"]}},
            "it has 2 classes, the model has 3 labels",
        ),
    ],
)
def test_a_damaged_one_is_refused_with_its_name(tmp_path, change, message):
    path = written(tmp_path)
    path.write_text(json.dumps({**json.loads(path.read_text()), **change}))
    with pytest.raises(InputError, match=message) as caught:
        read(tmp_path)
    assert str(path) in str(caught.value)


@pytest.mark.parametrize("missing", ["labels", "parameters", "feature_names", "schema version"])
def test_what_lacks_a_part_is_refused(tmp_path, missing):
    path = written(tmp_path)
    content = json.loads(path.read_text())
    del content[missing.replace(" ", "_")]
    path.write_text(json.dumps(content))
    with pytest.raises(InputError, match=missing):
        read(tmp_path)


def test_a_value_that_damage_altered_is_found(tmp_path):
    path = written(tmp_path, buckets=7)
    path.write_text(path.read_text().replace('"buckets": 7', '"buckets": 5'))
    with pytest.raises(InputError, match="does not fit its sha256"):
        read(tmp_path)


def test_what_is_no_json_is_refused(tmp_path):
    path = written(tmp_path)
    path.write_bytes(path.read_bytes()[:-9])
    with pytest.raises(InputError, match="not valid JSON"):
        read(tmp_path)


def test_an_estimator_is_saved_where_there_is_none(tmp_path):
    for overwrite in (False, True):
        check_free(str(tmp_path / "new"), overwrite)
        check_free(str(tmp_path), overwrite)
    written(tmp_path)
    for name in ("label_names.txt", "ranker.npz"):
        (tmp_path / name).write_text("a\n")
        check_free(str(tmp_path), True)
        (tmp_path / name).unlink()
    with pytest.raises(InputError, match="holds an estimator already"):
        check_free(str(tmp_path), False)
    with pytest.raises(InputError, match="is a file"):
        check_free(str(tmp_path / CLASSIFIER_FILE), True)
    (tmp_path / CLASSIFIER_FILE).rename(tmp_path / "thesis.txt")
    with pytest.raises(InputError, match=r"holds 'thesis\.txt', which is no saved estimator"):
        check_free(str(tmp_path), True)
