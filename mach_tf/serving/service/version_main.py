"""The process of one version: loads it, and answers what the service asks until that closes the connection.

Loading yields to whatever else runs, such as the process of the version before, which answers meanwhile.
"""

from __future__ import annotations

import concurrent.futures
import contextlib
import dataclasses
import gc
import importlib
import logging
import os
import select
import signal
import sys
import threading
from multiprocessing.connection import Connection
from typing import TYPE_CHECKING, Any

from mach_tf import startup
from mach_tf.errors import InputError
from mach_tf.serving.service import messages
from mach_tf.serving.service.jobs import Job
from mach_tf.serving.service.messages import FAILED, NAMES, REFUSED, Message
from mach_tf.serving.service.problems import RequestError
from mach_tf.serving.service.served import unloadable

if TYPE_CHECKING:  # it imports TensorFlow
    from mach_tf.serving.service.served_version import ServedVersion

_LOG = logging.getLogger("mach_tf.service")
_NICENESS = 10


def main() -> None:
    """Serves the connection whose file descriptor is the first argument."""
    connection = Connection(int(sys.argv[1]))
    threading.Thread(target=_end_with_service, args=(connection.fileno(),), daemon=True).start()
    with contextlib.suppress(EOFError, OSError):
        _serve(connection)
    _end()


def _end_with_service(connection: int) -> None:
    """Waits until the service closes the connection or is killed, and then ends this process, whatever it does meanwhile."""
    hang_up = select.poll()
    hang_up.register(connection, 0)  # a hang-up is reported whatever is asked for
    hang_up.poll()
    _end()


def _end() -> None:
    # There is nothing to save, and TensorFlow would take seconds to take itself apart.
    os.kill(os.getpid(), signal.SIGKILL)


def _serve(connection: Connection) -> None:
    """Loads and answers until the service ends, which an exception tells."""
    asked = messages.decode(connection.recv_bytes()).value
    try:
        served = _load(**asked)
    except InputError as error:
        connection.send_bytes(messages.encode({REFUSED: str(error)}))
        return
    # What was loaded stays: a full collection among 400,000 objects would take 0.3 s.
    gc.collect()
    gc.freeze()
    startup.return_freed_memory()
    connection.send_bytes(messages.encode(_description(served)))
    while True:
        connection.send_bytes(_answer(served, messages.decode(connection.recv_bytes())))


def _load(directory: str, version: int, **settings: Any) -> ServedVersion:
    """Loads a version; raises InputError if it cannot be loaded."""
    pool = concurrent.futures.ThreadPoolExecutor(1, initializer=_yield_to_others)
    try:
        tensorflow = pool.submit(importlib.import_module, "tensorflow").result()
        # Starts the threads that will compute answers. They take the niceness of the thread that starts them, which is not the pool's.
        tensorflow.config.list_logical_devices()
        module = pool.submit(importlib.import_module, "mach_tf.serving.service.served_version").result()
        loaded: ServedVersion = pool.submit(module.ServedVersion.load, directory, version, **settings).result()
        return loaded
    except InputError:
        raise
    except Exception as error:
        # Whoever wrote servable.json anew over a foreign SavedModel can cause anything.
        _LOG.exception("Version %d cannot be loaded.", version)
        raise unloadable(directory, error) from None


def _yield_to_others() -> None:
    """Lets other processes have the processor before this thread. Elsewhere than on Linux, threads have no niceness of their own."""
    if sys.platform == "linux":
        os.nice(_NICENESS)  # more than the service, which may be nice itself


def _description(served: ServedVersion) -> dict[str, Any]:
    """Returns what the service must know of a version, as JSON."""
    return {
        "contents": dataclasses.asdict(served.contents),
        "metadata": served.metadata,
        "examples": list(served.examples),
        "specs": {
            signature: {name: [spec.dtype.str, spec.shape] for name, spec in inputs.items()}
            for signature, inputs in served.specs.items()
        },
        "named_features": served.named_features,
    }


def _answer(served: ServedVersion, asked: Message) -> bytes:
    """Returns the message that answers one of the service."""
    try:
        if NAMES in asked.value:
            return messages.encode({}, {NAMES: served.feature_names()})
        return messages.encode({}, served.answer(Job(inputs=asked.arrays, **asked.value)))
    except RequestError as error:
        return messages.encode({REFUSED: error.message})
    except Exception as error:
        _LOG.exception("A request failed.")
        return messages.encode({FAILED: type(error).__name__})
