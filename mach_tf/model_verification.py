"""Checks every byte of a model directory: model.json, names, the files of each repetition by size and hash, and the weights.

A single repetition, as it is served, is checked by its own repetition.json.
"""

from __future__ import annotations

import dataclasses
import os
from collections.abc import Iterator, Sequence
from typing import Callable, Optional

import tensorflow as tf

from mach_tf import kept_files, repetition_files
from mach_tf.check_result import CheckResult
from mach_tf.errors import InputError
from mach_tf.manifest import MODEL_FILE, ModelManifest, repetition_directory
from mach_tf.ranker.ranker import Ranker
from mach_tf.repetition_files import REPETITION_FILE, RepetitionFiles
from mach_tf.saved_repetition import load_repetition


@dataclasses.dataclass(frozen=True)
class ModelVerification(CheckResult):
    """The result of checking a model directory; its `str()` is a sentence, or the list of problems.

    Attributes:
      model_dir: the directory.
      problems: a sentence for each thing that is wrong; empty if the model is whole.
      repetitions: the number of repetitions according to model.json; 0 if that is damaged, or if the directory is a single
        repetition.
    """

    model_dir: str
    problems: list[str]
    repetitions: int = 0

    def __str__(self) -> str:
        if self.is_whole and not self.repetitions:
            return f"{self.model_dir} is whole: a single repetition, every file as its {REPETITION_FILE} says."
        if self.is_whole:
            return f"{self.model_dir} is whole: all {self.repetitions} of its repetitions."
        return self.listed(self.model_dir)


def verify(
    model_dir: str, report: Callable[[str], None] = lambda problem: None, repetitions: Optional[int] = None
) -> ModelVerification:
    """Checks every byte of a model directory, or of a single repetition.

    Args:
      model_dir: the directory, of a model or of a repetition.
      report: called with each problem as it is found.
      repetitions: checks the first N repetitions alone; all by default.
    """
    found: list[str] = []
    single = _is_repetition(model_dir)
    for problem in _files_problems(model_dir) if single else problems(model_dir, repetitions):
        report(problem)
        found.append(problem)
    if single:
        return ModelVerification(model_dir, found)
    try:
        model = ModelManifest.read(model_dir)
    except InputError:
        return ModelVerification(model_dir, found)
    return ModelVerification(model_dir, found, model.bucket_spec.repetitions)


def problems(model_dir: str, repetitions: Optional[int] = None) -> Iterator[str]:
    """Yields a sentence for each thing that is wrong with a model, as it is found; nothing if the model is whole.

    Args:
      model_dir: the directory.
      repetitions: checks the first N repetitions alone; all by default.
    """
    try:
        model = ModelManifest.read(model_dir)
    except InputError as error:
        yield str(error)
        return
    yield from kept_files.problems(model_dir, model)
    if model.ranker_sha256:
        try:
            Ranker.read(model_dir, model.ranker_sha256, model.labels, model.columns)
        except InputError as error:
            yield str(error)
    for repetition in range(min(repetitions or model.bucket_spec.repetitions, model.bucket_spec.repetitions)):
        path = repetition_directory(model_dir, repetition)
        if not os.path.isdir(path):
            yield f"{path} is missing, though {MODEL_FILE} counts it. Train it, or copy it here."
            continue
        yield from repetition_problems(path, model, repetition)


def repetition_problems(path: str, model: ModelManifest, repetition: int) -> Iterator[str]:
    """Yields a sentence for each thing that is wrong with a repetition, of which every byte is read.

    Args:
      path: its directory, in the model directory.
      model: the model's manifest.
      repetition: its number.
    """
    found = list(repetition_files.problems(os.path.dirname(path), model, repetition, "full"))
    yield from found or _weight_problems(path, model, repetition)


def check_models(model_dirs: Sequence[str], repetitions: Optional[int] = None) -> None:
    """Checks every byte of models before they are used.

    Args:
      model_dirs: the directories.
      repetitions: checks the first N repetitions of each alone; all by default.

    Raises:
      InputError: the first problem.
    """
    for model_dir in model_dirs:
        for problem in problems(model_dir, repetitions):
            raise InputError(problem)


def _is_repetition(path: str) -> bool:
    return os.path.isfile(os.path.join(path, REPETITION_FILE)) and not os.path.lexists(os.path.join(path, MODEL_FILE))


def _files_problems(path: str) -> Iterator[str]:
    """Yields what is wrong with a single repetition."""
    try:
        stored = RepetitionFiles.read(path)
    except InputError as error:
        yield f"{error} {repetition_files.remedy(path)}"
        return
    for problem in stored.problems(path, "full") if stored else ():
        yield f"{problem}. {repetition_files.remedy(path)}"


def _weight_problems(path: str, model: ModelManifest, repetition: int) -> Iterator[str]:
    try:
        weights = load_repetition(path, model.shape, model.origin(repetition)).weights
    except InputError as error:
        yield str(error)
        return
    for name, weight in weights._asdict().items():
        if not tf.reduce_all(tf.math.is_finite(weight)):
            yield f"{path} must hold finite weights, but its {name} does not. Remove it and train again."
