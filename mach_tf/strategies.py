"""Where training runs: one device, all of this machine's, or several machines."""

from __future__ import annotations

import json
import os

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
        return tf.distribute.OneDeviceStrategy(devices[0])
    # NCCL for GPUs. On CPUs TensorFlow's default, collectives, numbers them anew for each strategy of a process, so that
    # two strategies get into each other's sums.
    reduction = None if gpus else tf.distribute.ReductionToOneDevice()
    return tf.distribute.MirroredStrategy(devices, cross_device_ops=reduction)


def is_chief() -> bool:
    """Whether this process is the one that writes: the only one, or worker 0 of those that TF_CONFIG names."""
    task = json.loads(os.environ.get("TF_CONFIG") or "{}").get("task", {})
    return int(task.get("index", 0)) == 0
