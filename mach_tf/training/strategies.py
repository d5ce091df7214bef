"""Where training runs: one device, all of this machine's, or several machines."""

from __future__ import annotations

import json
import os
from typing import Callable, Optional

import tensorflow as tf


def create(name: str) -> tf.distribute.Strategy:
    """A distribution strategy over the visible devices, GPUs if there are any.

    Args:
      name: "mirrored": a replica on each device; "one_device": the first; "multiworker": several processes that TF_CONFIG
        names, to be called before any other use of TensorFlow.
    """
    if name == "multiworker":
        return tf.distribute.MultiWorkerMirroredStrategy()
    gpus = tf.config.list_logical_devices("GPU")
    devices = [device.name for device in gpus or tf.config.list_logical_devices("CPU")]
    if name == "one_device":
        # Mirrored too: OneDeviceStrategy refuses the options of input_options.
        devices = devices[:1]
    # NCCL for GPUs. On CPUs TensorFlow's default, collectives, numbers them anew for each strategy of a process, so that
    # two strategies get into each other's sums.
    reduction = None if gpus else tf.distribute.ReductionToOneDevice()
    return tf.distribute.MirroredStrategy(devices, cross_device_ops=reduction)


def local_replicas(strategy: tf.distribute.Strategy) -> int:
    """Replicas that share this machine's memory; those of other processes do not."""
    return len(strategy.extended.worker_devices)


def is_chief(name: str) -> bool:
    """Whether this process is the one that writes.

    Args:
      name: of the strategy, as for `create`. All but "multiworker" train in each process on its own, also where a cluster sets
        TF_CONFIG, so each writes; of several workers the chief does, worker 0 where TF_CONFIG names none.
    """
    if name != "multiworker":
        return True
    config = json.loads(os.environ.get("TF_CONFIG") or "{}")
    task = config.get("task", {})
    chief = "chief" if "chief" in config.get("cluster", {}) else "worker"
    return not task or (task.get("type", chief), int(task.get("index", 0))) == (chief, 0)


def agreed(strategy: tf.distribute.Strategy, requested: Callable[[], bool]) -> Callable[[], bool]:
    """A question whose answer is the same in every worker: whether `requested` holds in any.

    A worker that stopped on its own would leave the others waiting for its gradients. Each must ask equally often: it is a
    sum over all workers. One that fails, and asks no more, is left to TensorFlow's own health check.
    """
    if not isinstance(strategy, tf.distribute.MultiWorkerMirroredStrategy):
        return requested

    @tf.function
    def requests(own: tf.Tensor) -> tf.Tensor:
        return strategy.reduce(tf.distribute.ReduceOp.SUM, strategy.run(tf.identity, [own]), axis=None)

    return lambda: bool(requests(tf.constant(float(requested()))) > 0)


def input_options(strategy: tf.distribute.Strategy) -> Optional[tf.distribute.InputOptions]:
    """How a strategy should read its data; None for its default.

    The default iterator, made for several devices, holds datasets of its own that are autotuned whatever the options of the
    one given, which an epoch's end waits for (see `records.batches`). A single CPU does without.
    """
    single = isinstance(strategy, tf.distribute.MirroredStrategy) and strategy.num_replicas_in_sync == 1
    if not single or tf.config.list_logical_devices("GPU"):
        return None
    return tf.distribute.InputOptions(
        experimental_fetch_to_device=False,
        experimental_replication_mode=tf.distribute.InputReplicationMode.PER_REPLICA,
    )
