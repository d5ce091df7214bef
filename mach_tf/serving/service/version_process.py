"""A version in a process of its own, which holds TensorFlow and the weights.

Its memory returns to the kernel when it ends, and its work holds up no other Python. If it dies or hangs, another takes its place.
"""

from __future__ import annotations

import contextlib
import functools
import logging
import os
import socket
import struct
import subprocess
import sys
import threading
import time
import weakref
from multiprocessing.connection import Connection
from typing import Any, Optional

import numpy as np

from mach_tf.errors import InputError
from mach_tf.serving.contents import ServableContents
from mach_tf.serving.service import messages, problems
from mach_tf.serving.service.jobs import Arrays, InputSpec, Job
from mach_tf.serving.service.messages import FAILED, NAMES, REFUSED, Message
from mach_tf.serving.service.problems import RequestError
from mach_tf.serving.service.served import Served

_LOG = logging.getLogger("mach_tf.service")
# Signals to a terminal's processes or to a group reach it too, while the service finishes what it accepted. And it has the modules of
# this process, wherever that was started: otherwise those of the working directory come first, even for `signal`.
_START = (
    "import sys; sys.path[:] = sys.argv[2:]; "
    "import signal; [signal.signal(number, signal.SIG_IGN) for number in (signal.SIGINT, signal.SIGTERM)]; "
    "from mach_tf.serving.service import version_main; version_main.main()"
)
# A process hangs if it answers nothing for this many time limits of a request, and for this many seconds.
_HANGING_LIMITS, _HANGING_SECONDS = 6, 60.0
# Seconds, 30 years: the most that a limit of a socket is set to.
_LONGEST = 1e9
# Seconds that a process may take to end, once it ends or is killed.
_PATIENCE = 10.0
# Seconds until the next try to start a process in the place of one that died.
_PAUSE = 5.0


class VersionProcess(Served):
    """A version of a servable, and the process that answers for it."""

    def __init__(
        self,
        directory: str,
        version: int,
        cache: Optional[str] = None,
        attacks: bool = True,
        timeout: float = 10.0,
        load_timeout: float = 600.0,
    ):
        """Starts the process, which loads the version, checks its files and answers one request of each kind.

        Args:
          directory: the directory of the version.
          version: its number.
          cache: a directory in which several services share the weights; None for weights of this one alone.
          attacks: whether the signatures of attacks are served.
          timeout: seconds after which a request is given up. A process that takes six times as long, and at least a minute, is ended.
          load_timeout: seconds after which a process that has not loaded the version is ended.

        Raises:
          InputError: it is no servable, or it is damaged, or its process ended or took too long.
        """
        self._patience = max(_HANGING_SECONDS, _HANGING_LIMITS * timeout)
        asked = {"directory": directory, "version": version, "cache": cache, "attacks": attacks}
        self._start = functools.partial(_Process, asked, patience=self._patience, load_timeout=load_timeout)
        self._lock = threading.Lock()
        self._closed = False
        self._retry = 0.0
        self._process = self._start()
        self._described = described = self._process.load()
        specs = {
            signature: {name: InputSpec(np.dtype(dtype), tuple(shape)) for name, (dtype, shape) in inputs.items()}
            for signature, inputs in described["specs"].items()
        }
        # The files only tell whether a process in the place of this one has the same servable.
        contents = ServableContents(**{**described["contents"], "files": {}})
        rest = (described["metadata"], described["examples"], specs, described["named_features"])
        super().__init__(version, contents, *rest)

    def answer(self, job: Job) -> Arrays:
        return self._ask({"signature": job.signature, "points": job.points, "k": job.k}, job.inputs)

    def feature_names(self) -> np.ndarray:
        return self._ask({NAMES: True})[NAMES]

    def restart_if_ended(self) -> None:
        if not self._lock.acquire(blocking=False):
            return  # a request is being answered, which starts a process if it must
        try:
            with contextlib.suppress(RequestError):
                self._living()
        finally:
            self._lock.release()

    def close(self) -> None:
        self._closed = True
        self._process.end()

    def _ask(self, value: dict[str, Any], arrays: Optional[Arrays] = None) -> Arrays:
        with self._lock:
            try:
                answer = self._living().ask(value, arrays)
            except BlockingIOError:  # it hangs, perhaps because of what it was asked
                _LOG.error(
                    "The process of version %d did not answer within %g s. It is ended.", self.version, self._patience
                )
                raise problems.died() from None
            except (EOFError, OSError):  # it died before it answered, perhaps of something else
                answer = self._ask_again(value, arrays)
        if REFUSED in answer.value:
            raise problems.invalid(answer.value[REFUSED])
        if FAILED in answer.value:
            raise RuntimeError(f"the process of version {self.version} failed with {answer.value[FAILED]}")
        return answer.arrays

    def _ask_again(self, value: dict[str, Any], arrays: Optional[Arrays]) -> Message:
        try:
            return self._living().ask(value, arrays)
        except (EOFError, OSError):
            raise problems.died() from None

    def _living(self) -> _Process:
        """Returns a process that has not ended; starts one if it must. Raises RequestError if that cannot be started."""
        if self._closed:
            raise problems.stopping()
        if not self._process.ended():
            return self._process
        if time.monotonic() < self._retry:
            raise problems.died()
        _LOG.error("The process of version %d ended; another is started.", self.version)
        try:
            self._process = self._start()  # `close` ends it even while it loads
            if self._closed:
                self._process.end()
            if self._process.load() != self._described:
                self._process.end()
                raise InputError("its folder holds another servable now. Give each servable a number of its own")
        except (InputError, OSError) as error:
            if self._closed:
                raise problems.stopping() from None
            self._retry, self.ready = time.monotonic() + _PAUSE, False
            _LOG.error("The process of version %d cannot be started: %s", self.version, error)
            raise problems.died() from None
        self.ready = True
        return self._process


class _Process:
    """A process that loads a version, and the connection to it. It ends when it is not referred to any more."""

    def __init__(self, asked: dict[str, Any], patience: float, load_timeout: float):
        """Starts the process.

        Args:
          asked: what it is asked to load, the arguments of `ServedVersion.load`.
          patience: seconds that an answer may take.
          load_timeout: seconds that loading may take.
        """
        self._asked, self._load_timeout, self._patience = asked, load_timeout, patience
        ours, theirs = socket.socketpair()
        with theirs:
            command = [sys.executable, "-c", _START, str(theirs.fileno()), *sys.path]
            with ours:
                self._process = subprocess.Popen(
                    command, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, pass_fds=[theirs.fileno()]
                )
                self._connection = Connection(ours.detach())
        weakref.finalize(self, self._process.kill)
        # It leaves no zombie, whenever it ends.
        threading.Thread(target=self._process.wait, daemon=True).start()

    def load(self) -> dict[str, Any]:
        """Lets the process load the version, and returns what it says of it; raises InputError, and ends the process, if that fails."""
        rule = f"{self._asked['directory']} must be a servable that can be loaded"
        try:
            self._limit(self._load_timeout)
            described: dict[str, Any] = self.ask(self._asked).value
            self._limit(self._patience)
        except BlockingIOError:
            raise InputError(
                f"{rule} within {self._load_timeout:g} s, but the process that loads it was not done by then, and was ended. "
                "If the servable is large or the machine busy, raise --load_timeout; otherwise export the model again."
            ) from None
        except (EOFError, OSError):
            raise InputError(
                f"{rule}, but the process that loads it ended with status {self._process.returncode}. "
                "Its messages say why; -9 mostly means that memory was short."
            ) from None
        if REFUSED in described:
            self.end()
            raise InputError(described[REFUSED])
        return described

    def ask(self, value: Any, arrays: Optional[Arrays] = None) -> Message:
        """Returns the answer to a message; raises EOFError or OSError if the process dies before, and BlockingIOError if it hangs."""
        message = messages.encode(value, arrays)
        try:
            self._connection.send_bytes(message)
            return messages.decode(self._connection.recv_bytes())
        except EOFError:  # it is about to end with a status of its own
            self._wait()
            self.end()
            raise
        except BaseException:  # the next answer would be taken for that to another question
            self.end()
            raise

    def ended(self) -> bool:
        """Returns whether the process has ended."""
        return self._connection.closed or self._process.poll() is not None

    def end(self) -> None:
        """Ends the process, which has nothing to save."""
        self._process.kill()
        self._wait()
        self._connection.close()

    def _wait(self) -> None:
        with contextlib.suppress(subprocess.TimeoutExpired):
            self._process.wait(_PATIENCE)

    def _limit(self, seconds: float) -> None:
        """Limits how long each read and each write waits for the process; a process that hangs would hold up a large message too."""
        seconds = min(seconds, _LONGEST)
        limit = struct.pack("@ll", int(seconds), int(seconds % 1 * 1e6))
        with socket.socket(fileno=os.dup(self._connection.fileno())) as same:
            for option in (socket.SO_RCVTIMEO, socket.SO_SNDTIMEO):
                same.setsockopt(socket.SOL_SOCKET, option, limit)
