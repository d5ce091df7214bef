from __future__ import annotations

import errno
import socket

import pytest

from mach_tf.errors import InputError
from mach_tf.serving.service import listening


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost", "0.0.0.0"])
def test_it_listens_on_ipv4(host):
    with listening.listen(host, 0) as found:
        address = listening.url(found)
        port = int(address.rstrip("/").rpartition(":")[2])
        socket.create_connection(("127.0.0.1", port), 5).close()


@pytest.mark.skipif(not socket.has_ipv6, reason="there is no IPv6")
def test_it_listens_on_ipv6():
    try:
        found = listening.listen("::1", 0)
    except InputError:
        pytest.skip("there is no IPv6")
    with found:
        assert listening.url(found).startswith("http://[::1]:")


def test_a_port_in_use_is_named():
    with listening.listen("127.0.0.1", 0) as found:
        port = found.getsockname()[1]
        with pytest.raises(InputError, match=f"port must be free, but {port} is in use"):
            listening.listen("127.0.0.1", port)


@pytest.mark.parametrize("host", ["no.such.host.invalid", "a" * 70, "1.2.3.4.5", "\u00fc" * 80])
def test_a_host_that_does_not_exist_is_named(host):
    with pytest.raises(InputError, match="host must be an address or a name of this machine"):
        listening.listen(host, 0)


def test_a_host_of_another_machine_is_named():
    with pytest.raises(InputError, match=r"host must be an address of this machine .got 192\.0\.2\.1"):
        listening.listen("192.0.2.1", 0)


@pytest.mark.parametrize(
    ("number", "message"), [(errno.EACCES, "from 1024 on"), (errno.ENOBUFS, "host and port must be an address")]
)
def test_what_the_system_refuses_is_told(monkeypatch, number, message):
    def refuse(*_, **__):
        raise OSError(number, "refused")

    monkeypatch.setattr(socket, "create_server", refuse)
    with pytest.raises(InputError, match=message):
        listening.listen("127.0.0.1", 80)
