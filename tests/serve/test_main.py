"""serve.main as a process: it answers over HTTP, and stops gracefully."""

from __future__ import annotations

import http.client
import json
import os
import re
import signal
import subprocess
import sys
import time
import urllib.request

import psutil
import pytest

from benchmarks.served import serving
from mach_tf.ensemble import Ensemble
from mach_tf.serving.exporting import export
from tests.helpers import programs

pytest.importorskip("uvicorn", reason="the service needs the extra serve")


def test_a_folder_without_versions_is_refused(tmp_path):
    (tmp_path / "empty").mkdir()
    with pytest.raises(Exception, match="must hold versions"):
        programs.run("serve.main", f"--servable={tmp_path / 'empty'}")


def test_it_serves_until_it_is_stopped(evaluated, tmp_path):
    export(Ensemble.load(evaluated.model_dir), tmp_path / "tiny" / "1")
    (tmp_path / "token").write_text("s3cret")
    command = [
        sys.executable,
        "-m",
        "serve.main",
        f"--servable={tmp_path / 'tiny'}",
        "--port=0",
        f"--token_file={tmp_path / 'token'}",
    ]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        try:
            first = process.stdout.readline()
            address = re.search(r"http://127\.0\.0\.1:(\d+)/", first)
            assert address, first + process.stderr.read()
            body = json.dumps({"points": [{"feature_ids": [3], "feature_values": [1.0]}], "k": 2}).encode()
            headers = {"Authorization": "Bearer s3cret"}
            request = urllib.request.Request(f"{address[0]}predict", body, headers)
            with urllib.request.urlopen(request, timeout=120) as answer:
                assert len(json.load(answer)["predictions"][0]["labels"]) == 2
        finally:
            os.kill(process.pid, signal.SIGTERM)
        assert process.wait(120) == 0
        assert "Traceback" not in process.stderr.read()


@pytest.mark.slow
def test_a_service_that_is_killed_leaves_nothing_and_another_takes_its_port(evaluated, tmp_path, monkeypatch):
    export(Ensemble.load(evaluated.model_dir), tmp_path / "tiny" / "1")
    (tmp_path / "temporary").mkdir()
    monkeypatch.setenv("TMPDIR", str(tmp_path / "temporary"))
    body = json.dumps({"points": [{"feature_ids": [3], "feature_values": [1.0]}]}).encode()
    answers, port = [], 0
    for _ in range(2):
        with serving(str(tmp_path / "tiny"), [f"--port={port}"]) as served:
            assert port in (0, served.port)
            port = served.port
            connection = http.client.HTTPConnection("127.0.0.1", port, timeout=30)
            connection.request("POST", "/predict", body)
            answers.append(connection.getresponse().read())
            versions = served.process.children()
            served.process.kill()
            served.process.wait(30)
            assert versions and not psutil.wait_procs(versions, timeout=10)[1]
            with pytest.raises((http.client.HTTPException, OSError)):
                connection.request("POST", "/predict", body)
                connection.getresponse()
    assert answers[0] == answers[1]
    assert os.listdir(tmp_path / "temporary") == []


@pytest.mark.slow
@pytest.mark.parametrize("stops", [["terminate"], ["interrupt", "interrupt"]])
def test_a_version_that_hangs_does_not_keep_the_service_from_stopping(evaluated, tmp_path, stops):
    export(Ensemble.load(evaluated.model_dir), tmp_path / "tiny" / "1")
    with serving(str(tmp_path / "tiny"), ["--timeout=1"]) as served:
        (version,) = served.process.children()
        connection = http.client.HTTPConnection("127.0.0.1", served.port, timeout=30)
        connection.request("GET", "/healthz")
        connection.getresponse().read()
        version.suspend()
        connection.request("POST", "/predict", b'{"points": [{"feature_ids": [3], "feature_values": [1.0]}]}')
        for stop in stops:
            served.process.send_signal({"terminate": signal.SIGTERM, "interrupt": signal.SIGINT}[stop])
            time.sleep(0.3)
        assert served.process.wait(8) == (0 if stops == ["terminate"] else 130)
        assert not psutil.wait_procs([version], timeout=5)[1]


@pytest.mark.slow
def test_several_workers_serve_as_one(evaluated, tmp_path):
    export(Ensemble.load(evaluated.model_dir), tmp_path / "tiny" / "1")
    with serving(str(tmp_path / "tiny"), ["--workers=2"]) as served:

        def loaded():
            return re.search(r"mach_load_seconds_count (\d)", text("metrics"))[1]

        def text(path, body=None):
            with urllib.request.urlopen(f"http://127.0.0.1:{served.port}/{path}", body, timeout=30) as answer:
                return answer.read().decode()

        def until(condition):
            end = time.monotonic() + 120
            while not condition():
                assert time.monotonic() < end
                time.sleep(0.2)

        until(lambda: loaded() == "2")
        body = json.dumps({"points": [{"feature_ids": [3], "feature_values": [1.0]}]}).encode()
        answers = {text("predict", body) for _ in range(40)}
        assert len(answers) == 1
        assert 'mach_requests_total{path="/predict",status="200"} 40.0' in text("metrics"), "the sum over workers"
        first, second = served.process.children()
        first.kill()
        until(lambda: loaded() == "3")
        assert {text("predict", body) for _ in range(10)} == answers
        assert second in served.process.children() and len(served.process.children()) == 2
        served.process.terminate()
        assert served.process.wait(60) == 0
