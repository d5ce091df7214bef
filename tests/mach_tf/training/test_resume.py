from __future__ import annotations

import dataclasses
import os
import shutil

import pytest

from mach_tf.buckets import BucketSpec
from mach_tf.errors import InputError
from mach_tf.hashing import FeatureSpec
from mach_tf.manifest import ModelManifest, repetition_directory
from mach_tf.training import resume
from mach_tf.training_config import TrainingConfig
from tests.helpers import model_directory

MANIFEST = ModelManifest(
    10, 4, FeatureSpec(8), BucketSpec(3, 6), TrainingConfig(epochs=2), "abc", {"tensorflow": "2.15.1"}, {}
)


def test_a_new_directory_gets_model_json_and_the_same_settings_go_on(tmp_path):
    path = str(tmp_path / "new" / "model")
    resume.check_same(path, MANIFEST)
    assert not os.path.exists(path)
    resume.start(path, MANIFEST)
    assert ModelManifest.read(path) == MANIFEST
    other_run = dataclasses.replace(MANIFEST, run={"group_size": "1"}, versions={"tensorflow": "2.15.0"})
    resume.check_same(path, other_run)
    resume.start(path, other_run)
    assert ModelManifest.read(path) == MANIFEST


@pytest.mark.parametrize(
    ("changes", "named"),
    [
        ({"training": TrainingConfig(epochs=3)}, "training.epochs was 2, is now 3"),
        ({"bucket_spec": BucketSpec(5, 6)}, "bucket_spec.buckets was 3, is now 5"),
        ({"dataset_fingerprint": "def"}, "dataset_fingerprint was 'abc', is now 'def'"),
        ({"feature_spec": FeatureSpec(8, seed=1)}, "feature_spec.seed was 0, is now 1"),
    ],
)
def test_another_training_is_refused_by_name(tmp_path, changes, named):
    resume.start(str(tmp_path), MANIFEST)
    with pytest.raises(InputError) as raised:
        resume.check_same(str(tmp_path), dataclasses.replace(MANIFEST, **changes))
    assert named in str(raised.value)
    assert "another model_dir" in str(raised.value)


def test_the_groups_of_a_later_run_are_added_to_model_json(tmp_path):
    path = str(tmp_path)
    for planned, recorded in (
        ([(0, 1), (2, 3)], [[0, 1], [2, 3]]),
        ([(3, 4)], [[0, 1], [3, 4]]),
        ([], [[0, 1], [3, 4]]),
    ):
        resume.start(path, dataclasses.replace(MANIFEST, run={"strategy": "mirrored", "groups": planned}))
        assert ModelManifest.read(path).run == {"strategy": "mirrored", "groups": recorded}


@pytest.mark.parametrize(
    "text",
    [
        "",
        "3",
        "2:2",
        "4:2",
        "0:9",
        "-1:2",
        "a:b",
        "1:2:3",
        "0:²",
        "8/8",
        "0/9",
        "0/0",
        "/2",
        "1/2/3",
        "0:" + "9" * 5000,
    ],
)
def test_a_wrong_range_is_refused(text):
    with pytest.raises(InputError, match="FIRST:END"):
        resume.parse_range(text, 8)


def test_a_range():
    assert list(resume.parse_range("2:5", 8)) == [2, 3, 4]


@pytest.mark.parametrize("repetitions", [1, 7, 8, 32])
def test_parts_are_equal_and_cover_all(repetitions):
    for parts in range(1, repetitions + 1):
        found = [resume.parse_range(f"{part}/{parts}", repetitions) for part in range(parts)]
        assert [each for part in found for each in part] == [*range(repetitions)]
        assert {len(part) for part in found} <= {repetitions // parts, -(-repetitions // parts)}


def test_pending_repetitions_have_no_saved_model(tmp_path):
    for repetition in (1, 4):
        os.makedirs(repetition_directory(str(tmp_path), repetition))
    assert resume.pending(str(tmp_path), 6) == [0, 2, 3, 5]
    assert resume.pending(str(tmp_path), 6, (1, 4)) == [2, 3]
    assert resume.pending(str(tmp_path / "new"), 2) == [0, 1]


@pytest.mark.parametrize("wanted", [(0, 7), (2, 2), (4, 2), (-1, 2)])
def test_a_range_that_is_not_within_the_repetitions(tmp_path, wanted):
    message = r"^repetition_range must be \(first, end\) with 0 <= first < end <= repetitions=6 \(got "
    with pytest.raises(InputError, match=message):
        resume.pending(str(tmp_path), 6, wanted)


@pytest.mark.parametrize(
    ("changes", "remedy"),
    [
        ({"training": TrainingConfig(epochs=3)}, "Give epochs=2, or another model_dir."),
        (
            {"bucket_spec": BucketSpec(3, 5, "universal")},
            "Give label_hash='murmur3', repetitions=6, or another model_dir.",
        ),
        ({"dataset_fingerprint": "def"}, "Give the dataset that it was trained on, or another model_dir."),
        (
            {"dataset_fingerprint": "def", "training": TrainingConfig(epochs=2, seed=1)},
            "Give seed=0 and the dataset that it was trained on, or another model_dir.",
        ),
    ],
)
def test_the_arguments_to_give_are_named(tmp_path, changes, remedy):
    resume.start(str(tmp_path), MANIFEST)
    with pytest.raises(InputError) as raised:
        resume.check_same(str(tmp_path), dataclasses.replace(MANIFEST, **changes))
    assert str(raised.value).endswith(remedy)


def test_more_repetitions_are_the_same_training(tmp_path):
    path, more = str(tmp_path), dataclasses.replace(MANIFEST, bucket_spec=BucketSpec(3, 9), versions={"numpy": "new"})
    assert resume.check_same(path, more) == 0  # nothing is there yet
    resume.start(path, MANIFEST)
    assert resume.check_same(path, MANIFEST) == 0 and resume.check_same(path, more) == 3
    assert ModelManifest.read(path) == MANIFEST  # a check changes nothing
    resume.start(path, more)
    assert ModelManifest.read(path) == dataclasses.replace(MANIFEST, bucket_spec=more.bucket_spec)
    with pytest.raises(InputError, match=r"bucket_spec.repetitions was 9, is now 6\. Give repetitions=9, or another"):
        resume.check_same(path, MANIFEST)


def test_more_repetitions_with_other_settings_are_refused(tmp_path):
    resume.start(str(tmp_path), MANIFEST)
    other = dataclasses.replace(MANIFEST, bucket_spec=BucketSpec(4, 9))
    with pytest.raises(InputError) as raised:
        resume.check_same(str(tmp_path), other)
    assert str(raised.value).endswith("bucket_spec.buckets was 3, is now 4. Give buckets=3, or another model_dir.")


def test_a_dataset_directory_is_refused(tmp_path):
    (tmp_path / "dataset.json").write_text("{}")
    with pytest.raises(
        InputError, match=r"^model_dir must be new, empty or a model directory \(.* holds dataset\.json\)"
    ):
        resume.check_same(str(tmp_path), MANIFEST)
    assert os.listdir(tmp_path) == ["dataset.json"]


def test_a_partly_copied_repetition_is_not_taken_for_trained(tmp_path):
    path = str(tmp_path)
    model_directory.write(path, repetitions=3)
    model = ModelManifest.read(path)
    resume.check_trained(path, model)
    shutil.rmtree(repetition_directory(path, 1))
    resume.check_trained(path, model)
    os.truncate(os.path.join(repetition_directory(path, 2), "saved_model.pb"), 500)
    with pytest.raises(
        InputError, match=r"repetition-002/saved_model\.pb must have .*got 500.*remove it and train again"
    ):
        resume.check_trained(path, model)


def test_a_training_goes_on_with_the_label_names_that_it_began_with(tmp_path):
    names = {"label_names.txt": "a" * 64, "feature_names.txt": "b" * 64}
    began = dataclasses.replace(MANIFEST, names_sha256=names)
    assert resume.other_names(str(tmp_path), began) == []
    resume.start(str(tmp_path), began)
    assert resume.other_names(str(tmp_path), began) == []
    resume.check_same(str(tmp_path), dataclasses.replace(began, names_sha256={}))
    (text,) = resume.other_names(
        str(tmp_path), dataclasses.replace(began, names_sha256={**names, "feature_names.txt": "c" * 64})
    )
    assert "feature names are not those that the training in" in text
    other = dataclasses.replace(began, names_sha256={**names, "label_names.txt": "c" * 64})
    with pytest.raises(InputError, match=r"must have the label names that the training in .* began with"):
        resume.other_names(str(tmp_path), other)


def test_a_damaged_byte_is_found_before_a_repetition_is_called_trained(tmp_path):
    path = str(tmp_path)
    model_directory.write(path, repetitions=2)
    model = ModelManifest.read(path)
    resume.check_trained(path, model, "full")
    data = os.path.join(repetition_directory(path, 1), "variables", "variables.data-00000-of-00001")
    with open(data, "r+b") as file:
        file.seek(100)
        file.write(bytes([file.read(1)[0] ^ 1]))
    resume.check_trained(path, model)
    with pytest.raises(InputError, match=r"repetition-001/variables.*must have the SHA-256.*remove it and train again"):
        resume.check_trained(path, model, "full")


@pytest.mark.parametrize("kind", ["file", "link to nothing"])
def test_what_stands_where_a_repetition_will_be_written_is_refused(tmp_path, kind):
    path = tmp_path / "repetition-001"
    if kind == "file":
        path.write_text("mine")
    else:
        path.symlink_to("nothing")
    with pytest.raises(InputError, match=r"repetition-001 must be the directory of a repetition, but it is a file or"):
        resume.check_trained(str(tmp_path), MANIFEST)
