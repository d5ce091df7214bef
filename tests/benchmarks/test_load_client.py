from __future__ import annotations

import http.server
import threading

import pytest

from benchmarks import load_client
from tests.helpers.waiting import LONG


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_POST(self):
        body = self.rfile.read(int(self.headers["content-length"]))
        self.server.bodies.append(body)
        self.send_response(503 if body == b"bad" else 200)
        self.send_header("Content-Length", str(len(body) + 100_000))
        self.end_headers()
        self.wfile.write(body + b" " * 100_000)

    def log_message(self, *_):
        pass


@pytest.fixture
def server():
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        server.bodies = []
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield server
        server.shutdown()


def test_requests_are_sent_in_turn_and_counted(server):
    requests = [load_client.request("/predict", body) for body in (b"one", b"bad")]
    seconds, found = 0.25, {"requests_per_second": 0}
    while not found["requests_per_second"]:  # on a busy machine, longer
        seconds *= 2
        assert seconds < LONG
        server.bodies.clear()
        found = load_client.load(server.server_port, requests, 3, seconds, warm_up=0.1)
    assert abs(server.bodies.count(b"one") - server.bodies.count(b"bad")) <= 1
    assert 0 < found["requests_per_second"] * seconds <= len(server.bodies)
    assert abs(found["errors"] - server.bodies.count(b"bad")) <= 3
    assert 0 < found["p50_ms"] <= found["p95_ms"] <= found["p99_ms"]
    assert found["client_processors"] >= 0
