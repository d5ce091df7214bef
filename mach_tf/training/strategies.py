"""Distribution of training: on one device, on all devices of this machine, or on several machines."""

from __future__ import annotations

import contextlib
import re
import signal
import threading
from collections.abc import Iterator
from typing import Callable, Optional

import tensorflow as tf

from mach_tf import devices, tensorflow_errors
from mach_tf.errors import InputError
from mach_tf.training import cluster, json_socket
from mach_tf.training.cluster import MULTIWORKER, Worker

_OF_LOST_WORKERS = (
    tf.errors.UnavailableError,
    tf.errors.AbortedError,
    tf.errors.CancelledError,
    tf.errors.DeadlineExceededError,
)
_ANSWER_SECONDS = 2.0


def create(name: str) -> tf.distribute.Strategy:
    """Returns a distribution strategy over the visible devices: the GPUs, or the CPUs if there is no GPU.

    Args:
      name: "mirrored" for a replica on each device, "one_device" for the first device, "multiworker" for the processes that
        TF_CONFIG names. For the last, call this before any other use of TensorFlow; it waits for the other processes.

    Raises:
      InputError: TensorFlow cannot connect the processes that TF_CONFIG names.
    """
    if name == MULTIWORKER:
        return _connected()
    gpus = tf.config.list_logical_devices("GPU")
    devices = [device.name for device in gpus or tf.config.list_logical_devices("CPU")]
    if name == "one_device":
        # Mirrored too: OneDeviceStrategy refuses the options of input_options.
        devices = devices[:1]
    # NCCL for GPUs. On CPUs TensorFlow's default are collectives, which it numbers anew for each strategy of a process, so that
    # the sums of two strategies mix.
    reduction = None if gpus else tf.distribute.ReductionToOneDevice()
    return tf.distribute.MirroredStrategy(devices, cross_device_ops=reduction)


def _connected() -> tf.distribute.Strategy:
    with _signals_end_the_process():
        try:
            return tf.distribute.MultiWorkerMirroredStrategy()
        except RuntimeError as error:
            if "startup" not in str(error):
                raise
            raise InputError(
                f"strategy={MULTIWORKER!r} must begin before any other use of TensorFlow in its process ({error}). Start a new "
                "process."
            ) from None
        except tf.errors.OpError as error:
            raise InputError(
                f"TF_CONFIG must name processes that reach each other, but TensorFlow cannot connect them ({tensorflow_errors.reason(error)}). Check "
                "hosts, ports and firewalls, and start all processes again."
            ) from None


@contextlib.contextmanager
def _signals_end_the_process() -> Iterator[None]:
    """Lets SIGINT and SIGTERM end the process at once: Python's handlers wait while TensorFlow's start waits in C++."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = {number: signal.signal(number, signal.SIG_DFL) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


@contextlib.contextmanager
def lost_workers_named(strategy: tf.distribute.Strategy) -> Iterator[None]:
    """Turns the errors by which TensorFlow says in the block that another worker is gone into an InputError."""
    try:
        yield
    except _OF_LOST_WORKERS as error:
        if not isinstance(strategy, tf.distribute.MultiWorkerMirroredStrategy):
            raise
        lost = ", ".join(f"{worker.name} at {worker.address}" for worker in _silent(str(error))) or "another one"
        raise InputError(
            f"All workers must train to the end, but {lost} has ended or cannot be reached any more. See what it printed, and "
            "start all workers again: the same command goes on from the last checkpoint."
        ) from error


def _silent(error: str) -> list[Worker]:
    """Returns the other workers that no longer answer; only those that TensorFlow's error names, if it names some of them.

    Workers end one after the other once one is lost, so that soon several do not answer.
    """
    found = cluster.read()
    silent = [worker for worker in found.workers if worker != found.own and not _answers(worker)]
    named = {f"{kind} {index}" for kind, index in re.findall(r"/job:(\w+)/(?:replica:\d+/)?task:(\d+)", error)}
    return [worker for worker in silent if worker.name in named] or silent


def _answers(worker: Worker) -> bool:
    try:
        json_socket.connect(worker.host, worker.port, _ANSWER_SECONDS).close()
    except OSError:
        return False
    return True


def local_replicas(strategy: tf.distribute.Strategy) -> int:
    """Returns the number of replicas in this process, which share its memory."""
    return len(strategy.extended.worker_devices)


def agreed(strategy: tf.distribute.Strategy, requested: Callable[[], bool]) -> Callable[[], bool]:
    """Returns a function that says whether `requested` holds in any worker, the same in every worker.

    A worker that stopped on its own would leave the others waiting for its gradients. The answer is a sum over all workers, so
    each must ask equally often. A worker that fails and no longer asks is left to TensorFlow's own health check.
    """
    if not isinstance(strategy, tf.distribute.MultiWorkerMirroredStrategy):
        return requested

    @tf.function
    def requests(own: tf.Tensor) -> tf.Tensor:
        return strategy.reduce(tf.distribute.ReduceOp.SUM, strategy.run(tf.identity, [own]), axis=None)

    return lambda: bool(requests(tf.constant(float(requested()))) > 0)


def input_options(strategy: tf.distribute.Strategy) -> Optional[tf.distribute.InputOptions]:
    """Returns the options with which a strategy reads its data; None for its default.

    The default iterator, made for several devices, holds datasets of its own that are autotuned whatever options the given
    dataset has, and the end of an epoch waits for them (see `records.batches`). A single CPU does not need it.
    """
    single = isinstance(strategy, tf.distribute.MirroredStrategy) and strategy.num_replicas_in_sync == 1
    if not single or devices.default_is_gpu():
        return None
    return tf.distribute.InputOptions(
        experimental_fetch_to_device=False,
        experimental_replication_mode=tf.distribute.InputReplicationMode.PER_REPLICA,
    )
