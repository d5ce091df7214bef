from __future__ import annotations

import os

import pytest

from mach_tf.buckets import BucketSpec
from mach_tf.errors import InputError
from mach_tf.training import claims, cluster_part
from mach_tf.training.cluster_part import ClusterTraining
from mach_tf.training.run_options import RunOptions
from mach_tf.training_config import TrainingConfig


def test_a_part_is_trained_once_nobody_else_trains_it(dataset, tmp_path, monkeypatch):
    model_dir, asked = str(tmp_path / "model"), []

    def check_free(path, repetitions):
        asked.append((path, [*repetitions]))
        if len(asked) < 3:
            raise InputError("in use")

    monkeypatch.setattr(claims, "check_free", check_free)
    monkeypatch.setattr(cluster_part, "_TICK_SECONDS", 0.0)
    with cluster_part.shared(model_dir) as token:
        options = RunOptions("one_device", validation_points=0, curves=False)
        training = ClusterTraining(
            dataset, model_dir, TrainingConfig(epochs=1, hidden_units=4), BucketSpec(8, 3), options, {}, token
        )
        result = cluster_part.train(training, (1, 3))
    assert [group.repetitions for group in result.groups] == [(1, 2)]
    assert asked[:3] == [(model_dir, [1, 2])] * 3


def test_a_model_directory_that_is_not_shared_is_refused(dataset, tmp_path, monkeypatch):
    monkeypatch.setattr(cluster_part, "_SETTLE_SECONDS", 0.0)
    model_dir = str(tmp_path / "model")
    with cluster_part.shared(model_dir):
        training = ClusterTraining(dataset, model_dir, None, None, None, {}, "of another")
        with pytest.raises(InputError, match="must be one directory that all nodes share"):
            cluster_part.train(training, (0, 1))
    assert not os.path.exists(model_dir)


def test_other_packages_are_refused(dataset, tmp_path):
    training = ClusterTraining(dataset, str(tmp_path), None, None, None, {"numpy": "0.1"}, "")
    with pytest.raises(InputError, match=r"has \{'numpy': '.+'\}, not \{'numpy': '0.1'\}"):
        cluster_part.train(training, (0, 1))
