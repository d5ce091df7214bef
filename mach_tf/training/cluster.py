"""TF_CONFIG: the processes that train together, and which of them this one is. It is checked before TensorFlow reads it."""

from __future__ import annotations

import dataclasses
import json
import os
import re
from typing import Any, NamedTuple

from mach_tf.errors import InputError

MULTIWORKER = "multiworker"
_VARIABLE = "TF_CONFIG"
_EXAMPLE = '{"cluster": {"worker": ["a:4000", "b:4000"]}, "task": {"type": "worker", "index": 0}}'
_TYPES = ("chief", "worker")
_HOST = re.compile(r"[A-Za-z0-9_.-]+|\[[0-9A-Fa-f:.]+(?:%\w+)?\]")
_LONGEST_SHOWN = 200


class Worker(NamedTuple):
    """One process of a cluster.

    Attributes:
      name: "worker 1", by its type and index.
      host: a name or an address, without the brackets of IPv6.
      port: its port, which TensorFlow listens on.
      address: "HOST:PORT" as TF_CONFIG has it.
    """

    name: str
    host: str
    port: int
    address: str


@dataclasses.dataclass(frozen=True)
class Cluster:
    """The processes that train together.

    Attributes:
      workers: all of them, in the order of TensorFlow: the chief first.
      position: the position of this process among them.
    """

    workers: tuple[Worker, ...]
    position: int

    @property
    def own(self) -> Worker:
        """This process."""
        return self.workers[self.position]

    @property
    def chief(self) -> Worker:
        """The process that writes."""
        return self.workers[0]


def is_chief(strategy: str) -> bool:
    """Returns whether this process is the one that writes.

    Args:
      strategy: the strategy's name. With "multiworker" the chief writes, which is worker 0 if TF_CONFIG names no chief. With the
        others each process trains on its own, even if a cluster sets TF_CONFIG, and each writes.

    Raises:
      InputError: the strategy is "multiworker" and TF_CONFIG is malformed.
    """
    return strategy != MULTIWORKER or read().position == 0


def read() -> Cluster:
    """Returns the cluster that TF_CONFIG describes.

    Raises:
      InputError: TF_CONFIG is not set or malformed; the message names the rule that it breaks.
    """
    text = os.environ.get(_VARIABLE, "")
    if not text.strip():
        raise _error("must name the processes that train together", "nothing")
    try:
        value = json.loads(text)
    except (ValueError, RecursionError):
        raise _error("must be valid JSON", text) from None
    cluster, task = (value.get(key) if isinstance(value, dict) else None for key in ("cluster", "task"))
    if not isinstance(cluster, dict) or not cluster or not set(cluster) <= set(_TYPES):
        raise _error('must name the processes in "cluster", by the types chief and worker alone', text)
    if not all(isinstance(cluster[kind], list) and cluster[kind] for kind in cluster):
        raise _error("must give each type of process a list of HOST:PORT", text)
    workers = [
        (kind, index, _worker(kind, index, address, text))
        for kind in _TYPES
        for index, address in enumerate(cluster.get(kind, ()))
    ]
    if len(cluster.get("chief", ())) > 1:
        raise _error("must name one chief at most", text)
    if len({(worker.host, worker.port) for _, _, worker in workers}) < len(workers):
        raise _error("must give each process a HOST:PORT of its own", text)
    if not isinstance(task, dict) or not {"type", "index"} <= set(task):
        raise _error('must say in "task" which type and index this process has', text)
    own = (task["type"], _index(task["index"]))
    position = next((i for i, (kind, index, _) in enumerate(workers) if (kind, index) == own), None)
    if position is None:
        raise _error('must say in "task" the type and index of a process that "cluster" names', text)
    return Cluster(tuple(worker for _, _, worker in workers), position)


def _worker(kind: str, index: int, address: Any, text: str) -> Worker:
    host, _, port = address.rpartition(":") if isinstance(address, str) else ("", "", "")
    if not (_HOST.fullmatch(host) and re.fullmatch(r"[0-9]{1,5}", port) and 1 <= int(port) <= 65535):
        raise _error(f"must name {kind} {index} as HOST:PORT, with a port from 1 to 65535", text)
    return Worker(f"{kind} {index}", host.strip("[]"), int(port), address)


def _index(value: Any) -> Any:
    """Returns an index, which some launchers write as text; TensorFlow accepts both. None stands for true, which equals 1."""
    if isinstance(value, bool):
        return None
    return int(value) if isinstance(value, str) and re.fullmatch(r"[0-9]{1,9}", value) else value


def _error(rule: str, got: str) -> InputError:
    shown = got if len(got) <= _LONGEST_SHOWN else f"{got[:_LONGEST_SHOWN]}..."
    return InputError(
        f"{_VARIABLE} {rule} (got {shown}). With strategy={MULTIWORKER!r} each process needs it in its environment, such as "
        f"{_VARIABLE}='{_EXAMPLE}'."
    )
