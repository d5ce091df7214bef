"""Training on a Ray cluster: each part of the repetitions is a task on one node, and all write the same model directory.

Nodes share the dataset directory and the model directory, as they do for a Slurm array or a Kubernetes Job. So nothing is copied: a
part is finished when its repetitions are in the directory, and a part whose node is lost resumes on another node from its
last checkpoint. Ray is imported only when a cluster is used.
"""

from __future__ import annotations

import contextlib
import os
import re
import signal
import threading
from collections.abc import Iterator, Sequence
from typing import Any, Union

from mach_tf.buckets import BucketSpec
from mach_tf.choices import AUTO
from mach_tf.errors import InputError
from mach_tf.progress_bars import Bar
from mach_tf.training import checkpoints, cluster, cluster_part, group_plan, json_socket, resume, run
from mach_tf.training.cluster_part import ClusterTraining, Part
from mach_tf.training.progress import Progress
from mach_tf.training.results import TrainingResult
from mach_tf.training.run_options import RunOptions
from mach_tf.training.stop import Stop
from mach_tf.training_config import TrainingConfig

_ATTEMPTS = 4
_KNOCK_SECONDS = 10.0
_TICK_SECONDS = 0.5
# How long parts that are stopped may take to finish their step and to save their state.
_SAVE_SECONDS = 600.0


def train(
    dataset_dir: str,
    model_dir: str,
    config: TrainingConfig,
    bucket_spec: BucketSpec,
    options: RunOptions,
    address: str,
    progress: Progress,
    stop: Stop,
) -> TrainingResult:
    """Trains the repetitions that are not trained yet, each part of them on one node of a Ray cluster.

    With the same `group_size` the weights are those of `run.train` without a cluster, bit for bit, if the nodes' processors compute
    alike. With "auto" each node gets an equal part.

    Args:
      dataset_dir, model_dir: as for `run.train`; all nodes see both under these paths.
      config, bucket_spec, options, progress, stop: as for `run.train`.
      address: of the cluster, as `ray.init` takes it: "ray://HOST:10001", "HOST:6379" or "auto".

    Raises:
      InputError: what `run.train` raises in a part; Ray is not installed, the cluster cannot be reached or used, or a part was lost
        with its node several times.
    """
    if options.strategy == cluster.MULTIWORKER:
        raise InputError(
            "strategy must be 'mirrored' or 'one_device' with a cluster (got 'multiworker'): each part trains on one node."
        )
    if not (isinstance(address, str) and address):
        raise InputError(
            f"cluster must be the address of a Ray cluster, a text like ray://HOST:10001 (got {address!r})."
        )
    # Nodes have working directories of their own.
    dataset_dir, model_dir = os.path.abspath(dataset_dir), os.path.abspath(model_dir)
    if not resume.pending(model_dir, bucket_spec.repetitions, options.repetition_range):
        return run.train(dataset_dir, model_dir, config, bucket_spec, options, progress, stop)
    with _connected(address) as ray, cluster_part.shared(model_dir) as token, stop:
        nodes = _nodes(ray)
        training = ClusterTraining(
            dataset_dir, model_dir, config, bucket_spec, options, resume.library_versions(), token
        )
        pending = resume.pending(model_dir, bucket_spec.repetitions, options.repetition_range)
        tasks = _Tasks(ray, training, nodes)
        try:
            results = tasks.run(divide(model_dir, pending, options.group_size, len(nodes)), progress, stop)
        finally:
            tasks.cancel()
    groups = tuple(group for result in results for group in result.groups)
    stopped = stop.requested() or any(result.stopped for result in results)
    warnings = tuple(dict.fromkeys(text for result in results for text in result.warnings))
    return TrainingResult(model_dir, groups, stopped, results[0].resources if results else None, warnings)


def divide(model_dir: str, pending: Sequence[int], group_size: Union[int, str], nodes: int) -> list[Part]:
    """Returns the ranges of repetitions to train, each on one node; a range holds a group that a run without a cluster would train too.

    Args:
      model_dir: the model directory, whose groups that began or were planned are kept.
      pending: the repetitions without a SavedModel, ascending; at least one.
      group_size: the number of repetitions per part; "auto" gives each node an equal part.
      nodes: the number of nodes.
    """
    automatic = group_size == AUTO
    size = -(-len(pending) // nodes) if automatic else int(group_size)
    begun = checkpoints.unfinished_groups(model_dir)
    groups = group_plan.arrange(pending, size, begun, group_plan.recorded(model_dir) if automatic else ())
    parts: list[Part] = []
    for first, end in sorted((min(group), max(group) + 1) for group in groups):
        if parts and first < parts[-1][1]:
            # Groups of earlier runs may interlock.
            parts[-1] = (parts[-1][0], max(end, parts[-1][1]))
        else:
            parts.append((first, end))
    return parts


class _Tasks:
    """The parts as tasks of Ray, each started again if its process or its node is lost.

    A part asks for all the processors and GPUs of the smallest node. So nodes of one size train one part at a time, which has the node's
    memory for itself.
    """

    def __init__(self, ray: Any, training: ClusterTraining, nodes: Sequence[dict[str, float]]):
        self._ray, self._training = ray, training
        processors, gpus = (min(node.get(name, 0.0) for node in nodes) for name in ("CPU", "GPU"))
        self._remote = ray.remote(max_retries=0, num_cpus=processors, num_gpus=gpus)(cluster_part.train)
        self._running: dict[Any, tuple[Part, int]] = {}

    def run(self, parts: Sequence[Part], progress: Progress, stop: Stop) -> list[TrainingResult]:
        """Returns the results of all parts that were finished or stopped, in order of their repetitions."""
        found: dict[Part, TrainingResult] = {}
        for part in parts:
            self._start(part, 1)
        count, warned = sum(end - first for first, end in parts), set[str]()
        with Bar(f"train {len(parts)} parts", count, "repetition", shown=progress.bars) as bar:
            while self._running and not stop.requested():
                done, _ = self._ray.wait([*self._running], num_returns=1, timeout=_TICK_SECONDS)
                for reference in done:
                    part, attempt = self._running.pop(reference)
                    try:
                        found[part] = self._ray.get(reference)
                    except self._ray.exceptions.RayTaskError as error:
                        raise _explained(error, part) from None
                    except self._ray.exceptions.RayError as error:
                        progress.warn(self._again(part, attempt, error))
                        continue
                    for text in found[part].warnings:
                        if text not in warned:
                            progress.warn(text)
                    warned.update(found[part].warnings)
                    bar.update(part[1] - part[0])
        return [found[part] for part in sorted(found)]

    def cancel(self) -> None:
        """Stops the parts that still train, each after its current step, and waits until their states are saved."""
        for reference in self._running:
            # Ray raises SIGINT in the process, which `StopSignal` takes as it takes Ctrl-C.
            self._ray.cancel(reference)
        if self._running:
            self._ray.wait([*self._running], num_returns=len(self._running), timeout=_SAVE_SECONDS)

    def _start(self, part: Part, attempt: int) -> None:
        self._running[self._remote.remote(self._training, part)] = (part, attempt)

    def _again(self, part: Part, attempt: int, error: Exception) -> str:
        """Starts a lost part again, and returns a sentence about that; InputError if it was lost too often."""
        reason = " ".join(str(error).split())
        if attempt == _ATTEMPTS:
            raise InputError(
                f"Repetitions {part[0]}:{part[1]} must be trained by a process that lasts, but Ray lost {attempt} of them; the last: "
                f"{reason[:300]}. The logs of Ray say more; the same call goes on from the last checkpoint."
            )
        self._start(part, attempt + 1)
        return (
            f"Ray lost the process that trained repetitions {part[0]}:{part[1]} ({type(error).__name__}); another one goes on from its "
            f"last checkpoint (attempt {attempt + 1} of {_ATTEMPTS})."
        )


@contextlib.contextmanager
def _connected(address: str) -> Iterator[Any]:
    """Yields the module `ray`, connected to the cluster during a block."""
    try:
        import ray
    except ModuleNotFoundError:
        raise InputError(
            "A cluster needs the package ray. Install it on every node: pip install 'mach-tf[ray]'."
        ) from None
    if ray.is_initialized():
        raise InputError("This process must not be connected to Ray already. Call ray.shutdown() before fit.")
    handler = signal.getsignal(signal.SIGTERM)
    try:
        _knock(address)
        ray.init(address=address, log_to_driver=False, configure_logging=False)
    except (OSError, OverflowError, ValueError, RuntimeError, ray.exceptions.RayError) as error:
        raise InputError(
            f"cluster must be the address of a running Ray cluster, like ray://HOST:10001 or HOST:6379 (got {address!r}: "
            f"{' '.join(str(error).split())[:300]}). Start one: ray start --head."
        ) from None
    try:
        yield ray
    finally:
        ray.shutdown()
        if threading.current_thread() is threading.main_thread():
            # Ray has put its own in place.
            signal.signal(signal.SIGTERM, handler)


def _knock(address: str) -> None:
    """Raises OSError if nobody listens at HOST:PORT, which Ray would try again for five minutes."""
    found = re.fullmatch(r"(?:ray://)?(.+):(\d{1,5})", address)
    if found:
        json_socket.connect(found[1].strip("[]"), int(found[2]), _KNOCK_SECONDS).close()


def _nodes(ray: Any) -> list[dict[str, float]]:
    """Returns the resources of each node that can train: if some nodes have GPUs, only of those."""
    alive = [node["Resources"] for node in ray.nodes() if node["Alive"] and node["Resources"].get("CPU")]
    nodes = [node for node in alive if node.get("GPU")] or alive
    if not nodes:
        raise InputError(
            "cluster must have a node with processors (got none). Start one: ray start --address=HOST:6379."
        )
    return nodes


def _explained(error: Any, part: Part) -> Exception:
    """Returns what a part raised, or what it means."""
    cause = error.cause
    if isinstance(cause, InputError):
        return InputError(f"Repetitions {part[0]}:{part[1]}: {cause}")
    if isinstance(cause, MemoryError):
        return InputError(f"Repetitions {part[0]}:{part[1]} need more memory than their node has: lower group_size.")
    return error
