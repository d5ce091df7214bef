from __future__ import annotations

import socket

import pytest

from mach_tf.training import json_socket
from mach_tf.training.json_socket import JsonSocket
from tests.helpers import clusters


@pytest.fixture
def pair():
    ours, theirs = socket.socketpair()
    with theirs:
        one = JsonSocket(ours)
        yield one, theirs
        one.close()


def test_messages_come_whole_however_they_are_cut(pair):
    one, theirs = pair
    content, found = b'{"a": 1}\n{"b": [2]}\n{}\n', []
    for i in range(len(content)):
        theirs.sendall(content[i : i + 1])
        found += one.receive()
    assert found == [{"a": 1}, {"b": [2]}, {}]
    theirs.sendall(content)
    assert one.receive() == found


def test_what_is_sent_is_received(pair):
    one, theirs = pair
    one.send({"values": [None, 1.5, "ü\n"]})
    assert JsonSocket(theirs.dup()).receive() == [{"values": [None, 1.5, "ü\n"]}]


@pytest.mark.parametrize(
    "content", [b"GET / HTTP/1.1\r\n\r\n", b"[1]\n", b"\n", b"\xff\n", b"[" * 60_000 + b"\n", b"9" * 5000 + b"\n"]
)
def test_a_stranger_is_told_apart(pair, content):
    one, theirs = pair
    theirs.sendall(content)
    with pytest.raises(ValueError):
        one.receive()


def test_a_message_without_end_is_not_read_for_ever(pair, monkeypatch):
    monkeypatch.setattr(json_socket, "LONGEST_MESSAGE", 10)
    one, theirs = pair
    theirs.sendall(b"x" * 11)
    with pytest.raises(ValueError, match="too long"):
        one.receive()


def test_the_end_of_the_other_side_is_an_error(pair):
    one, theirs = pair
    theirs.close()
    with pytest.raises(ConnectionResetError):
        one.receive()


@pytest.mark.parametrize("host", ["localhost", "127.0.0.1", "::1", "0.0.0.0", "some.other.name"])
def test_who_listens_is_reached(host):
    (port,) = clusters.free_ports(1)
    try:
        listener = json_socket.listen(host, port)
    except OSError as error:
        pytest.skip(f"this machine has no such address: {error}")
    with listener:
        one = json_socket.connect("::1" if host == "::1" else "localhost", port, 1.0)
        other = JsonSocket(listener.accept()[0])
        other.send({"a": 1})
        assert one.receive() == [{"a": 1}]
        one.close()
        other.close()


def test_where_nobody_listens_nobody_answers():
    (port,) = clusters.free_ports(1)
    with pytest.raises(ConnectionRefusedError):
        json_socket.connect("127.0.0.1", port, 1.0)


def test_a_connection_to_itself_is_none(monkeypatch):
    """Linux may give a connection the very port that it asks for, where it then reaches itself."""
    (port,), create = clusters.free_ports(1), socket.create_connection
    monkeypatch.setattr(socket, "create_connection", lambda to, seconds: create(to, seconds, ("127.0.0.1", port)))
    with pytest.raises(ConnectionRefusedError, match="nobody listens"):
        json_socket.connect("127.0.0.1", port, 1.0)
