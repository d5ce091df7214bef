"""The meeting of the workers that train together, before TensorFlow connects them.

TensorFlow waits for the others in C++, silently and deaf to signals, and compares nothing. So each worker first connects to the
chief, at the address that TensorFlow will use, and says what it is about to do. All of them hear what is missing or differs.
"""

from __future__ import annotations

import contextlib
import selectors
import socket
import time
from collections.abc import Iterable, Sequence
from types import TracebackType
from typing import Any, Callable, Optional

from mach_tf.errors import InputError
from mach_tf.training import json_socket
from mach_tf.training.cluster import Cluster
from mach_tf.training.json_socket import JsonSocket
from mach_tf.training.waiting import SharedError, Stopped, Waiting

_PROTOCOL = "mach_tf meeting 1"
_TICK_SECONDS = 0.2
_RETRY_SECONDS = 1.0
# A connection that does not say within this time which worker it is belongs to a stranger.
_HELLO_SECONDS = 10.0
_MOST_STRANGERS = 256


class Alone:
    """The meeting of a process that trains alone."""

    def __enter__(self) -> Alone:
        return self

    def __exit__(
        self,
        kind: Optional[type[BaseException]],
        error: Optional[BaseException],
        traceback: Optional[TracebackType],
    ) -> None:
        pass

    @property
    def addresses(self) -> list[str]:
        """The addresses of all workers, in their order."""
        return [""]

    def exchange(self, value: Any) -> list[Any]:
        """Returns the values of all workers, in their order."""
        return [value]


class Meeting(Alone):
    """The meeting of all workers of a cluster. As a context it waits for them; an InputError in its block is told to all."""

    def __init__(
        self, cluster: Cluster, timeout: float, stop_requested: Callable[[], bool], report: Callable[[str], None]
    ):
        """Sets it up; nothing is opened yet.

        Args:
          cluster: the workers, and which of them this process is.
          timeout: seconds that a worker waits for the others.
          stop_requested: returns whether to stop; called several times per second while this worker waits.
          report: takes a line about who is waited for, every 10 seconds.
        """
        self._cluster = cluster
        self._waiting = Waiting(self.addresses, timeout, stop_requested, report)
        # Of the chief: the others by position. Of another worker: the chief alone.
        self._peers: dict[int, JsonSocket] = {}
        self._complete = False

    def __enter__(self) -> Meeting:
        self._waiting.start(self._others())
        try:
            self._gather() if self._is_chief else self._join()
        except BaseException as error:
            self._leave(error)
            raise
        self._complete = True
        return self

    def __exit__(
        self,
        kind: Optional[type[BaseException]],
        error: Optional[BaseException],
        traceback: Optional[TracebackType],
    ) -> None:
        self._leave(error)

    @property
    def addresses(self) -> list[str]:
        return [worker.address for worker in self._cluster.workers]

    def exchange(self, value: Any) -> list[Any]:
        """Returns the values of all workers, in their order, once each has called this.

        Args:
          value: what JSON can hold.

        Raises:
          InputError: a worker was refused, or is gone.
          Stopped: a stop was requested in a worker.
        """
        self._waiting.start()
        if not self._is_chief:
            self._broadcast({"value": value})
            return list(self._next_messages([0])[0]["values"])
        positions = range(1, len(self._cluster.workers))
        found = self._next_messages(positions)
        values = [value, *(found[position].get("value") for position in positions)]
        self._broadcast({"values": values})
        return values

    @property
    def _is_chief(self) -> bool:
        return self._cluster.position == 0

    def _gather(self) -> None:
        """The chief's part: waits until all others are connected."""
        strangers: dict[JsonSocket, float] = {}
        with self._listener() as listener:
            while len(self._peers) < len(self._cluster.workers) - 1:
                self._waiting.tick()
                for ready in _readable([listener, *self._peers.values(), *strangers]):
                    if isinstance(ready, socket.socket):
                        with contextlib.suppress(OSError):
                            strangers[JsonSocket(ready.accept()[0])] = time.monotonic() + _HELLO_SECONDS
                    elif ready in strangers:
                        self._welcome(ready, strangers)
                    else:
                        self._drop_if_gone(ready)
                late = [stranger for stranger, until in strangers.items() if time.monotonic() > until]
                for stranger in late or list(strangers)[_MOST_STRANGERS:]:
                    del strangers[stranger]
                    stranger.close()
                self._tell_who_is_missing()
        for stranger in strangers:
            stranger.close()
        self._broadcast({"complete": True})

    def _welcome(self, stranger: JsonSocket, strangers: dict[JsonSocket, float]) -> None:
        """Takes a connection as the worker that it says it is; closes it if it is none."""
        try:
            messages = stranger.receive()
        except (OSError, ValueError):
            messages = [{}]
        if not messages:
            return
        del strangers[stranger]
        if messages[0].get("protocol") != _PROTOCOL:
            stranger.close()
            return
        ours, theirs = self.addresses, messages[0].get("cluster")
        position = messages[0].get("position")
        # In either case it must hear why it is refused.
        if theirs != ours or type(position) is not int or not 0 <= position < len(ours):
            self._peers[-1] = stranger
            raise SharedError(
                f'TF_CONFIG must hold the same "cluster" in each process, but it names {ours} in one and {theirs} in another. '
                "Correct it, and start all processes again."
            )
        if position == 0 or position in self._peers:
            self._peers[-1] = stranger
            raise SharedError(
                f'TF_CONFIG must give each process its own "task", but two processes are {self._cluster.workers[position].name}. '
                "Correct it, and start all processes again."
            )
        self._peers[position] = stranger

    def _drop_if_gone(self, peer: JsonSocket) -> None:
        try:
            peer.receive()
        except (OSError, ValueError):
            self._peers = {position: one for position, one in self._peers.items() if one is not peer}
            peer.close()

    def _tell_who_is_missing(self) -> None:
        missing = [address for i, address in enumerate(self.addresses) if i and i not in self._peers]
        if missing != self._waiting.missing:
            self._waiting.missing = missing
            self._broadcast({"missing": missing})

    def _join(self) -> None:
        """Another worker's part: connects to the chief, and waits until it says that all are there."""
        with self._listener():
            pass  # TensorFlow will need the port; it is tried now, where the error can be explained.
        chief, hello = self._cluster.chief, {"protocol": _PROTOCOL, "position": self._cluster.position}
        while True:
            self._waiting.tick()
            try:
                self._peers[0] = json_socket.connect(chief.host, chief.port, _RETRY_SECONDS)
                self._waiting.trouble = ""
                self._peers[0].send({**hello, "cluster": self.addresses})
                self._await_all()
                return
            except InputError:
                raise
            except (OSError, ValueError) as error:
                if isinstance(error, socket.gaierror):
                    self._waiting.trouble = f"{chief.address}: {error.strerror}"
                self._waiting.missing = self._others()
                if 0 in self._peers:
                    self._peers.pop(0).close()
                time.sleep(_TICK_SECONDS)

    def _await_all(self) -> None:
        """Waits until the chief says that all are there."""
        complete = False
        while not complete:
            self._waiting.tick()
            for ready in _readable([self._peers[0]]):
                messages = ready.receive()
                for message in messages:
                    self._raise_if_refused(message, 0)
                    self._waiting.missing = [str(address) for address in message.get("missing", self._waiting.missing)]
                    complete |= "complete" in message

    def _next_messages(self, positions: Sequence[int]) -> dict[int, dict[str, Any]]:
        """Waits for the next message of each of these peers."""
        found: dict[int, dict[str, Any]] = {}
        while missing := [position for position in positions if position not in found]:
            self._waiting.missing = [self.addresses[position] for position in missing]
            self._waiting.tick()
            # Who has sent its message may still say that it stops.
            for ready in _readable([self._peers[position] for position in positions]):
                position = next(position for position in positions if self._peers[position] is ready)
                try:
                    messages = ready.receive()
                except (OSError, ValueError):
                    messages = [{"refused": "It ended before the training began."}]
                for message in messages:
                    self._raise_if_refused(message, position)
                    found[position] = message
        return found

    def _raise_if_refused(self, message: dict[str, Any], position: int) -> None:
        if message.get("stopped"):
            raise Stopped
        if "refused" in message:
            text, worker = str(message["refused"]), self._cluster.workers[position]
            by = "" if message.get("for_all") else f"{worker.name} at {worker.address} cannot train, and so none can: "
            raise SharedError(f"{by}{text}")

    def _leave(self, error: Optional[BaseException]) -> None:
        """Closes the connections, and before tells the others why this worker ends, unless they may wait for it again."""
        message: dict[str, Any] = {}
        if isinstance(error, InputError):
            message = {"refused": str(error), "for_all": isinstance(error, SharedError)}
        elif isinstance(error, Stopped) and self._complete:
            message = {"stopped": True}
        if message:
            self._broadcast(message)
        for peer in self._peers.values():
            peer.close()
        self._peers = {}

    def _listener(self) -> socket.socket:
        own = self._cluster.own
        try:
            return json_socket.listen(own.host, own.port)
        except OSError as error:
            raise InputError(
                f"TF_CONFIG must give this process a free port of its machine, but {own.address} cannot be opened ({error.strerror}). "
                "End what uses the port, or name another one in each process."
            ) from None

    def _others(self) -> list[str]:
        return [address for address in self.addresses if address != self._cluster.own.address]

    def _broadcast(self, message: dict[str, Any]) -> None:
        for peer in self._peers.values():
            with contextlib.suppress(OSError):  # it is found gone when it is read
                peer.send(message)


def _readable(sockets: Iterable[Any]) -> list[Any]:
    """Waits for a tick at most, and returns the sockets that can be read."""
    with selectors.DefaultSelector() as selector:
        for one in sockets:
            selector.register(one, selectors.EVENT_READ)
        return [key.fileobj for key, _ in selector.select(_TICK_SECONDS)]
