"""What is left to train in a model directory, and whether it is the same training."""

from __future__ import annotations

import os
from collections.abc import Sequence
from typing import Any

from mach_tf import __version__, startup
from mach_tf.errors import InputError
from mach_tf.manifest import MODEL_FILE, ModelManifest

_PACKAGES = ("tensorflow", "tensorflow-cpu", "tensorflow-addons", "keras", "numpy")


def start(model_dir: str, model: ModelManifest) -> None:
    """Writes model.json where there is none; from then on the directory belongs to this training."""
    if not os.path.exists(os.path.join(model_dir, MODEL_FILE)):
        os.makedirs(model_dir, exist_ok=True)
        model.write(model_dir)


def check_same(model_dir: str, model: ModelManifest) -> None:
    """Checks that a directory that belongs to a training belongs to this one.

    Raises:
      InputError: flags or dataset differ; the message names each difference.
    """
    if not os.path.exists(os.path.join(model_dir, MODEL_FILE)):
        return
    there = ModelManifest.read(model_dir)
    differences = _differences(there, model)
    if differences:
        raise InputError(
            f"{model_dir} holds another training; it can only go on with the settings that it began with: "
            f"{'; '.join(differences)}. Give the same flags and dataset, or another --model_dir."
        )


def _differences(there: ModelManifest, asked: ModelManifest) -> list[str]:
    ours, theirs = _flat(asked), _flat(there)
    return [
        f"{name} was {theirs.get(name)!r}, is now {ours.get(name)!r}"
        for name in sorted(set(ours) | set(theirs))
        if ours.get(name) != theirs.get(name)
    ]


def _flat(model: ModelManifest) -> dict[str, Any]:
    flat: dict[str, Any] = {}
    for name, value in model.decisive().items():
        flat.update({f"{name}.{k}": v for k, v in value.items()} if isinstance(value, dict) else {name: value})
    return flat


def groups(model_dir: str, pending: Sequence[int], size: int) -> list[tuple[int, ...]]:
    """Cuts the pending repetitions into groups; a group that has a checkpoint comes first, as it was.

    Args:
      model_dir: the model directory.
      pending: repetitions without a SavedModel, ascending.
      size: of a new group.
    """
    from mach_tf.training.checkpoints import unfinished_groups

    begun = [group for group in unfinished_groups(model_dir) if set(group) & set(pending)]
    rest = [repetition for repetition in pending if not any(repetition in group for group in begun)]
    return begun + [tuple(rest[i : i + size]) for i in range(0, len(rest), size)]


def parse_range(text: str, repetitions: int) -> range:
    """The repetitions of "FIRST:END".

    Raises:
      InputError: not of that form, or not within [0, repetitions).
    """
    first, colon, end = text.partition(":")
    if not (colon and first.isdecimal() and end.isdecimal() and 0 <= int(first) < int(end) <= repetitions):
        raise InputError(
            f"--repetition_range must be FIRST:END with 0 <= FIRST < END <= --repetitions={repetitions} (got {text!r})."
        )
    return range(int(first), int(end))


def library_versions() -> dict[str, str]:
    """Versions by package name, of those that are installed."""
    found = {name: startup.installed_version(name) for name in _PACKAGES}
    return {"mach-tf": __version__, **{name: version for name, version in found.items() if version}}
