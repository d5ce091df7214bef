"""Keras callbacks of a training run: validation, TensorBoard curves, checkpoints, and an error at a loss that is not finite."""

from __future__ import annotations

import time
from typing import Any, Callable, Optional

import numpy as np
import scipy.sparse
import tensorflow as tf

from mach_tf import buckets, estimators, tensorboard_logs
from mach_tf.classifier import SparseBatch
from mach_tf.decoding import decode
from mach_tf.errors import InputError
from mach_tf.metrics import ranking_metrics
from mach_tf.points import Points
from mach_tf.training.model import RepetitionGroup

_VALIDATION_BATCH = 256
LOSSES = ("clean_loss", "adversarial_loss")
# Checkpoints take at most about a fortieth of the time: a whole training should take at most 1.15 times its bare steps.
_CHEAP = 40


class StopAtNonFiniteLoss(tf.keras.callbacks.Callback):
    """Raises InputError at the first loss that is not finite; the message says where and what to do."""

    def __init__(self) -> None:
        super().__init__()
        self._epoch = 0

    def on_epoch_begin(self, epoch: int, logs: Optional[dict[str, Any]] = None) -> None:
        self._epoch = epoch

    def on_train_batch_end(self, batch: int, logs: Optional[dict[str, Any]] = None) -> None:
        for name in LOSSES:
            values = (logs or {}).get(name)
            if values is not None and not np.isfinite(values).all():
                position = int(np.flatnonzero(~np.isfinite(values))[0])
                raise InputError(
                    f"Every loss must be finite, but the {name.replace('_', ' ')} of repetition "
                    f"{self.model.repetitions[position]} is {values[position]} in epoch {self._epoch + 1}, "
                    f"step {int(self.model.optimizer.iterations.numpy())}. Lower learning_rate or epsilon. The last "
                    "checkpoint was saved before this step; remove it if training fails here again."
                )


class Validation(tf.keras.callbacks.Callback):
    """Adds P@1 and P@5 in percent to each epoch's logs, measured with this group's repetitions on a sample of points."""

    def __init__(self, points: Points, columns: int, bucket_table: np.ndarray, bucket_count: int, estimator: str):
        """Keeps the sample.

        Args:
          points: the sample, hashed.
          columns: D.
          bucket_table: int32 [G, K], the group's rows of the bucket table.
          bucket_count: B.
          estimator: the estimator of label scores.
        """
        super().__init__()
        self._points, self._columns, self._table, self._estimator = points, columns, bucket_table, estimator
        self._members = buckets.invert(bucket_table, bucket_count)

    def on_epoch_end(self, epoch: int, logs: Optional[dict[str, Any]] = None) -> None:
        if logs is not None and not self.model.stop_training:
            logs.update(self.measure(self.model))

    def measure(self, model: RepetitionGroup) -> dict[str, float]:
        """Returns P@1 and P@5 in percent, by name."""
        features = self._points.features(self._columns)
        k = min(5, self._table.shape[1])
        top = []
        for begin in range(0, len(self._points), _VALIDATION_BATCH):
            logits = model.bucket_logits(_as_batch(features[begin : begin + _VALIDATION_BATCH])).numpy()
            scores = estimators.bucket_scores(logits, self._estimator)
            top.append(decode.top_k(scores, self._table, self._members, k, self._estimator)[0])
        found = ranking_metrics.hits(np.concatenate(top), self._points.labels(self._table.shape[1]))
        return {"P@1": 100 * float(found[:, 0].mean()), "P@5": 100 * float(found.sum(1).mean()) / 5}


class Curves(tf.keras.callbacks.Callback):
    """Writes TensorBoard scalars: losses, learning rate and points per second at each step, validation metrics at each epoch; with "ibp"
    also epsilon and adversarial_weight at each step.

    If they cannot be written, it warns once and writes no more: the model does not depend on them.
    """

    def __init__(self, directory: str, points: int, batch_size: int, warn: Callable[[str], None]):
        """Keeps the numbers; the file is opened at the first step.

        Args:
          directory: where the curves are written.
          points: the number of training points.
          batch_size: the number of points per step.
          warn: takes the warning.
        """
        super().__init__()
        self._directory, self._warn = directory, warn
        self._points, self._batch_size = points, batch_size
        self._begin = 0.0
        self._ramped: dict[str, float] = {}
        self._writer: Optional[tf.summary.SummaryWriter] = None
        self._failed = False

    def on_train_batch_begin(self, batch: int, logs: Optional[dict[str, Any]] = None) -> None:
        self._ramped = self.model.ramped()
        self._begin = time.perf_counter()

    def on_train_batch_end(self, batch: int, logs: Optional[dict[str, Any]] = None) -> None:
        optimizer = self.model.optimizer
        values = {f"loss/{name[:-5]}": float(np.mean(logs[name])) for name in LOSSES if logs and name in logs}
        values.update(self._ramped)
        values["learning_rate"] = float(optimizer._decayed_lr(tf.float32))
        step = int(optimizer.iterations.numpy())
        values["points_per_second"] = self._points_of(step) / (time.perf_counter() - self._begin)
        self._write(values, step)

    def on_epoch_end(self, epoch: int, logs: Optional[dict[str, Any]] = None) -> None:
        values = {f"validation/{name}": value for name, value in (logs or {}).items() if name.startswith("P@")}
        self._write(values, epoch + 1, flush=True)

    def _points_of(self, step: int) -> int:
        """Returns the number of points of a step; an epoch's last batch may be short."""
        done = (step - 1) * self._batch_size % (-(-self._points // self._batch_size) * self._batch_size)
        return min(self._batch_size, self._points - done)

    def _write(self, values: dict[str, float], step: int, flush: bool = False) -> None:
        if self._failed:
            return
        with tensorboard_logs.optional(self._directory, "training", self._give_up):
            self._writer = self._writer or tf.summary.create_file_writer(self._directory)
            with self._writer.as_default():
                for name, value in values.items():
                    tf.summary.scalar(name, value, step)
            if flush:
                self._writer.flush()

    def _give_up(self, warning: str) -> None:
        self._failed, self._writer = True, None
        self._warn(warning)


class SaveCheckpoints(tf.keras.callbacks.Callback):
    """Saves a checkpoint every few minutes and after epochs, while saving is cheap, and at once when a stop is requested, which ends the fit.

    Saving is cheap if the training since the last checkpoint took _CHEAP times as long. The last epoch ends without a checkpoint, for the
    SavedModels follow it. Must come after the callbacks whose results count as the epoch's.
    """

    def __init__(
        self,
        save: Callable[[int, int], None],
        epochs: int,
        minutes: Optional[float],
        expected_seconds: float,
        stop_requested: Callable[[], bool],
    ):
        """Keeps what to call.

        Args:
          save: saves a checkpoint; takes the epoch, and the number of its steps done in this fit.
          epochs: the number of epochs of the training.
          minutes: minutes between two checkpoints; 0 saves only after epochs, None only when a stop is requested.
          expected_seconds: how long the first checkpoint will take; later ones are expected to take as long as the one before.
          stop_requested: returns whether to stop; called after every step.
        """
        super().__init__()
        self._call, self._epochs, self._minutes = save, epochs, minutes
        self._seconds, self._stop_requested = expected_seconds, stop_requested
        self._epoch, self._last = 0, time.monotonic()

    def on_train_begin(self, logs: Optional[dict[str, Any]] = None) -> None:
        self._last = time.monotonic()

    def on_epoch_begin(self, epoch: int, logs: Optional[dict[str, Any]] = None) -> None:
        self._epoch = epoch

    def on_train_batch_end(self, batch: int, logs: Optional[dict[str, Any]] = None) -> None:
        stop = self._stop_requested()
        if stop or (self._minutes and self._is_due(60 * self._minutes)):
            self._save(batch + 1)
        if stop:
            self.model.stop_training = True

    def on_epoch_end(self, epoch: int, logs: Optional[dict[str, Any]] = None) -> None:
        if self.model.stop_training or self._minutes is None or epoch + 1 == self._epochs:
            return
        if self._is_due():
            self._save(self.params["steps"])

    def _is_due(self, seconds: float = 0.0) -> bool:
        """Returns whether the last checkpoint is that old, and another one is cheap."""
        return time.monotonic() - self._last >= max(seconds, _CHEAP * self._seconds)

    def _save(self, steps: int) -> None:
        begin = time.monotonic()
        self._call(self._epoch, steps)
        self._last = time.monotonic()
        self._seconds = self._last - begin


def _as_batch(features: scipy.sparse.csr_matrix) -> SparseBatch:
    return SparseBatch(
        tf.constant(features.indptr, tf.int64), tf.constant(features.indices, tf.int64), tf.constant(features.data)
    )
