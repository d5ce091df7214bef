"""Requests that break rules, and mutated ones: every answer is right, or an error in the documented form."""

from __future__ import annotations

import base64
import json
import random

import numpy as np
import pytest
import scipy.sparse

pytest.importorskip("starlette", reason="the service needs the extra serve")
from starlette.testclient import TestClient

from mach_tf.ensemble import Ensemble
from mach_tf.serving.example_requests import example_request
from mach_tf.serving.exporting import export
from mach_tf.serving.service.app import Service, ServiceConfig
from mach_tf.serving.service.own_requests import RequestLimits
from mach_tf.serving.service.served_version import ServedVersion
from mach_tf.serving.service.versions import Versions
from mach_tf.signature_names import SERVING_SIGNATURE

FEATURES = 60
POINTS = [
    {"feature_ids": [3, 17, 59], "feature_values": [0.5, 1, 2.25]},
    {"feature_ids": [], "feature_values": []},
    {"feature_ids": [0], "feature_values": [-1e-3]},
]
ARRAYS = {"row_splits": [0, 3, 3], "feature_ids": [3, 17, 59], "feature_values": [0.5, 1, 2.25], "k": 2}
EXAMPLE = base64.b64encode(example_request(SERVING_SIGNATURE, 0)["examples"][0]).decode()
REQUESTS = {
    "/predict": {"points": POINTS, "k": 3},
    "/explain": {"points": POINTS, "k": 1},
    "/attack": {"points": POINTS, "k": 2, "epsilon": 0.1, "true_labels": [[1], [2, 3], []]},
    "/v1/models/tiny:predict": {"signature_name": "sparse", "inputs": ARRAYS},
    "/v1/models/tiny/versions/1:predict": {"instances": [{"examples": {"b64": EXAMPLE}, "k": 2}]},
}
STRANGE = [
    None,
    True,
    False,
    0,
    -1,
    1,
    2,
    60,
    2**31,
    2**32 + 1,
    2**63,
    10**30,
    0.5,
    2.0,
    1e39,
    1e308,
    "",
    "5",
    "\ud800\0",
    [],
    {},
    [[]],
]
ERRORS = {400, 404, 405, 408, 413, 415}


@pytest.fixture(scope="module")
def model(evaluated):
    return Ensemble.load(evaluated.model_dir)


@pytest.fixture(scope="module")
def versions(model, tmp_path_factory):
    folder = tmp_path_factory.mktemp("servables") / "tiny"
    export(model, folder / "1")
    return Versions(str(folder), ServedVersion.load)


@pytest.fixture(scope="module")
def client(versions):
    config = ServiceConfig(requests=RequestLimits(body_bytes=100_000), reload_seconds=0)
    with TestClient(Service(versions, config).app(), raise_server_exceptions=False) as client:
        yield client


@pytest.mark.parametrize(
    ("method", "path", "body", "status"),
    [
        ("get", "/nothing", None, 404),
        ("get", "/v1/models/other", None, 404),
        ("get", "/v1/models/tiny/versions/2", None, 404),
        ("post", "/v1/models/tiny/versions/2:predict", b"{}", 404),
        ("get", "/v1/models/tiny/versions/" + "9" * 5000, None, 404),
        ("post", "/predict/", b"{}", 404),
        ("get", "/predict", None, 405),
        ("get", "/v1/models/tiny/versions/1:predict", None, 405),
        ("options", "/predict", None, 405),
        ("post", "/healthz", b"", 405),
        ("post", "/predict", b"", 400),
        ("post", "/attack", b"3", 400),
        ("post", "/attack", b'{"points": [], "epsilon": -1}', 400),
        ("post", "/attack", b'{"points": [{"features": {"cat": 1}}]}', 400),
        ("post", "/predict", b"{", 400),
        ("post", "/predict", b"\xff\xfe", 400),
        ("post", "/predict", b"[" * 50_000, 400),
        ("post", "/predict", b'{"points": [], "k": NaN}', 400),
        ("post", "/predict", b'{"texts": ["a"]}', 400),
        ("post", "/predict", b'{"points": [], "k": ' + b"[" * 900 + b"]" * 900 + b"}", 400),
        ("post", "/predict", b'{"points": ' + b"[" * 900 + b"]" * 900 + b"}", 400),
        ("post", "/predict", b'{"\\ud800": 1, "points": []}', 400),
        ("post", "/v1/models/tiny:predict", b'{"inputs": {"examples": ' + b"[" * 900 + b"]" * 900 + b', "k": 1}}', 400),
        ("post", "/predict", json.dumps({"points": [{"feature_ids": [60], "feature_values": [1]}]}).encode(), 400),
        ("post", "/predict", b" " * 100_001, 413),
        ("post", "/v1/models/tiny:predict", b'{"inputs": {"examples": ["\\u0000junk"], "k": 1}}', 400),
    ],
)
def test_every_error_is_json_with_a_code_and_leaks_nothing(client, method, path, body, status):
    options = {} if body is None else {"content": body}
    answer = getattr(client, method)(path, **options)
    assert answer.status_code == status
    found = answer.json()
    assert set(found) == {"error", "code"}
    assert "Traceback" not in found["error"]
    assert "/" not in found["error"].replace("/openapi.json", "")


def test_errors_have_the_headers_that_http_asks_for(client, versions):
    refused = client.get("/predict")
    assert set(refused.headers["allow"].split(", ")) == {"POST"}
    assert client.post("/predict", content=b"x", headers={"Content-Encoding": "gzip"}).status_code == 415
    assert client.head("/healthz").status_code == 200
    with TestClient(Service(versions, ServiceConfig(reload_seconds=0, token="s3cret")).app()) as closed:
        assert closed.get("/metrics").headers["www-authenticate"] == "Bearer"


def test_paths_that_do_not_exist_are_counted_together(client):
    for path in ("/nothing", "/nothing/at/all"):
        client.get(path)
    assert 'mach_requests_total{path="other",status="404"}' in client.get("/metrics").text
    assert "nothing" not in client.get("/metrics").text


def test_the_body_may_have_any_content_type(client):
    for kind in ("application/x-www-form-urlencoded", "text/plain", "application/json; charset=latin-1", "\u00ff"):
        answer = client.post("/predict", content=b'{"points": []}', headers={"Content-Type": kind.encode("latin-1")})
        assert answer.status_code == 200


def places(value, path=()):
    """Yields the path of every value inside a value."""
    items = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, inner in items:
        yield (*path, key)
        yield from places(inner, (*path, key))


def mutated_value(value, generator):
    """Returns a copy of a value in which one place is removed, doubled, or has something strange."""
    value = json.loads(json.dumps(value))
    found = list(places(value))
    if not found:
        return generator.choice(STRANGE)
    *way, last = generator.choice(found)
    inner = value
    for key in way:
        inner = inner[key]
    kind = generator.random()
    if kind < 0.2:
        del inner[last]
    elif kind < 0.4 and isinstance(inner, list):
        inner.insert(last, inner[last])
    elif kind < 0.5 and isinstance(inner, dict):
        inner[generator.choice(["extra", "", "k", "texts"])] = inner[last]
    else:
        inner[last] = generator.choice(STRANGE)
    return value


def mutated_bytes(body, generator):
    """Returns a body in which some bytes are changed, removed or doubled."""
    data = bytearray(body)
    for _ in range(generator.randint(1, 3)):
        place = generator.randrange(len(data))
        kind = generator.random()
        if kind < 0.5:
            data[place] = generator.choice(b'{}[]",:.-0129eE+ \x00\xff\\u')
        elif kind < 0.75:
            del data[place : place + generator.randint(1, 4)]
        else:
            data[place:place] = data[place : place + generator.randint(1, 4)]
    return bytes(data)


def points_of(path, body):
    """Returns the rows of an accepted request as a matrix, and k."""
    if path.startswith("/v1"):
        given = body["inputs"]
        ks = given["k"] if isinstance(given["k"], list) else [given["k"]]
        splits, ids, values, k = given["row_splits"], given["feature_ids"], given["feature_values"], max(ks)
    else:
        rows = body["points"]
        splits = np.cumsum([0, *(len(row["feature_ids"]) for row in rows)])
        ids = [each for row in rows for each in row["feature_ids"]]
        values = [each for row in rows for each in row["feature_values"]]
        k = body.get("k", 5)
    matrix = scipy.sparse.csr_matrix(
        (np.array(values, np.float32), np.array(ids, np.int64), splits), shape=(len(splits) - 1, FEATURES)
    )
    matrix.sum_duplicates()
    return matrix, k


def check(client, model, path, body):
    answer = client.post(path, content=body)
    found = answer.json()
    if answer.status_code != 200:
        assert answer.status_code in ERRORS, (path, body, found)
        assert set(found) == {"error", "code"}, (path, body)
        assert "Traceback" not in found["error"], (path, body)
        return False
    if "instances" in json.loads(body):
        return True
    matrix, k = points_of(path, json.loads(body))
    if path.startswith("/v1"):
        labels = found["outputs"]["labels"]
    else:
        labels = [[label["label"] for label in point["labels"]] for point in found["predictions"]]
    if matrix.shape[0]:
        assert labels == model.top_k(matrix, k).labels.tolist(), (path, body)
    else:
        assert labels == []
    return True


def fuzz(client, model, seed, count):
    generator = random.Random(seed)
    accepted = 0
    for _ in range(count):
        path, value = generator.choice(list(REQUESTS.items()))
        if generator.random() < 0.6:
            for _ in range(generator.randint(1, 3)):
                value = mutated_value(value, generator)
            body = json.dumps(value).encode()
        else:
            body = mutated_bytes(json.dumps(value).encode(), generator)
        accepted += check(client, model, path, body)
    assert 0 < accepted < count


@pytest.mark.filterwarnings("ignore:.*no feature")
def test_mutated_requests_are_answered_rightly_or_refused(client, model):
    for path, value in REQUESTS.items():
        assert check(client, model, path, json.dumps(value).encode())
    fuzz(client, model, 0, 150)


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore:.*no feature")
@pytest.mark.parametrize("seed", range(1, 6))
def test_2000_mutated_requests_are_answered_rightly_or_refused(client, model, seed):
    fuzz(client, model, seed, 2000)
