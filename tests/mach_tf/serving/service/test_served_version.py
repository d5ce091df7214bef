from __future__ import annotations

import concurrent.futures
import json
import shutil
import threading

import numpy as np
import pytest

pytest.importorskip("starlette", reason="the service needs the extra serve")
from starlette.testclient import TestClient

from mach_tf.ensemble import Ensemble
from mach_tf.errors import InputError
from mach_tf.sealed_json import seal, without_checksum
from mach_tf.serving.contents import FILE
from mach_tf.serving.example_requests import example_request
from mach_tf.serving.exporting import export
from mach_tf.serving.service.app import Service, ServiceConfig
from mach_tf.serving.service.batcher import BatchLimits
from mach_tf.serving.service.jobs import Job
from mach_tf.serving.service.problems import RequestError
from mach_tf.serving.service.served_version import ServedVersion
from mach_tf.serving.service.versions import Versions
from tests.helpers.waiting import LONG, until


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


def test_attacks_can_be_left_out(directory):
    served = ServedVersion.load(str(directory), 1, attacks=False)
    assert set(served.specs) == set(served.metadata) == set(served.contents.signatures)
    assert set(served.specs) == {"serving_default", "sparse", "explain"}


def test_metadata_have_the_fields_that_tensorflow_serving_writes(served):
    inputs = served.metadata["sparse"]["inputs"]
    assert inputs["row_splits"]["dtype"] == "DT_INT64"
    assert inputs["row_splits"]["tensor_shape"] == {"dim": [{"size": "-1", "name": ""}], "unknown_rank": False}
    assert inputs["k"]["tensor_shape"] == {"dim": [], "unknown_rank": True}


def test_what_is_no_example_is_a_sentence(served):
    for damaged in (b"\xd3\x00\xff", b"\x0a\xff"):
        with pytest.raises(RequestError, match="must be serialized"):
            served.answer(Job("serving_default", {"examples": np.array([damaged], object)}, 1, 1))


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


def test_a_request_that_straddles_a_reload_is_answered_by_the_version_that_it_was_checked_against(
    directory, monkeypatch
):
    versions = Versions(str(directory.parent), ServedVersion.load)
    answer = ServedVersion.answer

    def slow(served, job):
        answers.append(served.version)
        if len(answers) == 1:
            first.set()
            second.wait(LONG)
        return answer(served, job)

    answers, first, second = [], threading.Event(), threading.Event()
    monkeypatch.setattr(ServedVersion, "answer", slow)
    body = {"points": [{"feature_ids": [3], "feature_values": [1.0]}], "k": 2}
    limits = BatchLimits(timeout=2 * LONG)
    with TestClient(Service(versions, ServiceConfig(limits, reload_seconds=0)).app()) as client:
        with concurrent.futures.ThreadPoolExecutor(3) as pool:
            before = [pool.submit(client.post, "/predict", json=body)]
            first.wait(LONG)
            before.append(pool.submit(client.post, "/predict", json=body))
            until(lambda: "mach_queued_points 1.0" in client.get("/metrics").text)
            old = versions.current
            versions.current = ServedVersion(2, old.contents, old._model, old.metadata)
            after = pool.submit(client.post, "/predict", json=body)
            until(lambda: "mach_queued_points 2.0" in client.get("/metrics").text)
            second.set()
            found = [each.result().json()["version"] for each in (*before, after)]
    assert found == answers == [1, 1, 2]
