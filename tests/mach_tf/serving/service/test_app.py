"""The service over a servable, in process: its answers are the library's, and every error is JSON."""

from __future__ import annotations

import asyncio
import base64
import functools
import json
import threading

import numpy as np
import pytest

pytest.importorskip("starlette", reason="the service needs the extra serve")
from starlette.testclient import TestClient

from mach_tf import points
from mach_tf.ensemble import Ensemble
from mach_tf.serving.exporting import export
from mach_tf.serving.service.app import Service, ServiceConfig
from mach_tf.serving.service.batcher import BatchLimits
from mach_tf.serving.service.own_requests import RequestLimits
from mach_tf.serving.service.served_version import ServedVersion
from mach_tf.serving.service.versions import Versions
from tests.helpers.waiting import LONG, until_async
from tests.mach_tf.serving.test_servable import serialized


@pytest.fixture(scope="module")
def model(evaluated):
    return Ensemble.load(evaluated.model_dir)


@pytest.fixture(scope="module")
def folder(model, tmp_path_factory):
    folder = tmp_path_factory.mktemp("servables") / "tiny"
    export(model, folder / "1")
    return folder


@pytest.fixture(scope="module")
def versions(folder):
    return Versions(str(folder), ServedVersion.load)


@pytest.fixture(scope="module")
def client(versions):
    config = ServiceConfig(BatchLimits(), RequestLimits(body_bytes=100_000), reload_seconds=0)
    with TestClient(Service(versions, config).app(), raise_server_exceptions=False) as client:
        yield client


def as_points(matrix):
    return [{"feature_ids": row.indices.tolist(), "feature_values": row.data.tolist()} for row in matrix]


def test_predictions_are_those_of_the_library(client, model, evaluated):
    answer = client.post("/predict", json={"points": as_points(evaluated.test[0]), "k": 3})
    assert answer.status_code == 200
    body = answer.json()
    assert (body["model"], body["version"]) == ("tiny", 1)
    expected = model.top_k(evaluated.test[0], 3)
    found = [[label["label"] for label in point["labels"]] for point in body["predictions"]]
    np.testing.assert_array_equal(found, expected.labels)
    probabilities = [[label["probability"] for label in point["labels"]] for point in body["predictions"]]
    np.testing.assert_allclose(probabilities, expected.scores, rtol=1e-6)
    assert body["predictions"][3]["labels"][0]["name"] == str(expected.labels[3, 0])


def test_reasons_are_those_of_the_library(client, model, evaluated):
    body = client.post("/explain", json={"points": as_points(evaluated.test[0][5:6]), "k": 1}).json()
    (label,) = body["predictions"][0]["labels"]
    expected = model.explain(evaluated.test[0][5:6]).toarray()[0]
    for reason in label["reasons"]:
        assert reason["attribution"] == pytest.approx(expected[reason["feature"]], rel=1e-4, abs=1e-6)


def test_attacks_are_those_of_the_library(client, model, evaluated):
    X, Y = evaluated.test[0][5:9], evaluated.test[1][5:9]
    body = {"points": as_points(X), "true_labels": [row.indices.tolist() for row in Y], "epsilon": 0.05, "k": 3}
    found = client.post("/attack", json=body).json()["predictions"]
    (entry,) = model.attack(X, Y, 0.05, estimator="logit_mean")
    assert np.mean([point["attacked_loss"] for point in found]) == pytest.approx(entry.loss, rel=1e-5)
    before = client.post("/predict", json={"points": as_points(X), "k": 3}).json()["predictions"]
    keys = ("label", "name", "score", "probability")
    assert [[{key: one[key] for key in keys} for one in point["labels"]] for point in found] == [
        point["labels"] for point in before
    ]


def test_the_interface_of_tensorflow_serving(client, model, evaluated):
    raw = points.from_csr(evaluated.test[0][:4])
    expected = model.top_k(evaluated.test[0][:4], 2).labels.tolist()
    inputs = {
        "row_splits": raw.row_splits.tolist(),
        "feature_ids": raw.feature_ids.tolist(),
        "feature_values": raw.feature_values.tolist(),
        "k": 2,
    }
    column = client.post("/v1/models/tiny:predict", json={"signature_name": "sparse", "inputs": inputs}).json()
    assert column["outputs"]["labels"] == expected
    examples = [example.decode("latin-1") for example in serialized(raw).numpy()]
    instances = [
        {"examples": {"b64": base64.b64encode(example.encode("latin-1")).decode()}, "k": 2} for example in examples
    ]
    rows = client.post("/v1/models/tiny/versions/1:predict", json={"instances": instances}).json()
    assert [row["labels"] for row in rows["predictions"]] == expected
    (state,) = client.get("/v1/models/tiny").json()["model_version_status"]
    assert (state["version"], state["state"]) == ("1", "AVAILABLE")
    metadata = client.get("/v1/models/tiny/metadata").json()
    assert set(metadata["metadata"]["signature_def"]["signature_def"]) == {
        "serving_default",
        "sparse",
        "explain",
        "attack",
    }


def test_work_for_a_client_that_hung_up_is_dropped(versions, monkeypatch):
    """Three requests wait for a call that runs; the client of the second hangs up."""
    begun, gate, asked, listening = threading.Event(), threading.Event(), [], []
    answer = type(versions.current).answer

    def held(served, job):
        asked.append(job.inputs["feature_values"].tolist())
        begun.set()
        gate.wait(LONG)
        return answer(served, job)

    monkeypatch.setattr(type(versions.current), "answer", held)
    app = Service(versions, ServiceConfig(BatchLimits(points=1, timeout=2 * LONG), reload_seconds=0)).app()

    async def post(value, hang_up):
        body = json.dumps({"points": [{"feature_ids": [1], "feature_values": [value]}]}).encode()
        sent, messages = [], [{"type": "http.request", "body": body, "more_body": False}]

        async def receive():
            if messages:
                return messages.pop()
            listening.append(value)  # its work has begun
            await hang_up.wait()
            return {"type": "http.disconnect"}

        async def send(message):
            sent.append(message)

        scope = {"type": "http", "method": "POST", "path": "/predict", "headers": [], "query_string": b""}
        await app(scope, receive, send)
        return sent[0]["status"]

    async def run():
        never, now = asyncio.Event(), asyncio.Event()
        first = asyncio.create_task(post(1.0, never))
        await asyncio.to_thread(begun.wait, LONG)
        others = [asyncio.create_task(post(2.0, now)), asyncio.create_task(post(3.0, never))]
        await until_async(lambda: sorted(listening) == [1.0, 2.0, 3.0])
        now.set()
        await asyncio.wait_for(asyncio.shield(others[0]), LONG)
        gate.set()
        return await asyncio.gather(first, *others)

    assert asyncio.run(run()) == [200, 499, 200]
    assert asked == [[1.0], [3.0]]


def test_the_point_that_is_wrong_is_named(client):
    wrong = [{"feature_ids": [1], "feature_values": [1]}, {"feature_ids": [60], "feature_values": [1]}]
    answer = client.post("/predict", json={"points": wrong})
    assert answer.json()["error"] == "point 1: feature_ids must be in [0, 60) (got 60)"


@pytest.mark.parametrize("path", ["/predict", "/explain", "/attack"])
def test_no_points_have_no_predictions(client, path):
    assert client.post(path, json={"points": []}).json()["predictions"] == []


@pytest.mark.parametrize("path", ["/predict", "/explain", "/attack"])
def test_values_whose_sum_is_infinite_are_refused(client, path):
    large = {"feature_ids": [1] * 40, "feature_values": [9e37] * 40}
    answer = client.post(path, json={"points": [{"feature_ids": [], "feature_values": []}, large]})
    assert answer.status_code == 400
    assert answer.json()["error"].startswith("point 1: the values are so large")


def test_the_document_has_every_path_and_no_other(client):
    document = client.get("/openapi.json").json()
    routes = {
        (route.path.replace("{version:version}", "{version}"), method.lower())
        for route in client.app.routes
        for method in route.methods - {"HEAD"}
    }
    assert {(path, method) for path, item in document["paths"].items() for method in item} == routes


def test_health_metrics_document_and_page(client):
    assert client.get("/healthz").json() == {"status": "alive"}
    assert client.get("/readyz").json() == {"status": "ready", "version": 1}
    assert 'mach_requests_total{path="/healthz",status="200"}' in client.get("/metrics").text
    assert client.get("/openapi.json").json()["info"]["title"] == "tiny"
    assert client.get("/").headers["content-type"].startswith("text/html")


def test_a_defect_is_logged_and_not_shown(versions, monkeypatch, caplog):
    monkeypatch.setattr(type(versions.current), "answer", lambda *_: 1 / 0)
    with TestClient(Service(versions, ServiceConfig(reload_seconds=0)).app()) as client:
        answer = client.post("/predict", json={"points": [{"feature_ids": [], "feature_values": []}]})
    assert (answer.status_code, answer.json()["code"]) == (500, "internal")
    assert "division" not in answer.text
    assert "ZeroDivisionError" in caplog.text


def test_a_token_is_asked_for_except_by_health_checks(versions):
    config = ServiceConfig(reload_seconds=0, token="s3cret")
    with TestClient(Service(versions, config).app()) as client:
        body = {"points": [{"feature_ids": [], "feature_values": []}]}
        assert client.post("/predict", json=body).status_code == 401
        assert client.post("/predict", json=body, headers={"Authorization": "Bearer no"}).status_code == 401
        assert client.post("/predict", json=body, headers={"Authorization": "Bearer s3cret"}).status_code == 200
        assert client.get("/healthz").status_code == client.get("/").status_code == 200
        assert client.get("/openapi.json").status_code == 401


def test_an_older_servable_has_no_attack(versions, monkeypatch):
    older = {name: spec for name, spec in versions.current.specs.items() if not name.startswith("attack")}
    monkeypatch.setattr(versions.current, "specs", older)
    with TestClient(Service(versions, ServiceConfig(reload_seconds=0)).app()) as client:
        answer = client.post("/attack", json={"points": [{"feature_ids": [], "feature_values": []}]})
    assert (answer.status_code, answer.json()["code"]) == (400, "invalid")
    assert "export the model again" in answer.json()["error"]


def test_attacks_can_be_switched_off(folder):
    versions = Versions(str(folder), functools.partial(ServedVersion.load, attacks=False))
    with TestClient(Service(versions, ServiceConfig(reload_seconds=0, attacks=False)).app()) as client:
        assert client.post("/attack", json={}).status_code == 404
        assert "/attack" not in client.get("/openapi.json").json()["paths"]
        refused = client.post("/v1/models/tiny:predict", json={"inputs": {}, "signature_name": "attack"})
        assert (refused.status_code, "must be one of" in refused.json()["error"]) == (400, True)


def test_a_new_version_takes_over_and_a_truncated_one_does_not(model, folder, tmp_path):
    export(model, tmp_path / "tiny" / "1")
    versions = Versions(str(tmp_path / "tiny"), ServedVersion.load)
    with TestClient(Service(versions, ServiceConfig(reload_seconds=0)).app()) as client:
        export(model, tmp_path / "tiny" / "2", weights="float16")
        data = tmp_path / "tiny" / "2" / "variables" / "variables.data-00000-of-00001"
        whole = data.read_bytes()
        data.write_bytes(whole[:-1])
        assert not versions.check()
        assert client.get("/readyz").json()["version"] == 1
        export(model, tmp_path / "tiny" / "3", weights="float16")
        assert versions.check()
        answer = client.post("/predict", json={"points": [{"feature_ids": [], "feature_values": []}]})
        assert answer.json()["version"] == 3
