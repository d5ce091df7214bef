"""Resuming: whether a model directory holds the same training, and what is left to train in it."""

from __future__ import annotations

import dataclasses
import os
import re
from typing import Any, Optional

from mach_tf import __version__, kept_files, model_verification, repetition_files, startup
from mach_tf.data import model_dataset
from mach_tf.errors import InputError
from mach_tf.manifest import DATASET_FILE, LABEL_NAMES_FILE, MODEL_FILE, ModelManifest, repetition_directory
from mach_tf.training import group_plan

_PACKAGES = ("tensorflow", "tensorflow-cpu", "tensorflow-addons", "tf-keras", "keras", "numpy")


def start(model_dir: str, model: ModelManifest) -> None:
    """Writes model.json unless it exists; from then on the directory belongs to this training.

    An existing model.json keeps the settings of its first run; the groups that `model` plans are added to those it records. If
    `model` has more repetitions, it records the larger number. A model of an earlier version gets the files of names that it lacks.
    """
    if not os.path.exists(os.path.join(model_dir, MODEL_FILE)):
        os.makedirs(model_dir, exist_ok=True)
        model.write(model_dir)
        return
    earlier, found = group_plan.recorded(model_dir), ModelManifest.read(model_dir)
    groups = group_plan.merged(earlier, model.run.get(group_plan.GROUPS, []))
    more_files = kept_files.added(found, model)
    if groups != earlier or added(found, model) or more_files:
        spec = dataclasses.replace(found.bucket_spec, repetitions=model.bucket_spec.repetitions)
        run = {**found.run, group_plan.GROUPS: groups} if groups else found.run
        kept = {**found.files_sha256, **more_files}
        points = model.training_points
        dataclasses.replace(found, bucket_spec=spec, run=run, files_sha256=kept, training_points=points).write(
            model_dir
        )


def added(earlier: ModelManifest, model: ModelManifest) -> int:
    """Returns the number of repetitions that `model` adds to those of an earlier run; 0 if it has no more."""
    return max(0, model.bucket_spec.repetitions - earlier.bucket_spec.repetitions)


def check_same(model_dir: str, model: ModelManifest) -> int:
    """Checks that a model directory, if it belongs to a training, belongs to this one, which may have more repetitions.

    The number of repetitions decides the weights of none of them.

    Returns:
      The number of repetitions that `model` adds to those of the directory's training.

    Raises:
      InputError: the directory is a dataset's; or settings or dataset differ; the message names each difference and what to give instead.
    """
    if not os.path.exists(os.path.join(model_dir, MODEL_FILE)):
        if os.path.exists(os.path.join(model_dir, DATASET_FILE)):
            raise InputError(
                f"model_dir must be new, empty or a model directory ({model_dir} holds {DATASET_FILE}); choose another."
            )
        return 0
    earlier = ModelManifest.read(model_dir)
    more, ours, theirs = added(earlier, model), settings(model), settings(earlier)
    names = [name for name in sorted({*ours, *theirs}) if ours.get(name) != theirs.get(name)]
    if more:
        names.remove("bucket_spec.repetitions")
    if not names:
        return more
    differences = "; ".join(f"{name} was {theirs.get(name)!r}, is now {ours.get(name)!r}" for name in names)
    arguments = {argument(name): theirs.get(name) for name in names if argument(name)}
    remedies = [", ".join(f"{name}={value!r}" for name, value in arguments.items())] if arguments else []
    if not all(map(argument, names)):
        remedies.append("the dataset that it was trained on")
    raise InputError(
        f"{model_dir} holds a different training, which can only be resumed with its original settings: {differences}. "
        f"Give {' and '.join(remedies)}, or another model_dir."
    )


def other_names(model_dir: str, model: ModelManifest) -> list[str]:
    """Returns a sentence if the dataset's feature names are not those that the training began with.

    Raises:
      InputError: its label names are not: model.json would go on to stand for the first ones.
    """
    if not os.path.exists(os.path.join(model_dir, MODEL_FILE)):
        return []
    others = model_dataset.other_names(ModelManifest.read(model_dir).names_sha256, model.names_sha256)
    if LABEL_NAMES_FILE in others:
        raise InputError(
            f"The dataset must have the label names that the training in {model_dir} began with, and its names are others. Give "
            "that dataset, or another model_dir."
        )
    if not others:
        return []
    return [
        f"The dataset's feature names are not those that the training in {model_dir} began with; the first ones stay."
    ]


def argument(name: str) -> Optional[str]:
    """Returns the argument that a setting of model.json comes from; None if it comes from the dataset."""
    group, _, field = name.partition(".")
    if group == "bucket_spec":
        return "label_hash" if field == "family" else field
    return field if group == "training" else None


def settings(model: ModelManifest) -> dict[str, Any]:
    """Returns all that decides the weights as values of JSON, by dotted name: "training.epochs"."""
    flat: dict[str, Any] = {}
    for name, value in model.decisive().items():
        flat.update({f"{name}.{k}": v for k, v in value.items()} if isinstance(value, dict) else {name: value})
    return flat


def check_trained(model_dir: str, model: ModelManifest, verify: str = "sizes") -> None:
    """Checks that the repetitions which are there are whole and of this training, so that none is taken for trained that is not.

    Args:
      model_dir: the model directory.
      model: the manifest of the training.
      verify: "sizes", or "full" to read every byte of them.

    Raises:
      InputError: a repetition is damaged, partly copied, or of another training; the message names it.
    """
    for repetition in range(model.bucket_spec.repetitions):
        path = repetition_directory(model_dir, repetition)
        if os.path.isdir(path):
            repetition_files.check(model_dir, model, repetition)
            for problem in model_verification.repetition_problems(path, model, repetition) if verify == "full" else ():
                raise InputError(problem)
        elif os.path.lexists(path):
            # Found here, and not when hours of training are to be written there.
            raise InputError(
                f"{path} must be the directory of a repetition, but it is a file or a link to nothing. Move it away."
            )


def pending(model_dir: str, repetitions: int, wanted: Optional[tuple[int, int]] = None) -> list[int]:
    """Returns the repetitions that are wanted and have no SavedModel yet, ascending.

    Args:
      model_dir: the model directory.
      repetitions: R.
      wanted: (first, end), without `end`; None for all.

    Raises:
      InputError: `wanted` is empty or not within [0, repetitions).
    """
    first, end = wanted or (0, repetitions)
    if not 0 <= first < end <= repetitions:
        raise InputError(
            f"repetition_range must be (first, end) with 0 <= first < end <= repetitions={repetitions} (got {wanted!r})."
        )
    return [r for r in range(first, end) if not os.path.isdir(repetition_directory(model_dir, r))]


def parse_range(text: str, repetitions: int) -> range:
    """Returns the repetitions that a text names: "FIRST:END", without END, or "PART/PARTS", the part with that number, from 0, of equal parts.

    Raises:
      InputError: `text` has neither form, is not within [0, repetitions), or names a part without repetitions.
    """
    numbers = re.fullmatch(r"(\d{1,9})([:/])(\d{1,9})", text, re.ASCII)
    if numbers:
        first, end = int(numbers[1]), int(numbers[3])
        if numbers[2] == "/" and first < end <= repetitions:
            return range(first * repetitions // end, (first + 1) * repetitions // end)
        if numbers[2] == ":" and first < end <= repetitions:
            return range(first, end)
    raise InputError(
        f"repetition_range must be FIRST:END with 0 <= FIRST < END <= repetitions={repetitions}, or PART/PARTS with 0 <= PART < PARTS <= "
        f"{repetitions} (got {text!r})."
    )


def library_versions() -> dict[str, str]:
    """Returns the versions of the installed packages that training rests on, by name."""
    found = {name: startup.installed_version(name) for name in _PACKAGES}
    return {"mach-tf": __version__, **{name: version for name, version in found.items() if version}}
