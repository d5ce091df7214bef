"""Claims on the repetitions of a model directory: two trainings never write the same one, and the second is told who does.

A process holds a lock file, `.training-1a2b3c4d.lock`, that lists the repetitions it trains. One more lock, `.lock`, is held
for the moment in which model.json is made or compared and the claims of others are looked at.
"""

from __future__ import annotations

import contextlib
import dataclasses
import os
import re
import secrets
from collections.abc import Iterator, Sequence

from mach_tf import locks
from mach_tf.errors import InputError
from mach_tf.logit_scale import Calibration
from mach_tf.manifest import ModelManifest
from mach_tf.ranker.ranker import Ranker
from mach_tf.training import resume

_DIRECTORY_LOCK = ".lock"
_CLAIM = re.compile(r"\.training-[0-9a-f]{8}\.lock")
_WAIT_SECONDS = 60.0


@contextlib.contextmanager
def claimed(
    model_dir: str, model: ModelManifest, pending: Sequence[int], groups: Sequence[Sequence[int]]
) -> Iterator[None]:
    """Makes a model directory this training's own, and keeps its repetitions from others during the block.

    Args:
      model_dir: the model directory; made if missing.
      model: its manifest, which is written unless it exists.
      pending: the repetitions that were not trained yet when the run began.
      groups: the groups of repetitions that the block trains.

    Raises:
      InputError: another process trains one of the repetitions, or has just finished it, or the directory holds a different training.
    """
    repetitions = sorted(repetition for group in groups for repetition in group)
    with _directory(model_dir):
        check_free(model_dir, repetitions)
        resume.check_same(model_dir, model)
        resume.start(model_dir, model)
        finished = sorted({*pending} - {*resume.pending(model_dir, model.bucket_spec.repetitions)})
        if finished:
            raise InputError(
                f"{model_dir}: another process has just finished {_named(finished)}. Run the same command again, which goes on from there."
            )
        _remove_stale(model_dir)
        claim = os.path.join(model_dir, f".training-{secrets.token_hex(4)}.lock")
        descriptor = locks.take(claim, repetitions=repetitions)
    try:
        yield
    finally:
        if descriptor is not None:
            locks.release(claim, descriptor)


def add_ranker(model_dir: str, ranker: Ranker) -> None:
    """Writes a ranker into the directory and records it in model.json, both under one lock: two processes may end a training together."""
    with _directory(model_dir):
        sha256 = ranker.write(model_dir)
        dataclasses.replace(ModelManifest.read(model_dir), ranker_sha256=sha256).write(model_dir)


def add_calibration(model_dir: str, calibration: Calibration) -> None:
    """Records a calibration in model.json, under the directory's lock."""
    with _directory(model_dir):
        dataclasses.replace(ModelManifest.read(model_dir), calibration=calibration).write(model_dir)


def start(model_dir: str, model: ModelManifest) -> None:
    """Writes model.json unless it exists; from then on the directory belongs to this training.

    Raises:
      InputError: the directory holds a different training.
    """
    with _directory(model_dir):
        resume.check_same(model_dir, model)
        resume.start(model_dir, model)


def check_free(model_dir: str, repetitions: Sequence[int]) -> None:
    """Raises InputError if a process that still runs trains one of the repetitions; the message names it."""
    for path in _claims(model_dir):
        claim = locks.read(path) or {}
        shared = sorted({*repetitions} & {*claim.get("repetitions", ())})
        if shared and locks.is_held(path):
            raise InputError(
                f"{model_dir}: {_named(shared)} must be trained by one process at a time, and {locks.owner(path)}, trains "
                "them. Wait until it ends, choose another model_dir, or train other repetitions by repetition_range."
            )


def _directory(model_dir: str) -> contextlib.AbstractContextManager[None]:
    os.makedirs(model_dir, exist_ok=True)
    return locks.exclusive(os.path.join(model_dir, _DIRECTORY_LOCK), _WAIT_SECONDS)


def _claims(model_dir: str) -> list[str]:
    if not os.path.isdir(model_dir):
        return []
    return sorted(os.path.join(model_dir, name) for name in os.listdir(model_dir) if _CLAIM.fullmatch(name))


def _remove_stale(model_dir: str) -> None:
    """Removes the claims of processes that were killed."""
    for path in _claims(model_dir):
        if locks.read(path) is not None and not locks.is_held(path):
            with contextlib.suppress(FileNotFoundError):
                os.remove(path)


def _named(repetitions: Sequence[int]) -> str:
    numbers = ", ".join(map(str, repetitions[:5]))
    return f"repetition{'' if len(repetitions) == 1 else 's'} {numbers}{', ...' if len(repetitions) > 5 else ''}"
