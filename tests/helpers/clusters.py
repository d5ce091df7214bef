"""Clusters of workers on this machine, at free ports."""

from __future__ import annotations

import contextlib
import json
import socket

from mach_tf.training.cluster import Cluster, Worker


def free_ports(count):
    with contextlib.ExitStack() as stack:
        opened = [stack.enter_context(socket.create_server(("127.0.0.1", 0))) for _ in range(count)]
        return [one.getsockname()[1] for one in opened]


def of(count):
    """Returns the cluster as each of its workers sees it."""
    workers = tuple(Worker(f"worker {i}", "localhost", p, f"localhost:{p}") for i, p in enumerate(free_ports(count)))
    return [Cluster(workers, position) for position in range(count)]


def tf_config(cluster):
    """Returns the value of TF_CONFIG in a worker."""
    addresses = [worker.address for worker in cluster.workers]
    return json.dumps({"cluster": {"worker": addresses}, "task": {"type": "worker", "index": cluster.position}})
