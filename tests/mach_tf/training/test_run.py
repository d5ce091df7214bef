from __future__ import annotations

import concurrent.futures
import dataclasses
import json
import os
import pathlib
import shutil
import threading

import numpy as np
import pytest

from mach_tf.buckets import BucketSpec
from mach_tf.errors import InputError
from mach_tf.manifest import ModelManifest, repetition_directory
from mach_tf.network import Network
from mach_tf.training.progress import Progress
from mach_tf.training.run import train
from mach_tf.training.run_options import RunOptions
from mach_tf.training.stop import Stop
from mach_tf.training_config import TrainingConfig
from tests.helpers import clusters, tiny

CONFIG = TrainingConfig(hidden_units=16, epochs=3, batch_size=16, learning_rate=0.01, dropout=0.2, feature_dropout=0.1)
SPEC = BucketSpec(8, tiny.REPETITIONS)
OPTIONS = RunOptions("one_device", group_size=2)


class StopAfter(Stop):
    """Requests a stop after it was asked `steps` times."""

    def __init__(self, steps):
        self.left = steps
        self.entered = []

    def __enter__(self):
        self.entered.append(True)
        return self

    def __exit__(self, *_):
        self.entered.append(False)

    def requested(self):
        self.left -= 1
        return self.left < 0


def assert_same_bits(model, other, repetitions=range(tiny.REPETITIONS)):
    for repetition in repetitions:
        for ours, theirs in zip(tiny.weights(model, repetition), tiny.weights(other, repetition)):
            np.testing.assert_array_equal(ours, theirs)


def test_the_library_trains_what_the_program_trains(dataset, trained, tmp_path):
    model, said, planned = str(tmp_path / "model"), [], []
    result = train(dataset, model, CONFIG, SPEC, OPTIONS, Progress(said.append, planned.append))
    assert_same_bits(model, trained)
    ours, theirs = ModelManifest.read(model), ModelManifest.read(trained)
    assert ours.run == {**theirs.run, "model_dir": model} and list(ours.run) == list(theirs.run)
    assert (ours.decisive(), ours.versions) == (theirs.decisive(), theirs.versions)
    assert [group.repetitions for group in result.groups] == [(0, 1), (2,)]
    for group in result.groups:
        for losses in (group.clean_losses, group.adversarial_losses):
            assert len(losses) == len(group.repetitions) and all(0 < loss < 1 for loss in losses)
        assert sorted(group.validation) == ["P@1", "P@5"] and group.seconds > 0
    assert not result.stopped and result.model_dir == model
    assert planned == [result.resources] and (result.resources.group_size, result.resources.repetitions) == (2, 3)
    assert list(result.warnings) == said
    json.dumps(result.to_json())


def test_stopped_anywhere_it_goes_on_to_the_same_bits(dataset, trained, tmp_path):
    model, stop = str(tmp_path / "model"), StopAfter(6)
    stopped = train(dataset, model, CONFIG, SPEC, OPTIONS, stop=stop)
    assert stopped.stopped and not stopped.groups and stop.entered == [True, False]
    assert os.listdir(os.path.join(model, "checkpoints")) == ["repetitions-000"]
    again = train(dataset, model, CONFIG, SPEC, OPTIONS)
    assert not again.stopped and len(again.groups) == 2
    assert_same_bits(model, trained)
    assert os.listdir(os.path.join(model, "checkpoints")) == []


def test_fewer_moments_are_saved_and_resumed_to_the_same_bits(dataset, tmp_path):
    config = dataclasses.replace(CONFIG, optimizer="rowwise")
    whole, model = str(tmp_path / "whole"), str(tmp_path / "model")
    train(dataset, whole, config, SPEC, OPTIONS)
    assert train(dataset, model, config, SPEC, OPTIONS, stop=StopAfter(6)).stopped
    (state,) = pathlib.Path(model, "checkpoints", "repetitions-000").iterdir()
    # Four variables, their second moments, the momentum of three, and the number of steps; of W1, 50 features of two repetitions.
    assert len(list(state.glob("*.npy"))) == 12
    assert np.load(state / "variable-04.npy").shape == (tiny.FEATURES, 2)
    assert not train(dataset, model, config, SPEC, OPTIONS).stopped
    assert_same_bits(model, whole)


def _content(directory):
    """The bytes and times of every file below."""
    paths = sorted(path for path in pathlib.Path(directory).rglob("*") if path.is_file())
    return {str(path): (path.read_bytes(), path.stat().st_mtime_ns) for path in paths}


def test_repetitions_are_added_to_a_finished_model(dataset, trained, tmp_path):
    """Those that are there stay as they are; a stop on the way leaves them, and the rest goes on."""
    model, said = str(tmp_path / "model"), []
    train(dataset, model, CONFIG, BucketSpec(8, 2), OPTIONS)
    before = {r: _content(repetition_directory(model, r)) for r in (0, 1)}
    assert train(dataset, model, CONFIG, SPEC, OPTIONS, Progress(said.append), StopAfter(3)).stopped
    assert any("gets 1 repetition(s) in addition to its 2, which stay as they are" in text for text in said)
    with pytest.raises(InputError, match=r"it lacks repetition-002 \(of 3\)"):
        Network.load(model)
    assert len(Network.load(model, repetitions=2).repetitions) == 2
    result = train(dataset, model, CONFIG, SPEC, OPTIONS, Progress(said.append))
    assert [group.repetitions for group in result.groups] == [(2,)]
    assert {r: _content(repetition_directory(model, r)) for r in (0, 1)} == before
    assert_same_bits(model, trained)
    ours, theirs = ModelManifest.read(model), ModelManifest.read(trained)
    assert ours.decisive() == theirs.decisive() and ours.run["groups"] == [[0, 1], [2]]
    assert len(Network.load(model).repetitions) == 3


def test_nothing_is_left_to_train(dataset, trained):
    stop = StopAfter(0)
    result = train(dataset, trained, CONFIG, SPEC, OPTIONS, stop=stop)
    assert result.resources is None and result.groups == () and not result.stopped and stop.entered == []


def test_a_part_of_the_repetitions(dataset, trained, tmp_path):
    model = str(tmp_path / "model")
    result = train(dataset, model, CONFIG, SPEC, RunOptions("one_device", repetition_range=(1, 2)))
    assert [group.repetitions for group in result.groups] == [(1,)]
    assert not os.path.exists(repetition_directory(model, 0))
    for ours, theirs in zip(tiny.weights(model, 1), tiny.weights(trained, 1)):
        np.testing.assert_allclose(ours, theirs, rtol=1e-3, atol=1e-5)


@pytest.mark.parametrize("wanted", [(0, 4), (2, 2), (-1, 2)])
def test_a_range_outside_is_refused_by_name(dataset, tmp_path, wanted):
    message = r"^repetition_range must be \(first, end\) with 0 <= first < end <= repetitions=3 \(got "
    with pytest.raises(InputError, match=message):
        train(dataset, str(tmp_path / "model"), CONFIG, SPEC, RunOptions(repetition_range=wanted))
    assert not os.path.exists(tmp_path / "model")


def test_other_settings_are_refused_with_the_arguments_to_give(dataset, trained):
    other = TrainingConfig(**{**CONFIG.__dict__, "epochs": 4})
    message = r"training\.epochs was 3, is now 4\. Give epochs=3, or another model_dir\.$"
    with pytest.raises(InputError, match=message):
        train(dataset, trained, other, SPEC, OPTIONS)


@pytest.mark.parametrize(
    ("changes", "options", "named"),
    [
        ({"seed": 1}, {}, "seed=0 at {0} and seed=1 at {1}"),
        ({"learning_rate": 0.5}, {}, "learning_rate=0.01 at {0} and learning_rate=0.5 at {1}"),
        ({"epsilon": 0.5}, {}, "epsilon=0.01 at {0} and epsilon=0.5 at {1}"),
        ({}, {"repetition_range": (0, 2)}, "repetition_range=None at {0} and repetition_range=[0, 2] at {1}"),
        ({}, {"group_size": 3}, "group_size=2 at {0} and group_size=3 at {1}"),
    ],
)
@pytest.mark.parametrize("begun", [False, True])
def test_workers_that_differ_are_refused_in_each_with_the_difference(
    dataset, trained, tmp_path, monkeypatch, changes, options, named, begun
):
    """In threads; both are refused before TensorFlow would connect them."""
    model, seen, local = tmp_path / "model", clusters.of(2), threading.local()
    if begun:  # then the one with other settings would be refused by model.json, unknown to the other
        model.mkdir()
        shutil.copy(os.path.join(trained, "model.json"), model)
    monkeypatch.setattr("mach_tf.training.cluster.read", lambda: seen[local.position])

    def start(position, config, spec, **options):
        local.position = position
        said = []
        run_options = RunOptions("multiworker", worker_timeout=60, **{"group_size": 2, **options})
        with pytest.raises(InputError) as raised:
            train(dataset, str(model), config, spec, run_options, Progress(said.append))
        return str(raised.value), said

    other = TrainingConfig(**{**CONFIG.__dict__, **changes})
    with concurrent.futures.ThreadPoolExecutor(2) as pool:
        first = pool.submit(start, 0, CONFIG, SPEC)
        second = pool.submit(start, 1, other, BucketSpec(8, tiny.REPETITIONS, seed=other.seed), **options)
        (ours, _), (theirs, said) = first.result(180), second.result(180)
    assert ours == theirs and named.format(*(worker.address for worker in seen[0].workers)) in ours
    assert said == [], "the chief warns for all"
    assert os.listdir(tmp_path) == (["model"] if begun else [])


def test_a_stop_ends_the_waiting_for_workers(dataset, tmp_path, monkeypatch):
    monkeypatch.setattr("mach_tf.training.cluster.read", lambda: clusters.of(2)[0])
    stop = StopAfter(3)
    result = train(dataset, str(tmp_path / "model"), CONFIG, SPEC, RunOptions("multiworker"), stop=stop)
    assert result.stopped and stop.entered == [True, False] and not (tmp_path / "model").exists()


def test_a_worker_that_is_refused_later_tells_the_others_why(dataset, tmp_path, monkeypatch):
    """Worker 1 finds a dataset directory where its model directory should be."""
    seen, local = clusters.of(2), threading.local()
    monkeypatch.setattr("mach_tf.training.cluster.read", lambda: seen[local.position])

    def start(position, model_dir):
        local.position = position
        with pytest.raises(InputError) as raised:
            train(dataset, model_dir, CONFIG, SPEC, RunOptions("multiworker", worker_timeout=60))
        return str(raised.value)

    with concurrent.futures.ThreadPoolExecutor(2) as pool:
        ours, theirs = pool.submit(start, 0, str(tmp_path / "model")), pool.submit(start, 1, dataset)
        assert theirs.result(180).startswith("model_dir must be new, empty or a model directory")
        assert ours.result(180) == (
            f"worker 1 at {seen[1].own.address} cannot train, and so none can: {theirs.result(180)}"
        )
