"""A part of a training that one node of a cluster trains, into the model directory that all nodes share."""

from __future__ import annotations

import contextlib
import dataclasses
import os
import secrets
import signal
import time
from collections.abc import Iterator

from mach_tf import locks
from mach_tf.buckets import BucketSpec
from mach_tf.errors import InputError
from mach_tf.training import claims, resume, run
from mach_tf.training.results import TrainingResult
from mach_tf.training.run_options import RunOptions
from mach_tf.training.stop import StopSignal
from mach_tf.training_config import TrainingConfig

_LOCK = ".cluster.lock"
_TICK_SECONDS = 0.5
# How long a node may take to see what another one has written, and a lost process may outlive its node.
_SETTLE_SECONDS = 60.0

# (first, end), without `end`.
Part = tuple[int, int]


@dataclasses.dataclass(frozen=True)
class ClusterTraining:
    """What all parts of a training share.

    Attributes:
      dataset_dir: the dataset directory, an absolute path.
      model_dir: the model directory, an absolute path.
      config: the training settings.
      bucket_spec: the hash functions of all repetitions.
      options: where and how to train; each part has a range of its own.
      versions: the packages that each node must have, as `resume.library_versions` returns them.
      token: what `shared` yields.
    """

    dataset_dir: str
    model_dir: str
    config: TrainingConfig
    bucket_spec: BucketSpec
    options: RunOptions
    versions: dict[str, str]
    token: str


@contextlib.contextmanager
def shared(model_dir: str) -> Iterator[str]:
    """Holds the model directory during a block, and yields the token by which nodes recognise it; a new one that stays empty is removed."""
    made, token = not os.path.isdir(model_dir), secrets.token_hex(8)
    os.makedirs(model_dir, exist_ok=True)
    try:
        with locks.exclusive(os.path.join(model_dir, _LOCK), token=token):
            yield token
    finally:
        if made:
            with contextlib.suppress(OSError):
                os.rmdir(model_dir)


def train(training: ClusterTraining, part: Part) -> TrainingResult:
    """Trains a part in this process, from its last checkpoint if there is one.

    A process that was lost with its node and still trains the part is waited for; the lock files of `claims` show it.

    Args:
      training: what all parts share.
      part: the range of repetitions.

    Raises:
      InputError: this node has other packages, or does not see the model directory of the others; or what `run.train` raises.
    """
    versions = resume.library_versions()
    different = [name for name in training.versions if versions.get(name) != training.versions[name]]
    if different:
        here, there = ({name: each.get(name) for name in different} for each in (versions, training.versions))
        raise InputError(
            f"Every node must have the packages of the process that calls fit, but has {here}, not {there}. Install those."
        )
    _settle(training, part)
    options = dataclasses.replace(training.options, repetition_range=part)
    stop = StopSignal([signal.SIGINT])
    return run.train(
        training.dataset_dir, training.model_dir, training.config, training.bucket_spec, options, None, stop
    )


def _settle(training: ClusterTraining, part: Part) -> None:
    """Waits until this node sees the model directory of the others, and nobody trains the part any more."""
    until = time.monotonic() + _SETTLE_SECONDS
    while True:
        try:
            if (locks.read(os.path.join(training.model_dir, _LOCK)) or {}).get("token") != training.token:
                raise InputError(
                    f"{training.model_dir} must be one directory that all nodes share, but this node does not see what the process "
                    "that calls fit has written there. Give directories on a shared file system."
                )
            claims.check_free(training.model_dir, range(*part))
            return
        except InputError:
            if time.monotonic() > until:
                raise
        time.sleep(_TICK_SECONDS)
