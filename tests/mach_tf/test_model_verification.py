from __future__ import annotations

import json
import os
import shutil

import numpy as np
import pytest

from mach_tf import model_verification
from mach_tf.classifier import Weights
from mach_tf.errors import InputError
from mach_tf.manifest import ModelManifest
from mach_tf.saved_repetition import export_repetition
from tests.helpers import model_directory


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    path = str(tmp_path_factory.mktemp("model"))
    model_directory.write(path, repetitions=2)
    return path


@pytest.fixture
def model(whole, tmp_path):
    shutil.copytree(whole, tmp_path / "model")
    return tmp_path / "model"


def flip(path, at=-30):
    data = bytearray(path.read_bytes())
    data[at] ^= 1
    path.write_bytes(data)


def test_a_whole_model_is_called_so(whole):
    found = model_verification.verify(whole)
    assert found.is_whole and str(found) == f"{whole} is whole: all 2 of its repetitions."
    assert json.loads(json.dumps(found.to_json())) == {"model_dir": whole, "problems": [], "repetitions": 2}
    model_verification.check_models([whole])


def test_every_problem_is_named(model):
    flip(model / "repetition-000/saved_model.pb")
    os.remove(model / "repetition-001/fingerprint.pb")
    reported = []
    found = model_verification.verify(str(model), reported.append)
    assert reported == found.problems and len(reported) == 2 and not found.is_whole
    assert "repetition-000/saved_model.pb must have the SHA-256" in reported[0]
    assert "repetition-001/fingerprint.pb is missing" in reported[1]
    assert str(found).endswith("is damaged: 2 problem(s).")
    with pytest.raises(InputError, match=r"repetition-000/saved_model\.pb"):
        model_verification.check_models([str(model)])


def test_only_the_repetitions_that_are_used_are_checked(model):
    flip(model / "repetition-001/saved_model.pb")
    model_verification.check_models([str(model)], 1)
    shutil.rmtree(model / "repetition-001")
    assert "repetition-001 is missing" in model_verification.verify(str(model)).problems[0]


def test_weights_without_a_list_are_checked_by_their_checksums(model):
    os.remove(model / "repetition-001/repetition.json")
    assert model_verification.verify(str(model)).is_whole
    flip(model / "repetition-001/variables/variables.data-00000-of-00001", 100)
    assert "repetition-001 must hold the weights" in model_verification.verify(str(model)).problems[0]


def test_weights_that_are_not_finite_are_named(model):
    manifest = ModelManifest.read(str(model))
    weights = Weights(*(np.zeros(shape, np.float32) for shape in manifest.shape.weights.values()))
    weights.output_kernel[1, 2] = np.nan
    export_repetition(str(model / "repetition-001"), weights, manifest.origin(1))
    assert "must hold finite weights, but its output_kernel" in model_verification.verify(str(model)).problems[0]


def test_no_model_is_said(tmp_path):
    assert "holds no model" in str(model_verification.verify(str(tmp_path)))


def test_a_single_repetition_is_checked_by_its_own_list(model):
    path = model / "repetition-001"
    found = model_verification.verify(str(path))
    assert found.is_whole and "is whole: a single repetition" in str(found)
    flip(path / "saved_model.pb")
    (problem,) = model_verification.verify(str(path)).problems
    assert "repetition-001/saved_model.pb must have the SHA-256" in problem and "train again" in problem
    (path / "repetition.json").write_text("{")
    assert "repetition.json is not valid JSON" in model_verification.verify(str(path)).problems[0]
