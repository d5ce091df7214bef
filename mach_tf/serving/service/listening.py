"""The address that the service listens on."""

from __future__ import annotations

import errno
import socket

from mach_tf.errors import InputError


def listen(host: str, port: int) -> socket.socket:
    """Returns a socket that listens.

    Args:
      host: an address or a name of this machine, of IPv4 or IPv6.
      port: the port; 0 takes a free one.

    Raises:
      InputError: the host is none of this machine, or the port is in use or not allowed.
    """
    try:
        found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)
    except (socket.gaierror, UnicodeError) as error:
        raise InputError(
            f"host must be an address or a name of this machine (got {host!r}: {error}). 127.0.0.1 lets only this machine in."
        ) from None
    # Of a name with both, such as localhost, the address of IPv4: that is the one that is shown as an example everywhere.
    family, _, _, _, address = min(found, key=lambda each: each[0] != socket.AF_INET)
    try:
        return socket.create_server(address, family=family)
    except OSError as error:
        if error.errno == errno.EADDRINUSE:
            problem = (
                f"port must be free, but {port} is in use. Stop what uses it, or choose another; 0 takes a free one."
            )
        elif error.errno in (errno.EACCES, errno.EPERM):
            problem = f"port must be one that this user may listen on (got {port}). Choose one from 1024 on."
        elif error.errno == errno.EADDRNOTAVAIL:
            problem = f"host must be an address of this machine (got {host}). 0.0.0.0 means all of them."
        else:
            problem = (
                f"host and port must be an address that can be listened on (got {host} and {port}: {error.strerror})."
            )
        raise InputError(problem) from None


def url(listening: socket.socket) -> str:
    """Returns the address for people and programs."""
    host, port = listening.getsockname()[:2]
    return f"http://[{host}]:{port}/" if ":" in host else f"http://{host}:{port}/"
