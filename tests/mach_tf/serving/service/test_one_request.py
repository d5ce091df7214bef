from __future__ import annotations

import sys

import pytest

from mach_tf.errors import InputError
from mach_tf.serving.service.one_request import ask

# A service that echoes the body, or refuses it.
ECHO = """
import http.server, json

class Handler(http.server.BaseHTTPRequestHandler):
    def do_POST(self):
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        self.send_response(200 if body else 400)
        self.end_headers()
        self.wfile.write(json.dumps({"path": self.path, "body": body, "error": "empty"}).encode())

    def log_message(self, *_):
        pass

server = http.server.HTTPServer(("127.0.0.1", 0), Handler)
print(f"Version 1 of echo is served at http://127.0.0.1:{server.server_port}/", flush=True)
server.serve_forever()
"""


def test_the_answer_is_that_of_the_service():
    command = [sys.executable, "-c", ECHO]
    assert ask(command, "/predict", '{"k": 2}') == {"path": "/predict", "body": {"k": 2}, "error": "empty"}
    with pytest.raises(InputError, match="refused the request: empty"):
        ask(command, "predict", "{}")


def test_a_service_that_hangs_up_is_told():
    dies = ECHO.replace("def do_POST(self):", "def do_POST(self):\n        os._exit(1)").replace(
        "json\n", "json, os\n", 1
    )
    with pytest.raises(InputError, match=r"The service did not answer the request .*Its messages say why"):
        ask([sys.executable, "-c", dies], "predict", '{"k": 2}')
