"""The service on a free port of this machine, in a thread."""

from __future__ import annotations

import contextlib
import socket
import threading
import time


@contextlib.contextmanager
def serving(directory, token=None):
    """Serves the versions in a directory; yields the address."""
    import uvicorn

    from mach_tf.serving.service.app import Service, ServiceConfig
    from mach_tf.serving.service.served_version import ServedVersion
    from mach_tf.serving.service.versions import Versions

    app = Service(Versions(str(directory), ServedVersion.load), ServiceConfig(reload_seconds=0, token=token)).app()
    server = uvicorn.Server(uvicorn.Config(app, log_level="error"))
    with socket.create_server(("127.0.0.1", 0)) as listening:
        thread = threading.Thread(target=server.run, args=([listening],), daemon=True)
        thread.start()
        deadline = time.monotonic() + 60
        while not server.started:
            assert time.monotonic() < deadline
            time.sleep(0.01)
        try:
            yield f"http://127.0.0.1:{listening.getsockname()[1]}/"
        finally:
            server.should_exit = True
            thread.join(60)
