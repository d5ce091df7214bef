"""JSON messages over TCP, one per line: what workers tell each other before TensorFlow connects them."""

from __future__ import annotations

import json
import socket
from typing import Any

# More than the settings of any training; a stranger on the port cannot make this process read more.
LONGEST_MESSAGE = 1 << 20
_SEND_SECONDS = 10.0


class JsonSocket:
    """A connection that sends and receives JSON objects."""

    def __init__(self, connection: socket.socket):
        """Takes over a connected socket."""
        connection.settimeout(_SEND_SECONDS)
        self._connection = connection
        self._received = b""

    def fileno(self) -> int:
        """Returns the descriptor, for `select`."""
        return self._connection.fileno()

    def send(self, message: dict[str, Any]) -> None:
        """Sends one message; OSError if the other side is gone."""
        self._connection.sendall(json.dumps(message).encode() + b"\n")

    def receive(self) -> list[dict[str, Any]]:
        """Reads what has come, once `select` says that something has, and returns the messages that are complete.

        Raises:
          OSError: the other side is gone.
          ValueError: it sends something else than JSON objects, one per line.
        """
        content = self._connection.recv(1 << 16)
        if not content:
            raise ConnectionResetError("the other side closed the connection")
        *lines, self._received = (self._received + content).split(b"\n")
        if len(self._received) > LONGEST_MESSAGE:
            raise ValueError("a message is too long")
        try:
            messages = [json.loads(line) for line in lines]
        except RecursionError as error:
            raise ValueError("a message is nested too deeply") from error
        if not all(isinstance(message, dict) for message in messages):
            raise ValueError("a message is no JSON object")
        return messages

    def close(self) -> None:
        """Closes the connection."""
        self._connection.close()


def listen(host: str, port: int) -> socket.socket:
    """Returns a socket that listens on a port: of the loopback interface if the host is this machine's own, else of all.

    Raises:
      OSError: the port cannot be opened.
    """
    if host in ("localhost", "127.0.0.1"):
        return socket.create_server(("127.0.0.1", port))
    if host == "::1":
        return socket.create_server(("::1", port), family=socket.AF_INET6)
    if socket.has_dualstack_ipv6():
        return socket.create_server(("", port), family=socket.AF_INET6, dualstack_ipv6=True)
    return socket.create_server(("", port))


def connect(host: str, port: int, seconds: float) -> JsonSocket:
    """Connects to a port.

    Args:
      host: a name or an address.
      port: the port.
      seconds: how long to wait for an answer.

    Raises:
      OSError: nobody answers.
    """
    connection = socket.create_connection((host, port), seconds)
    if connection.getsockname() == connection.getpeername():
        # Where nobody listens, a connection from the machine to itself may be given the very port that it asks for.
        connection.close()
        raise ConnectionRefusedError("nobody listens on the port")
    return JsonSocket(connection)
