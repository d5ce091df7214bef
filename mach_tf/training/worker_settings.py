"""What all workers of a training must have in common, and how they differ."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

from mach_tf import files
from mach_tf.manifest import ModelManifest
from mach_tf.training import checkpoints, group_plan, resume
from mach_tf.training.run_options import RunOptions
from mach_tf.training.waiting import SharedError

_SHOWN_OF_DIGEST = 12


def gather(model_dir: str, model: ModelManifest, options: RunOptions, pending: Sequence[int]) -> dict[str, Any]:
    """Returns all that must be the same in each worker, as values of JSON by name.

    Args:
      model_dir: the model directory, which all workers share.
      model: the manifest of the training.
      options: the options of the run.
      pending: the repetitions that are left to train.
    """
    chosen = {"group_size": options.group_size, "repetition_range": options.repetition_range}
    of_directory = {
        "repetitions left to train": pending,
        "checkpoints in model_dir": checkpoints.positions(model_dir),
        "groups in model.json": group_plan.recorded(model_dir),
    }
    # As the other workers get it, where tuples are lists.
    return dict(json.loads(json.dumps({**resume.settings(model), **chosen, **of_directory})))


def check_same(found: Sequence[Mapping[str, Any]], workers: Sequence[str]) -> None:
    """Checks that all workers have the same settings.

    Args:
      found: what `gather` returned in each worker.
      workers: the addresses of the workers, in the same order.

    Raises:
      SharedError: they differ; the message names each difference, and who has which value.
    """
    names = dict.fromkeys(name for settings in found for name in settings)
    differences = [name for name in names if any(settings.get(name) != found[0].get(name) for settings in found)]
    if differences:
        # dict.fromkeys, because one argument may decide several of them.
        described = dict.fromkeys(
            _difference(name, [settings.get(name) for settings in found], workers) for name in differences
        )
        raise SharedError(
            f"All workers must be started with the same settings and the same directories, but {'; '.join(described)}. Start each with the same "
            "command."
        )


def _difference(name: str, values: Sequence[Any], workers: Sequence[str]) -> str:
    """Returns "epochs=3 at a:1, b:1 and epochs=4 at c:1"."""
    holders: dict[str, list[str]] = {}
    for value, worker in zip(values, workers):
        holders.setdefault(_shown(value), []).append(worker)
    name = resume.argument(name) or name
    return " and ".join(f"{name}={value} at {', '.join(who)}" for value, who in holders.items())


def _shown(value: Any) -> str:
    if isinstance(value, str) and files.SHA256.fullmatch(value):
        return f"{value[:_SHOWN_OF_DIGEST]}..."
    return repr(value)
