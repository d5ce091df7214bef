from __future__ import annotations

import json
import shutil

import numpy as np
import pytest

from mach_tf.ensemble import Ensemble
from mach_tf.errors import InputError
from mach_tf.sealed_json import seal, without_checksum
from mach_tf.serving.contents import FILE
from mach_tf.serving.example_requests import example_request
from mach_tf.serving.exporting import export
from mach_tf.serving.service.jobs import Job
from mach_tf.serving.service.problems import RequestError
from mach_tf.serving.service.served_version import ServedVersion


@pytest.fixture(scope="module")
def directory(evaluated, tmp_path_factory):
    path = tmp_path_factory.mktemp("servables") / "tiny" / "1"
    export(Ensemble.load(evaluated.model_dir), path)
    return path


@pytest.fixture(scope="module")
def served(directory):
    return ServedVersion.load(str(directory), 1)


def job(ids):
    inputs = {"row_splits": [0, len(ids)], "feature_ids": ids, "feature_values": [1.0] * len(ids)}
    return Job("sparse", {name: np.array(value) for name, value in inputs.items()}, 1, 3)


def test_it_answers_and_describes_its_signatures(served):
    assert served.answer(job([3, 4]))["labels"].shape == (1, 3)
    assert set(served.specs) == set(served.metadata) == {"serving_default", "sparse", "explain", "attack"}
    assert set(served.specs["sparse"]) == {"row_splits", "feature_ids", "feature_values"}


def test_a_rule_of_the_graph_is_a_sentence(served):
    with pytest.raises(RequestError) as refused:
        served.answer(job([3, 60]))
    assert refused.value.message == "point 0: feature_ids must be in [0, 60) (got 60)"


def test_damage_is_refused(directory, tmp_path):
    shutil.copytree(directory, tmp_path / "1")
    graph = tmp_path / "1" / "saved_model.pb"
    graph.write_bytes(graph.read_bytes()[:-1] + b"x")
    with pytest.raises(InputError, match=r"saved_model.pb is not the file"):
        ServedVersion.load(str(tmp_path / "1"), 1)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"signatures": ["sparse", "text"]}, "signatures that servable.json names, sparse, text"),
        ({"features": "60"}, "does not fit the schema"),
        ({"files": {"../1/variables": {"bytes": 1, "sha256": "0" * 64}}}, "is missing"),
    ],
)
def test_a_servable_json_that_lies_is_refused(directory, tmp_path, changes, message):
    """Its own checksum is right: whoever changed it wrote it anew."""
    shutil.copytree(directory, tmp_path / "1")
    path = tmp_path / "1" / FILE
    path.write_text(json.dumps(seal({**without_checksum(json.loads(path.read_text())), **changes})))
    with pytest.raises(InputError, match=message):
        ServedVersion.load(str(tmp_path / "1"), 1)


def test_a_version_is_served_on_after_its_folder_is_removed(directory, tmp_path):
    shutil.copytree(directory, tmp_path / "1")
    served = ServedVersion.load(str(tmp_path / "1"), 1)
    shutil.rmtree(tmp_path / "1")
    for name in served.specs:
        assert served.answer(Job(name, example_request(name, 0), 1, 1))["labels"].shape == (1, 1)


def test_loading_answers_a_request_of_each_signature(directory, monkeypatch):
    asked, answer = [], ServedVersion.answer

    def noted(served, job):
        asked.append(job.signature)
        return answer(served, job)

    monkeypatch.setattr(ServedVersion, "answer", noted)
    served = ServedVersion.load(str(directory), 1)
    assert sorted(asked) == sorted(served.specs)
