from __future__ import annotations

import concurrent.futures
import contextlib
import signal
import socket

import pytest
import tensorflow as tf

from mach_tf.errors import InputError
from mach_tf.training import strategies
from tests.helpers import clusters


@pytest.mark.parametrize(("name", "replicas"), [("mirrored", 2), ("one_device", 1)])
def test_replicas(name, replicas):
    """The tests run with two virtual CPU devices."""
    strategy = strategies.create(name)
    assert strategy.num_replicas_in_sync == strategies.local_replicas(strategy) == replicas


def test_a_single_cpu_reads_without_the_iterator_for_several_devices():
    assert strategies.input_options(strategies.create("mirrored")) is None
    single = strategies.create("one_device")
    data = single.distribute_datasets_from_function(
        lambda _: tf.data.Dataset.range(3), strategies.input_options(single)
    )
    assert isinstance(iter(data)._iterators[0]._iterator, tf.data.Iterator)
    assert [int(value) for value in data] == [0, 1, 2]


def test_a_process_of_its_own_agrees_with_itself():
    def requested():
        return True

    assert strategies.agreed(strategies.create("mirrored"), requested) is requested


SIGNALS = (signal.SIGINT, signal.SIGTERM)


def fails_with(monkeypatch, error):
    def strategy():
        raise error

    monkeypatch.setattr(tf.distribute, "MultiWorkerMirroredStrategy", strategy)


@pytest.mark.parametrize("error", [None, tf.errors.UnknownError(None, None, "no server")])
def test_signals_end_a_process_that_tensorflow_keeps_waiting(monkeypatch, error):
    """While TensorFlow waits in C++, Python's handlers do not run."""
    seen, before = [], [signal.getsignal(number) for number in SIGNALS]

    def strategy():
        seen.extend(map(signal.getsignal, SIGNALS))
        if error:
            raise error

    monkeypatch.setattr(tf.distribute, "MultiWorkerMirroredStrategy", strategy)
    with contextlib.suppress(InputError):
        strategies.create("multiworker")
    assert seen == [signal.SIG_DFL] * 2
    assert [signal.getsignal(number) for number in SIGNALS] == before


def test_in_another_thread_signals_stay_as_they_are(monkeypatch):
    monkeypatch.setattr(tf.distribute, "MultiWorkerMirroredStrategy", lambda: [*map(signal.getsignal, SIGNALS)])
    with concurrent.futures.ThreadPoolExecutor(1) as pool:
        assert pool.submit(strategies.create, "multiworker").result() == [*map(signal.getsignal, SIGNALS)]


@pytest.mark.parametrize(
    ("error", "message"),
    [
        (
            tf.errors.UnknownError(None, None, "Could not start gRPC server"),
            r"^TF_CONFIG must name processes that reach each other",
        ),
        (RuntimeError("Collective ops must be configured at program startup"), "before any other use of TensorFlow"),
    ],
)
def test_what_tensorflow_cannot_connect_is_said(monkeypatch, error, message):
    fails_with(monkeypatch, error)
    with pytest.raises(InputError, match=message):
        strategies.create("multiworker")


def test_another_error_is_a_defect(monkeypatch):
    fails_with(monkeypatch, RuntimeError("anything else"))
    with pytest.raises(RuntimeError, match="anything else"):
        strategies.create("multiworker")


def test_a_worker_that_is_gone_is_an_error_of_several_workers_only(monkeypatch):
    class Workers:
        pass

    monkeypatch.setenv("TF_CONFIG", clusters.tf_config(clusters.of(2)[0]))
    gone = tf.errors.UnavailableError(None, None, "Socket closed")
    for strategy, expected in ((strategies.create("one_device"), tf.errors.UnavailableError), (Workers(), InputError)):
        monkeypatch.setattr(tf.distribute, "MultiWorkerMirroredStrategy", Workers)
        with pytest.raises(expected), strategies.lost_workers_named(strategy):
            raise gone
    with pytest.raises(tf.errors.DataLossError), strategies.lost_workers_named(Workers()):
        raise tf.errors.DataLossError(None, None, "damage")


@pytest.mark.parametrize(
    ("error", "answering", "named"),
    [
        ("Socket closed", (1, 3), ("worker 2",)),
        ("Socket closed", (3,), ("worker 1", "worker 2")),
        ("from remote target /job:worker/replica:0/task:2:", (3,), ("worker 2",)),
        ("from remote target /job:worker/task:0:", (3,), ("worker 1", "worker 2")),
        ("Socket closed", (1, 2, 3), ()),
    ],
)
def test_the_worker_that_is_gone_is_named(error, answering, named, monkeypatch):
    workers = clusters.of(4)[0]
    monkeypatch.setenv("TF_CONFIG", clusters.tf_config(workers))
    strategy = strategies.create("one_device")
    monkeypatch.setattr(tf.distribute, "MultiWorkerMirroredStrategy", type(strategy))
    with contextlib.ExitStack() as listening:
        for position in answering:
            worker = workers.workers[position]
            listening.enter_context(socket.create_server((worker.host, worker.port)))
        with pytest.raises(InputError) as raised, strategies.lost_workers_named(strategy):
            raise tf.errors.UnavailableError(None, None, error)
    who = ", ".join(f"{worker.name} at {worker.address}" for worker in workers.workers if worker.name in named)
    assert f", but {who or 'another one'} has ended or cannot be reached" in str(raised.value)


def test_a_worker_that_reaches_itself_is_gone(monkeypatch):
    """Linux may give a connection the very port of a worker that is gone from this machine."""
    workers, create = clusters.of(2)[0], socket.create_connection
    monkeypatch.setattr(socket, "create_connection", lambda to, seconds: create(to, seconds, to))
    assert not strategies._answers(workers.workers[1])
