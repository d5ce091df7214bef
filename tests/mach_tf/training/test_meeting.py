from __future__ import annotations

import concurrent.futures
import contextlib
import itertools
import socket
import time
import types

import pytest

from mach_tf.errors import InputError
from mach_tf.training import meeting, waiting
from mach_tf.training.cluster import Cluster
from mach_tf.training.meeting import Alone, Meeting
from mach_tf.training.waiting import SharedError, Stopped
from tests.helpers import clusters
from tests.helpers.waiting import LONG, until


def meet(block, cluster, timeout=LONG, stop=lambda: False, report=lambda _: None):
    """Runs a block in the meeting of one worker; returns what it returns or raises."""
    try:
        with Meeting(cluster, timeout, stop, report) as workers:
            return block(workers, cluster.position)
    except (InputError, Stopped) as error:
        return error


@pytest.fixture
def pool():
    with concurrent.futures.ThreadPoolExecutor(8) as made:
        yield made


def all_meet(pool, block, count=3, order=None, **options):
    """Runs a block in each of several workers, which come in this order, and returns what it returned or raised in each."""
    seen = clusters.of(count)
    futures = {}
    for position in order or range(count):
        futures[position] = pool.submit(meet, block, seen[position], **options)
        time.sleep(0.05)
    return [futures[position].result(3 * LONG) for position in range(count)]


def test_who_is_alone_meets_itself():
    with Alone() as workers:
        assert workers.exchange(5) == [5] and len(workers.addresses) == 1


@pytest.mark.parametrize("order", itertools.permutations(range(3)))
def test_in_any_order_all_get_the_values_of_all(pool, order):
    def block(workers, position):
        return [workers.exchange({"from": position, "round": number}) for number in range(3)]

    expected = [[{"from": position, "round": number} for position in range(3)] for number in range(3)]
    assert all_meet(pool, block, order=order) == [expected] * 3


def test_a_cluster_of_one_waits_for_nobody(pool):
    assert all_meet(pool, lambda workers, _: workers.exchange(1), count=1) == [[1]]


@pytest.mark.parametrize("refused", range(3))
@pytest.mark.parametrize("rounds", range(2))
def test_the_refusal_of_one_is_heard_by_all(pool, refused, rounds):
    def block(workers, position):
        for _ in range(rounds):
            workers.exchange("ready")
        if position == refused:
            raise InputError("epochs must be at least 1.")
        workers.exchange("on")

    errors = [str(error) for error in all_meet(pool, block)]
    assert errors[refused] == "epochs must be at least 1."
    others = {errors[position] for position in range(3) if position != refused}
    (text,) = others
    assert text.startswith(f"worker {refused} at localhost:")
    assert text.endswith(" cannot train, and so none can: epochs must be at least 1.")


def test_an_error_that_all_find_is_shown_as_it_is(pool):
    def block(workers, position):
        workers.exchange("ready")
        time.sleep(0.2 * position)  # the first ones tell the others
        raise SharedError("All differ.")

    assert [str(error) for error in all_meet(pool, block)] == ["All differ."] * 3


@pytest.fixture
def clock(monkeypatch):
    """The seconds of a meeting: each look at the clock takes a tenth of one, and a tick no time."""
    tenths = itertools.count(0)
    monkeypatch.setattr(waiting, "time", types.SimpleNamespace(monotonic=lambda: next(tenths) / 10))
    monkeypatch.setattr(meeting, "_TICK_SECONDS", 0.001)


def test_a_name_that_is_unknown_is_said(monkeypatch, clock):
    monkeypatch.setattr(socket, "create_connection", lambda *_: unknown())

    def unknown():
        raise socket.gaierror(-2, "Name or service not known")

    cluster = clusters.of(2)[1]
    error = meet(None, cluster, timeout=0.5)
    assert f"(1 of 2 are here; {cluster.chief.address}: Name or service not known)" in str(error)


@pytest.mark.parametrize("gone", range(3))
def test_one_that_is_gone_is_named(pool, gone):
    def block(workers, position):
        workers.exchange("ready")
        if position == gone:
            return None
        return workers.exchange("on")

    errors = all_meet(pool, block)
    assert errors[gone] is None
    assert {str(errors[position]).partition(" at ")[0] for position in range(3) if position != gone} == {
        f"worker {gone}"
    }
    assert all("It ended before the training began." in str(error) for error in errors if error)


def noting(left, block):
    """Notes when a worker leaves the block."""

    def noted(workers, position):
        with contextlib.ExitStack() as stack:
            stack.callback(left.append, position)
            block(workers, position)

    return noted


@pytest.mark.parametrize("stopped", range(3))
def test_a_stop_while_they_agree_stops_all(pool, stopped):
    seen, stops, left = clusters.of(3), [False] * 3, []

    def block(workers, position):
        workers.exchange("ready")
        stops[stopped] = True
        if (
            position == (stopped + 1) % 3
        ):  # the others wait for it, and one of them hears of the stop by the chief alone
            until(lambda: len(left) >= (1 if position == 0 else 2))
        workers.exchange("on")

    futures = [pool.submit(meet, noting(left, block), seen[i], stop=lambda i=i: stops[i]) for i in range(3)]
    assert [type(future.result(3 * LONG)) for future in futures] == [Stopped] * 3


def test_a_stop_of_a_worker_that_was_heard_already_stops_all(pool, monkeypatch):
    monkeypatch.setattr(waiting, "_FIRST_REPORT_SECONDS", 0.0)
    monkeypatch.setattr(waiting, "_REPORT_SECONDS", 0.0)
    seen, stops, left, said = clusters.of(3), [False] * 3, [], []

    def block(workers, position):
        if position == 2:
            until(lambda: said and said[-1] == f"waiting for {seen[2].own.address} (2 of 3 are here)")
            stops[1] = True
            until(lambda: len(left) == 2)
        workers.exchange("on")

    block, reports = noting(left, block), [said.append, str, str]
    futures = [pool.submit(meet, block, seen[i], stop=lambda i=i: stops[i], report=reports[i]) for i in range(3)]
    assert [type(future.result(3 * LONG)) for future in futures] == [Stopped] * 3


@pytest.mark.parametrize("position", range(2))
def test_who_waits_names_whom(monkeypatch, clock, position):
    monkeypatch.setattr(waiting, "_FIRST_REPORT_SECONDS", 0.1)
    monkeypatch.setattr(waiting, "_REPORT_SECONDS", 0.3)
    seen, said = clusters.of(2), []
    error = meet(None, seen[position], timeout=1.0, report=said.append)
    missing = seen[1 - position].own.address
    assert len(said) == 3 and set(said) == {f"waiting for {missing} (1 of 2 are here)"}
    assert isinstance(error, InputError)
    assert str(error) == (
        f"All workers must be there within worker_timeout=1 seconds, but {missing} did not come (1 of 2 are here). Start all "
        f"workers, check that each can reach {seen[0].own.address}, or raise worker_timeout."
    )


def test_all_know_who_is_missing_and_who_left_is_waited_for_again(pool, monkeypatch):
    monkeypatch.setattr(waiting, "_FIRST_REPORT_SECONDS", 0.0)
    monkeypatch.setattr(waiting, "_REPORT_SECONDS", 0.0)
    seen, said, stop = clusters.of(3), [[], [], []], [False] * 3

    def start(position):
        return pool.submit(
            meet, lambda w, p: w.exchange(p), seen[position], stop=lambda: stop[position], report=said[position].append
        )

    def until_said(position, missing, here):
        text = f"waiting for {', '.join(seen[i].own.address for i in missing)} ({here} of 3 are here)"
        until(lambda: said[position][-1:] == [text])

    first = start(0)
    until_said(0, [1, 2], 1)
    second = start(1)
    until_said(0, [2], 2)
    until_said(1, [2], 2)
    stop[1] = True
    assert isinstance(second.result(3 * LONG), Stopped)
    until_said(0, [1, 2], 1)
    stop[1] = False
    second, third = start(1), start(2)
    assert [future.result(3 * LONG) for future in (first, second, third)] == [[0, 1, 2]] * 3


@pytest.mark.parametrize("position", range(2))
def test_a_stop_ends_the_waiting(position):
    asked = []
    stopped = meet(None, clusters.of(2)[position], stop=lambda: asked.append(0) or len(asked) > 3)
    assert isinstance(stopped, Stopped)


@pytest.mark.parametrize("position", range(2))
def test_a_port_in_use_is_named(position):
    cluster = clusters.of(2)[position]
    with socket.create_server(("127.0.0.1", cluster.own.port)):
        error = meet(None, cluster)
    assert str(error).startswith(
        f"TF_CONFIG must give this process a free port of its machine, but {cluster.own.address} cannot be opened (Address"
    )


def test_the_port_is_free_again_for_tensorflow(pool):
    """Both while the workers are connected and afterwards, when closed connections linger."""

    def block(workers, position):
        workers.exchange(0)
        with socket.create_server(("127.0.0.1", seen[position].own.port)):
            return workers.exchange(1)

    seen = clusters.of(2)
    futures = [pool.submit(meet, block, one) for one in seen]
    assert [future.result(3 * LONG) for future in futures] == [[1, 1]] * 2
    socket.create_server(("127.0.0.1", seen[0].own.port)).close()


def test_two_of_the_same_task_are_refused(pool):
    seen = clusters.of(3)
    futures = [pool.submit(meet, None, one) for one in (seen[0], seen[1], seen[1])]
    errors = {str(future.result(3 * LONG)) for future in futures[:1]}
    (text,) = errors
    assert text.startswith('TF_CONFIG must give each process its own "task", but two processes are worker 1')


def test_clusters_that_differ_are_refused_in_each(pool):
    first, second = clusters.of(2)
    other = Cluster((first.workers[0], first.workers[1]._replace(address="elsewhere:1")), 1)
    assert second.position == other.position
    errors = {str(future.result(3 * LONG)) for future in [pool.submit(meet, None, one) for one in (first, other)]}
    (text,) = errors
    assert text.startswith('TF_CONFIG must hold the same "cluster" in each process') and "elsewhere:1" in text


NOISE = (
    b"",
    b"GET / HTTP/1.1\r\n\r\n",
    b"{}\n",
    b'{"protocol": "mach_tf meeting 1"',
    b"[[[[\n",
    b"\x16\x03\x01\n",
    b'{"position": 1}\n',
)


def connected(port):
    """Connects to the port once somebody listens there."""
    end = time.monotonic() + LONG
    while time.monotonic() < end:
        with contextlib.suppress(ConnectionRefusedError):
            return socket.create_connection(("127.0.0.1", port))
    raise AssertionError("nobody listens")


@pytest.mark.parametrize("content", NOISE)
def test_strangers_at_the_chiefs_port_are_ignored(pool, content):
    first, second = clusters.of(2)
    chief = pool.submit(meet, lambda w, p: w.exchange(p), first)
    with connected(first.own.port) as stranger:
        stranger.sendall(content)
        worker = pool.submit(meet, lambda w, p: w.exchange(p), second)
        assert chief.result(3 * LONG) == worker.result(3 * LONG) == [0, 1]


@pytest.mark.parametrize("content", NOISE)
def test_another_program_at_the_chiefs_address_is_no_chief(pool, content):
    first, second = clusters.of(2)
    with socket.create_server(("127.0.0.1", first.own.port)) as listener:
        worker = pool.submit(meet, lambda w, p: w.exchange(p), second)
        connection, _ = listener.accept()
        with connection:
            connection.sendall(content)
    chief = pool.submit(meet, lambda w, p: w.exchange(p), first)
    assert chief.result(3 * LONG) == worker.result(3 * LONG) == [0, 1]
