"""train.main through its flags, on a tiny dataset, in this process."""

from __future__ import annotations

import dataclasses
import glob
import os
import re
import shutil
from types import SimpleNamespace

import numpy as np
import pytest
import scipy.sparse
import tensorflow as tf

import mach_tf
from mach_tf import manifest
from mach_tf.buckets import BucketSpec
from mach_tf.errors import InputError
from mach_tf.hashing import FeatureSpec
from tests.helpers import clusters, programs, sample
from tests.helpers.processes import leftover
from tests.helpers.tiny import FEATURES, POINTS, REPETITIONS, arguments, train, weights


def test_a_run_leaves_a_whole_model_directory(dataset, trained):
    assert sorted(os.listdir(trained)) == [
        "checkpoints",
        "label_counts.npy",
        "model.json",
        "repetition-000",
        "repetition-001",
        "repetition-002",
        "tensorboard",
    ]
    assert os.listdir(os.path.join(trained, "checkpoints")) == []
    read = manifest.ModelManifest.read(trained)
    assert read.training.epochs == 3
    assert read.run["group_size"] == "2" and read.run["dataset_dir"] == dataset
    flags = {argument[2:].partition("=")[0] for argument in arguments(dataset, trained)}
    assert flags <= {*read.run, *dataclasses.asdict(read.training), "buckets", "repetitions"}
    assert read.bucket_spec == BucketSpec(8, REPETITIONS)
    assert read.versions["tensorflow"] == tf.__version__
    assert read.dataset_fingerprint == manifest.DatasetManifest.read(dataset).fingerprint


def test_tensorboard_has_every_curve(trained):
    found = {}
    directory = os.path.join(trained, "tensorboard", "repetitions-000-001")
    for file in os.listdir(directory):
        for event in tf.compat.v1.train.summary_iterator(os.path.join(directory, file)):
            for value in event.summary.value:
                found.setdefault(value.tag, []).append(event.step)
    steps = 3 * -(-POINTS // 16)
    every_step = ("loss/clean", "loss/adversarial", "learning_rate", "points_per_second")
    assert {name: found[name] for name in every_step} == {name: [*range(1, steps + 1)] for name in every_step}
    assert found["validation/P@1"] == found["validation/P@5"] == [1, 2, 3]
    assert len(found) == 6


def test_repetitions_are_the_same_in_another_grouping_and_spread_over_machines(dataset, trained, tmp_path):
    parts = [str(tmp_path / name) for name in ("first", "second")]
    train(dataset, parts[0], repetition_range="0:1", strategy="mirrored")
    train(dataset, parts[1], repetition_range="1:3", group_size="auto")
    assert not os.path.exists(manifest.repetition_directory(parts[0], 1))
    for repetition, model in ((0, parts[0]), (1, parts[1]), (2, parts[1])):
        for ours, theirs in zip(weights(trained, repetition), weights(model, repetition)):
            np.testing.assert_allclose(ours, theirs, rtol=1e-3, atol=1e-5)


def test_what_is_trained_is_not_trained_again(dataset, trained, capsys):
    train(dataset, trained)
    assert "all requested repetitions are trained already" in capsys.readouterr().out


def test_a_damaged_byte_is_named_and_not_called_trained(dataset, trained, tmp_path, capsys):
    model = shutil.copytree(trained, tmp_path / "model")
    data = model / "repetition-001" / "variables" / "variables.data-00000-of-00001"
    content = bytearray(data.read_bytes())
    content[len(content) // 2] ^= 1
    data.write_bytes(content)
    with pytest.raises(InputError, match=r"repetition-001.*remove it and train again"):
        train(dataset, str(model))
    assert "trained already" not in capsys.readouterr().out


@pytest.mark.parametrize(
    ("planned", "said"), [(None, "Stopped before training began"), (object(), "the state is saved")]
)
def test_a_stop_says_whether_there_is_a_state(dataset, tmp_path, monkeypatch, capsys, planned, said):
    result = SimpleNamespace(stopped=True, resources=planned)
    monkeypatch.setattr("mach_tf.training.run.train", lambda *arguments: result)
    with pytest.raises(SystemExit):
        train(dataset, str(tmp_path / "model"))
    assert said in "".join(capsys.readouterr())


def test_what_killed_processes_left_is_cleared_away(dataset, tmp_path):
    """Leftovers of an export and of the removal of a finished group's checkpoints."""
    model = str(tmp_path / "model")
    leftover(model, "repetition-001")
    train(dataset, model, repetition_range="0:1")
    leftover(os.path.join(model, "checkpoints", "repetitions-000"), "epoch-0003-step-00000000")
    os.makedirs(os.path.join(model, "repetition-001.99.tmp", "mine"))
    train(dataset, model, repetition_range="0:2")
    assert not glob.glob(os.path.join(model, "**", "*.partial"), recursive=True)
    expected = ["label_counts.npy", "model.json", "repetition-000", "repetition-001", "repetition-001.99.tmp"]
    assert sorted(os.listdir(model)) == ["checkpoints", *expected, "tensorboard"]
    assert os.listdir(os.path.join(model, "checkpoints")) == []


def test_a_changed_flag_is_refused(dataset, trained):
    with pytest.raises(InputError, match=r"training\.epochs was 3, is now 4"):
        train(dataset, trained, epochs=4)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"learning_rate": 0}, "learning_rate must be above 0"),
        ({"repetition_range": "2:9"}, "--repetition_range must be"),
        ({"group_size": "none"}, "--group_size must be auto"),
        ({"learning_rate": 1e300}, r"learning_rate must be at most"),
        ({"learning_rate": 1e30}, "Every loss must be finite"),
    ],
)
def test_what_cannot_be_trained_is_refused(dataset, tmp_path, changes, message):
    with pytest.raises(InputError, match=message):
        train(dataset, str(tmp_path / "model"), **changes)


def test_a_refused_run_leaves_the_directory_to_another(dataset, tmp_path, monkeypatch):
    from mach_tf.sizing import resources

    model, enough = str(tmp_path / "new" / "model"), resources.available_memory
    monkeypatch.setattr(resources, "available_memory", lambda: 1 << 20)
    with pytest.raises(InputError, match=r"Lower --group_size, --hidden_units"):
        train(dataset, model)
    assert not os.path.exists(model)
    monkeypatch.setattr(resources, "available_memory", enough)
    train(dataset, model, repetitions=1, epochs=1, hidden_units=4)
    assert os.path.isdir(manifest.repetition_directory(model, 0))


def test_a_group_that_began_goes_on_as_it_was_and_is_planned_for(
    dataset, trained, tmp_path, monkeypatch, caplog, capsys
):
    from mach_tf.sizing import resources
    from mach_tf.training import checkpoints

    model = tmp_path / "model"
    shutil.copytree(trained, model)
    shutil.rmtree(manifest.repetition_directory(str(model), 1))
    state = model / "checkpoints" / "repetitions-000" / "epoch-0001-step-00000001"
    state.mkdir(parents=True)
    checkpoints.write_state(str(state), {"repetitions": [0, 1, 2], "epoch": 1, "step": 1})
    seen = []
    monkeypatch.setattr("mach_tf.training.group_training.train_group", lambda job, group, bars: seen.append(group))
    with caplog.at_level("WARNING", logger="absl"):
        train(dataset, str(model), group_size=1)
    assert seen == [(0, 1, 2)]
    assert "Repetitions 0-2 continue side by side, as they started." in caplog.text
    assert re.search("3 repetitions side by side +estimate", capsys.readouterr().err)
    few = [1 << 40, 1 << 40, 1 << 20]  # asked for the size of groups, and to check it; then for the group that began
    monkeypatch.setattr(resources, "available_memory", lambda: few.pop(0) if len(few) > 1 else few[0])
    with pytest.raises(InputError, match=r"Training 3 .*remove .*checkpoints to start them again in groups of 1"):
        train(dataset, str(model), group_size=1)


def test_parts_merge_by_copying_and_can_be_evaluated(dataset, trained, tmp_path):
    """As the guide describes: repetitions trained on another machine are copied beside this one's model.json."""
    from mach_tf.ensemble import Ensemble

    merged = tmp_path / "merged"
    merged.mkdir()
    for name in ("model.json", "label_counts.npy", "repetition-000"):
        (shutil.copytree if os.path.isdir(f"{trained}/{name}") else shutil.copy)(f"{trained}/{name}", merged / name)
    with pytest.raises(InputError, match=r"lacks repetition-001, repetition-002.*copy here what was trained elsewhere"):
        Ensemble.load(str(merged))
    for name in ("repetition-001", "repetition-002"):
        shutil.copytree(f"{trained}/{name}", merged / name)
    features = scipy.sparse.random(5, FEATURES, 0.2, "csr", np.float32, np.random.default_rng(1))
    ours, theirs = (Ensemble.load(str(path)).predict(features) for path in (merged, trained))
    assert (ours != theirs).nnz == 0
    os.remove(merged / "model.json")
    train(dataset, str(merged))  # nothing is left to train but to say what it was
    assert manifest.ModelManifest.read(str(merged)).bucket_spec == manifest.ModelManifest.read(trained).bucket_spec


def small_dataset(directory, points, labels):
    """Writes points of about 3 features and one label each; no point has label 0."""
    rows = np.arange(points)
    features = scipy.sparse.random(points, 6, 0.5, "csr", np.float32, np.random.default_rng(0))
    ids = 1 + rows % (labels - 1)
    tags = scipy.sparse.csr_matrix((np.ones(points, np.float32), (rows, ids)), (points, labels))
    mach_tf.write_dataset(features, tags, str(directory), spec=FeatureSpec(dim=0))
    return str(directory)


def test_what_is_unusual_is_said_and_trained(tmp_path, caplog):
    """More buckets than labels, a batch larger than the data, a label that no point has: all at once."""
    data, model = small_dataset(tmp_path / "data", 10, 5), str(tmp_path / "model")
    with caplog.at_level("WARNING", logger="absl"):
        train(data, model, buckets=7, repetitions=1, epochs=1, batch_size=64)
    said = [record.getMessage() for record in caplog.records if record.name == "absl"]
    assert said[:3] == [
        "--batch_size=64 is larger than the data: each epoch is one batch of 10.",
        "--buckets=7 exceeds the 5 labels: at least 2 buckets of each repetition stay empty.",
        "1 of 5 labels have no training point; they get the scores of other labels in their buckets.",
    ]
    assert all(np.isfinite(w).all() for w in weights(model, 0))


def test_nothing_unusual_is_not_warned_of(dataset, trained, caplog):
    with caplog.at_level("WARNING", logger="absl"):
        train(dataset, trained)
    description = manifest.DatasetManifest.read(dataset)
    unusual = (description.label_counts(dataset) == 0).any(), description.split("train").without_labels > 0
    said = [record.getMessage() for record in caplog.records if record.name == "absl"]
    assert len(said) == sum(unusual), said


def test_who_gives_no_buckets_hears_of_the_plan(tmp_path, caplog):
    data = small_dataset(tmp_path / "data", 10, 5)
    places = [f"--dataset_dir={data}", f"--model_dir={tmp_path / 'model'}"]
    for told in (True, False):  # a model that is there already goes on as it is
        caplog.clear()
        with caplog.at_level("WARNING", logger="absl"):
            programs.run("train.main", *places, "--repetitions=1", "--epochs=1", "--hidden_units=4")
        said = [record.getMessage() for record in caplog.records]
        assert any(f"mach-plan --dataset_dir={data} --output" in message for message in said) == told


def test_of_several_workers_the_chief_alone_speaks_of_the_plan(tmp_path, monkeypatch, caplog):
    data = small_dataset(tmp_path / "data", 10, 5)
    arguments = [f"--dataset_dir={data}", f"--model_dir={tmp_path / 'model'}", "--strategy=multiworker"]
    for cluster, told in zip(clusters.of(2), (True, False)):
        monkeypatch.setenv("TF_CONFIG", clusters.tf_config(cluster))
        caplog.clear()
        with caplog.at_level("WARNING", logger="absl"), pytest.raises(InputError, match=r"--worker_timeout=0\.3"):
            programs.run("train.main", *arguments, "--worker_timeout=0.3")
        assert bool([record for record in caplog.records if record.name == "absl"]) == told


def test_a_malformed_tf_config_is_refused_by_name(dataset, tmp_path, monkeypatch):
    monkeypatch.setenv("TF_CONFIG", '{"cluster": {"worker": ["localhost"]}, "task": {"type": "worker", "index": 0}}')
    with pytest.raises(
        InputError, match=r"^TF_CONFIG must name worker 0 as HOST:PORT.*With --strategy=multiworker each"
    ):
        train(dataset, str(tmp_path / "model"), strategy="multiworker")
    assert not (tmp_path / "model").exists()


def test_an_empty_train_split_is_refused(tmp_path):
    data, points = str(tmp_path / "data"), sample.random_points(20)
    sample.write(data, train=points[np.zeros(20, bool)], valid=points)
    with pytest.raises(InputError, match="the train split must have points"):
        train(data, str(tmp_path / "model"))
    assert not os.path.exists(tmp_path / "model")


def test_more_than_a_month_or_the_disk_asks_for_force(dataset, tmp_path, monkeypatch):
    model = str(tmp_path / "model")
    with pytest.raises(InputError, match=r"at least [\d,]+ days even on a fast machine.*--force=True"):
        train(dataset, model, epochs=1_000_000, repetitions=10_000, group_size=1)
    assert not os.path.exists(model)
    monkeypatch.setattr("shutil.disk_usage", lambda _: SimpleNamespace(free=1000))
    with pytest.raises(InputError, match=r"Make room or give another --?model_dir; with --force=True"):
        train(dataset, model)
    train(dataset, model, force=True, repetitions=1, epochs=1)
    assert os.path.exists(model)


def test_an_adversarial_method_is_a_flag_and_its_ramp_is_a_curve(dataset, tmp_path):
    model = str(tmp_path / "model")
    train(dataset, model, adversarial="ibp", ibp_ramp=1, repetitions=1, epsilon=0.5)
    training = manifest.ModelManifest.read(model).training
    assert (training.adversarial, training.ibp_ramp, training.epsilon) == ("ibp", 1.0, 0.5)
    found = {}
    for file in glob.glob(os.path.join(model, "tensorboard", "*", "*")):
        for event in tf.compat.v1.train.summary_iterator(file):
            for value in event.summary.value:
                found.setdefault(value.tag, []).append(float(tf.make_ndarray(value.tensor)))
    steps = 3 * -(-POINTS // 16)
    np.testing.assert_allclose(found["epsilon"], 0.5 * np.arange(steps) / steps, rtol=1e-6)
    np.testing.assert_allclose(found["adversarial_weight"], np.arange(steps) / steps, rtol=1e-6)
    assert len(found["loss/adversarial"]) == steps and all(np.isfinite(found["loss/adversarial"]))
