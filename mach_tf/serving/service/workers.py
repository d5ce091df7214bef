"""Several processes that serve side by side: started, watched, and stopped together.

They are forked before TensorFlow is imported, for its threads do not survive a fork. So this module must not import TensorFlow.
"""

from __future__ import annotations

import ctypes
import logging
import multiprocessing
import os
import signal
import tempfile
import time
from multiprocessing.connection import Connection, wait
from multiprocessing.process import BaseProcess
from typing import Any, Callable

from mach_tf.errors import InputError

# In the environment: the folder in which prometheus_client keeps the measurements of several processes.
MEASUREMENTS = "PROMETHEUS_MULTIPROC_DIR"
_TENSORFLOW_THREADS = "TF_NUM_INTRAOP_THREADS"
_LOG = logging.getLogger("mach_tf.service")
_PR_SET_PDEATHSIG = 1
_POLL_SECONDS = 0.5
# A worker that ends sooner than this is started again only after it.
_SHORTEST_LIFE = 2.0

# Serves in a worker: takes the folder of shared weights, and what to call with a line for people once it serves.
Serve = Callable[[str, Callable[[str], None]], None]


def run(serve: Serve, count: int, seconds: float, announce: Callable[[str], None]) -> None:
    """Serves in several processes until SIGTERM or Ctrl-C. One that ends before is started again.

    Args:
      serve: serves in the worker that calls it, until SIGTERM.
      count: number of workers.
      seconds: how long they may take to stop.
      announce: called with the first worker's line for people, once it serves.

    Raises:
      InputError: the first worker could not serve.
    """
    stopped: list[int] = []
    before = {
        number: signal.signal(number, lambda got, _: stopped.append(got)) for number in (signal.SIGTERM, signal.SIGINT)
    }
    with tempfile.TemporaryDirectory(prefix="mach-serve-") as folder:
        measurements, weights = os.path.join(folder, "measurements"), os.path.join(folder, "weights")
        os.mkdir(measurements)
        os.mkdir(weights)
        os.environ[MEASUREMENTS] = measurements
        os.environ.setdefault(_TENSORFLOW_THREADS, str(max(1, len(os.sched_getaffinity(0)) // count)))
        workers = [_Worker(serve, weights, "worker 1")]
        try:
            line = workers[0].first_line(stopped)
            if line and not stopped:
                announce(line)
                workers += [_Worker(serve, weights, f"worker {place}") for place in range(2, count + 1)]
            while line and not stopped:
                wait([worker.process.sentinel for worker in workers], _POLL_SECONDS)
                for place, worker in enumerate(workers):
                    if not worker.process.is_alive() and not stopped:
                        workers[place] = worker.again(measurements)
        finally:
            _stop(workers, seconds)
            del os.environ[MEASUREMENTS]
            for number, handler in before.items():
                signal.signal(number, handler)


class _Worker:
    """A process that serves."""

    def __init__(self, serve: Serve, weights: str, name: str):
        self._serve, self._weights, self._name = serve, weights, name
        self._since = time.monotonic()
        context: Any = multiprocessing.get_context("fork")
        self._messages, theirs = context.Pipe(duplex=False)
        self.process: BaseProcess = context.Process(target=_work, args=(serve, weights, theirs), name=name)
        self.process.start()
        theirs.close()

    def first_line(self, stopped: list[int]) -> str:
        """Waits until the worker serves, and returns its line for people; nothing if the service is stopped before."""
        while not stopped:
            if self._messages.poll(_POLL_SECONDS):
                try:
                    serves, text = self._messages.recv()
                except EOFError:
                    break
                if serves:
                    return str(text)
                raise InputError(text)
        if stopped:
            return ""
        self.process.join()
        raise InputError(
            f"The first worker must serve, but it ended with status {self.process.exitcode}. Its messages say why."
        )

    def again(self, measurements: str) -> _Worker:
        """Starts a worker in the place of this one, which has ended."""
        from prometheus_client import multiprocess

        _LOG.error("The %s ended with status %s; another is started.", self._name, self.process.exitcode)
        multiprocess.mark_process_dead(self.process.pid, measurements)
        time.sleep(max(0.0, self._since + _SHORTEST_LIFE - time.monotonic()))
        return _Worker(self._serve, self._weights, self._name)


def _work(serve: Serve, weights: str, messages: Connection) -> None:
    """Serves in a new process."""
    # Not those of the parent; the server sets its own once it serves.
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, signal.SIG_DFL)
    # Stops this process too if the parent is killed.
    ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGTERM)
    try:
        serve(weights, lambda line: messages.send((True, line)))
    except InputError as error:
        _LOG.error("A worker cannot serve: %s", error)
        messages.send((False, str(error)))


def _stop(workers: list[_Worker], seconds: float) -> None:
    for worker in workers:
        if worker.process.is_alive():
            worker.process.terminate()
    until = time.monotonic() + seconds
    for worker in workers:
        worker.process.join(max(0.0, until - time.monotonic()))
        if worker.process.is_alive():
            worker.process.kill()
            worker.process.join()
