"""Trains a group of repetitions side by side, from a dataset directory to SavedModels; a stopped group resumes."""

from __future__ import annotations

import dataclasses
import os
import time
import warnings
from collections.abc import Sequence
from typing import Any, Callable, Optional

import numpy as np
import tensorflow as tf

from mach_tf import staging
from mach_tf.data import damage, records
from mach_tf.data.dataset_reader import DatasetReader
from mach_tf.estimators import DEFAULT_ESTIMATOR
from mach_tf.manifest import DatasetManifest, ModelManifest, repetition_directory
from mach_tf.saved_repetition import RepetitionWriter
from mach_tf.seeds import Purpose, derive
from mach_tf.training import finite_state, held_out, strategies
from mach_tf.training.callbacks import LOSSES, Curves, SaveCheckpoints, StopAtNonFiniteLoss, Validation
from mach_tf.training.checkpoints import GroupCheckpoints, Position, expected_seconds
from mach_tf.training.feature_dropout import drop_features
from mach_tf.training.model import RepetitionGroup
from mach_tf.training.optimizers import compiled_rows, factory
from mach_tf.training.results import GroupResult
from mach_tf.training.training_batch import replica_batches
from mach_tf.training_config import TrainingConfig
from mach_tf.variable_rows import release

TENSORBOARD_DIRECTORY = "tensorboard"


@dataclasses.dataclass(frozen=True)
class Job:
    """Everything that the groups of a run share.

    Attributes:
      data: the dataset.
      model_dir: a model directory that holds model.json.
      model: its manifest.
      strategy: the distribution strategy.
      validation_points: the number of validation points measured after each epoch; 0 for none.
      checkpoint_minutes: minutes between two checkpoints, in addition to those after epochs; 0 for the latter alone, None
        for no checkpoint but the one of a training that is stopped.
      stop_requested: called by every worker after every step; True saves a checkpoint and ends the training.
      writes: whether this process writes checkpoints, logs and SavedModels; among several workers, one does.
      curves: whether to write TensorBoard curves.
      warn: takes a warning, such as that the curves cannot be written.
    """

    data: DatasetReader
    model_dir: str
    model: ModelManifest
    strategy: tf.distribute.Strategy
    validation_points: int = 2000
    checkpoint_minutes: Optional[float] = 10.0
    stop_requested: Callable[[], bool] = lambda: False
    writes: bool = True
    curves: bool = True
    warn: Callable[[str], None] = warnings.warn

    @property
    def dataset(self) -> DatasetManifest:
        """The dataset's manifest."""
        return self.data.manifest

    @property
    def config(self) -> TrainingConfig:
        """The training settings."""
        return self.model.training

    @property
    def steps_per_epoch(self) -> int:
        """The number of batches of the training split."""
        return -(-self.dataset.split("train").points // self.config.batch_size)


def train_group(
    job: Job, repetitions: Sequence[int], callbacks: Sequence[tf.keras.callbacks.Callback] = ()
) -> Optional[GroupResult]:
    """Trains repetitions side by side and exports them, from the group's checkpoint if there is one.

    Args:
      job: what the groups of the run share.
      repetitions: the numbers of the group's repetitions, ascending.
      callbacks: further Keras callbacks. Their `logs` hold the losses as arrays [G], and P@1 and P@5 at the end of an epoch.

    Returns:
      The result; None if a stop was requested: the state is saved, and the same call goes on from it.

    Raises:
      InputError: a shard or checkpoint is damaged, or a loss or a weight is not finite.
    """
    begin = time.monotonic()
    config, group = job.config, tuple(repetitions)
    table = np.stack([job.model.bucket_spec.row(repetition, job.model.labels) for repetition in group])
    checkpoints = GroupCheckpoints(job.model_dir, group, list(map(job.model.origin, group)), job.steps_per_epoch)
    if job.writes:
        checkpoints.remove_temporaries()
    model = build(job, group, table)
    start = checkpoints.restore(model) or Position(0, 0)
    if job.stop_requested():
        # Also asked here, so that no worker exports and removes the checkpoint while another still restores it.
        return None
    every = [StopAtNonFiniteLoss(), *callbacks]
    if job.writes:
        every[1:1] = [*_validation(job, table), *_curves(job, group)]
    logs: dict[str, Any] = {}
    for epochs, skip in _fits(start, config.epochs, job.steps_per_epoch):
        history = _fit(job, model, table, checkpoints, epochs, skip, every)
        if model.stop_training:
            return None
        logs = {name: values[-1] for name, values in history.items()}
    _check_state(job, model)
    # The copies that a SavedModel is written from take the memory of the moments, and the next group takes that of the weights.
    for moment in model.moments:
        release(moment)
    if job.writes:
        _export(job, model)
        checkpoints.remove()
    for variable in model.trainable_variables:
        release(variable)
    return _result(group, logs, time.monotonic() - begin)


def _fits(start: Position, epochs: int, steps_per_epoch: int) -> list[tuple[range, int]]:
    """Returns the epochs of each fit that is left, and the steps that its epochs skip.

    All are one fit: to begin another takes longer than an epoch of small data. But Keras wants epochs of equal length, so the
    rest of one that was stopped on its way is a fit of its own.
    """
    first, skip = (start.epoch, start.step) if start.step < steps_per_epoch else (start.epoch + 1, 0)
    fits = [(range(first, first + 1), skip)] if skip else []
    rest = range(first + len(fits), epochs)
    return [*fits, (rest, 0)] if rest else fits


def _fit(
    job: Job,
    model: RepetitionGroup,
    table: np.ndarray,
    checkpoints: GroupCheckpoints,
    epochs: range,
    skip: int,
    callbacks: Sequence[tf.keras.callbacks.Callback],
) -> dict[str, list[Any]]:
    """Trains the epochs, all but the first `skip` steps of each; returns Keras' history."""
    steps = job.steps_per_epoch - skip

    def save(epoch: int, done: int) -> None:
        _check_state(job, model)
        if job.writes:
            checkpoints.save(model, Position(epoch, skip + done))

    seconds = expected_seconds(model)
    saving = SaveCheckpoints(save, job.config.epochs, job.checkpoint_minutes, seconds, job.stop_requested)
    with damage.named(job.data.directory, job.dataset, "train"):
        return model.fit(
            _epoch_data(job, table, epochs.start, skip, epochs.stop),
            epochs=epochs.stop,
            initial_epoch=epochs.start,
            steps_per_epoch=steps,
            callbacks=[*callbacks, saving],
            verbose=0,
        ).history


def _check_state(job: Job, model: RepetitionGroup) -> None:
    """Raises InputError if the state must not be kept: it was trained on data that were replaced, or it is not finite."""
    job.data.check("train")
    finite_state.check(model)


def _result(group: tuple[int, ...], logs: dict[str, Any], seconds: float) -> GroupResult:
    clean, adversarial = (tuple(float(loss) for loss in logs.get(name, ())) for name in LOSSES)
    validation = {name: float(value) for name, value in logs.items() if name.startswith("P@")}
    return GroupResult(group, clean, adversarial, validation, seconds)


def _export(job: Job, model: RepetitionGroup) -> None:
    staging.remove_leftovers(job.model_dir)
    writer = RepetitionWriter(job.config.multiclass)
    for position, repetition in enumerate(model.repetitions):
        path = repetition_directory(job.model_dir, repetition)
        if not os.path.isdir(path):
            writer.write(path, model.weights_of(position), job.model.origin(repetition))


def build(job: Job, repetitions: Sequence[int], table: np.ndarray) -> RepetitionGroup:
    """Returns the compiled model with its initial weights.

    Args:
      job: what the groups of the run share.
      repetitions: the numbers of the group's repetitions.
      table: int32 [G, K], their rows of the bucket table.
    """
    config, buckets = job.config, job.model.bucket_spec.buckets
    counts = job.data.label_counts()
    bias = bucket_log_odds(table, counts, job.dataset.split("train").points, buckets)
    if config.multiclass:
        bias = -np.logaddexp(0, -bias)  # from log-odds to the logarithm of the share
    with job.strategy.scope():
        steps = config.epochs * job.steps_per_epoch
        model = RepetitionGroup(config, job.model.columns, repetitions, bias, steps)
        model.compile(
            optimizer=factory.create(
                config, 1 if config.multiclass else buckets, steps, job.strategy.num_replicas_in_sync
            )
        )
    return model


def bucket_log_odds(table: np.ndarray, label_counts: np.ndarray, points: int, buckets: int) -> np.ndarray:
    """Returns the initial output biases: the log-odds of each bucket in training, so that the first steps need not learn them.

    Args:
      table: int32 [G, K], rows of the bucket table.
      label_counts: int64 [K], the training frequencies of the labels; a point with two labels in a bucket counts twice.
      points: the number of training points.
      buckets: B.

    Returns:
      float32 [G, B], log(p / (1 - p)) with p kept in [1 / (2 points), 1 / 2].
    """
    totals = np.stack([np.bincount(row, label_counts, buckets) for row in table])
    share = np.clip(totals / points, 0.5 / points, 0.5)
    return np.log(share / (1 - share)).astype(np.float32)


def _epoch_data(
    job: Job, table: np.ndarray, epoch: int, skip: int, end: Optional[int] = None
) -> tf.distribute.DistributedDataset:
    """The batches of the epochs from `epoch` to before `end`, by default of one; of each, all but the first `skip`."""
    config, numbers = job.config, range(epoch, epoch + 1 if end is None else end)
    keys = [derive(config.seed, number, Purpose.FEATURE_DROPOUT) for number in numbers]

    def of_epoch(position: tf.Tensor, batches: tf.data.Dataset) -> tf.data.Dataset:
        key = tf.gather(tf.constant(keys, tf.int64), position)
        marked = held_out.marked(batches.skip(skip), config.calibration_fraction, config.seed)
        return drop_features(marked, config.feature_dropout, key, skip)

    def of_worker(context: tf.distribute.InputContext) -> tf.data.Dataset:
        batches = records.epochs(
            job.data.directory,
            job.dataset,
            "train",
            config.batch_size,
            shuffle_seed=config.seed,
            numbers=numbers,
            each=of_epoch,
        )
        replicas = context.num_replicas_in_sync
        own = replicas // context.num_input_pipelines
        first = context.input_pipeline_id * own
        columns = job.model.columns if compiled_rows.chosen(config, replicas) else None
        pieces = replica_batches(batches, table, replicas, range(first, first + own), columns)
        return pieces.prefetch(tf.data.AUTOTUNE)

    return job.strategy.distribute_datasets_from_function(of_worker, strategies.input_options(job.strategy))


def _validation(job: Job, table: np.ndarray) -> list[Validation]:
    if not job.validation_points or "valid" not in job.dataset.splits or not job.dataset.split("valid").points:
        return []
    points = job.data.sample_points("valid", job.validation_points)
    return [Validation(points, job.model.columns, table, job.model.bucket_spec.buckets, DEFAULT_ESTIMATOR)]


def _curves(job: Job, group: tuple[int, ...]) -> list[Curves]:
    if not job.curves:
        return []
    path = os.path.join(job.model_dir, TENSORBOARD_DIRECTORY, f"repetitions-{group[0]:03d}-{group[-1]:03d}")
    return [Curves(path, job.dataset.split("train").points, job.config.batch_size, job.warn)]
