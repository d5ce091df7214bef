from __future__ import annotations

import errno
import os

import numpy as np
import pytest
import tensorflow as tf

from mach_tf.ensemble import Ensemble
from mach_tf.errors import InputError
from mach_tf.serving.example_requests import example_request
from mach_tf.serving.exporting import export
from mach_tf.serving.service import shared_weights
from mach_tf.serving.service.jobs import Job
from mach_tf.serving.service.served_version import ServedVersion


@pytest.fixture(scope="module")
def folder(evaluated, tmp_path_factory):
    folder = tmp_path_factory.mktemp("servables") / "tiny"
    for version, weights, entries in ((1, "float32", 0), (2, "int8", 0), (3, "float16", 0.5)):
        export(Ensemble.load(evaluated.model_dir), folder / str(version), weights=weights, prune_entries=entries)
    return folder


@pytest.fixture(autouse=True)
def share_small_weights(monkeypatch):
    monkeypatch.setattr(shared_weights, "_SMALLEST_BYTES", 64)


@pytest.mark.parametrize("version", [1, 2, 3])
def test_answers_are_those_of_weights_of_its_own(folder, tmp_path, version):
    directory = str(folder / str(version))
    inputs = {
        "row_splits": np.array([0, 2, 3]),
        "feature_ids": np.array([3, 17, 4]),
        "feature_values": np.array([0.5, 1.0, 2.0]),
    }
    alone = ServedVersion.load(directory, version)
    for _ in range(2):
        shared = ServedVersion.load(directory, version, str(tmp_path))
        for signature in ("sparse", "explain"):
            job = Job(signature, inputs, 2, 3)
            expected = alone.answer(job)
            for name, found in shared.answer(job).items():
                np.testing.assert_array_equal(found, expected[name], err_msg=name)
    (written,) = os.listdir(tmp_path)
    sizes = sorted(os.path.getsize(tmp_path / written / name) for name in os.listdir(tmp_path / written))
    reader = tf.train.load_checkpoint(f"{directory}/variables/variables")
    arrays = [reader.get_tensor(name) for name in reader.get_variable_to_shape_map() if name.endswith("VALUE")]
    assert sizes == sorted(each.nbytes for each in arrays if each.dtype != object and each.nbytes >= 64)


def test_the_files_of_another_version_are_removed(folder, tmp_path):
    shared_weights.load(str(folder / "1"), str(tmp_path))
    before = os.listdir(tmp_path)
    shared_weights.load(str(folder / "2"), str(tmp_path))
    assert len(os.listdir(tmp_path)) == 1
    assert os.listdir(tmp_path) != before


def test_another_process_may_load_another_version_meanwhile(folder, tmp_path, monkeypatch):
    load = tf.saved_model.load

    def load_while_another_does(directory, **options):
        if directory == str(folder / "1"):
            shared_weights.load(str(folder / "2"), str(tmp_path))
        return load(directory, **options)

    monkeypatch.setattr(tf.saved_model, "load", load_while_another_does)
    shared = ServedVersion.load(str(folder / "1"), 1, str(tmp_path))
    monkeypatch.undo()
    job = Job("serving_default", example_request("serving_default", 0), 1, 3)
    expected = ServedVersion.load(str(folder / "1"), 1).answer(job)
    np.testing.assert_array_equal(shared.answer(job)["scores"], expected["scores"])


def test_a_full_disk_is_named_and_leaves_nothing(folder, tmp_path, monkeypatch):
    def full(*_):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(os, "rename", full)
    with pytest.raises(InputError, match=r"must have room for the weights.*No space left.*TMPDIR"):
        ServedVersion.load(str(folder / "1"), 1, str(tmp_path))
    assert os.listdir(tmp_path) == []
