"""Reports of a training run while it trains: warnings, the memory and disk that it needs, and a progress bar per group."""

from __future__ import annotations

import dataclasses
from typing import Any, Callable, Optional

import numpy as np
import tensorflow as tf

from mach_tf.progress_bars import Bar
from mach_tf.sizing.resources import ResourcePlan
from mach_tf.training.callbacks import LOSSES


def _ignore(_: Any) -> None:
    pass


@dataclasses.dataclass(frozen=True)
class Progress:
    """The receivers of a run's reports; by default there are none.

    Attributes:
      warn: takes each warning, as soon as it is known.
      planned: takes the memory and the disk that the run needs, before it trains.
      bars: whether to draw progress bars on stderr.
      waiting: takes a line about which workers are waited for, every 10 seconds.
    """

    warn: Callable[[str], None] = _ignore
    planned: Callable[[ResourcePlan], None] = _ignore
    bars: bool = False
    waiting: Callable[[str], None] = _ignore


class ProgressBar(tf.keras.callbacks.Callback):
    """One bar per group, in steps over all epochs, with the last losses and validation metrics."""

    def __init__(self, name: str, steps_per_epoch: int, epochs: int, shown: bool = True):
        super().__init__()
        self._epochs = epochs
        self._bar = Bar(name, steps_per_epoch * epochs, "step", shown=shown)
        self._shown: dict[str, str] = {}

    def on_epoch_begin(self, epoch: int, logs: Optional[dict[str, Any]] = None) -> None:
        self._shown["epoch"] = f"{epoch + 1}/{self._epochs}"
        self._to(int(self.model.optimizer.iterations.numpy()))

    def on_train_batch_end(self, batch: int, logs: Optional[dict[str, Any]] = None) -> None:
        for name in LOSSES:
            if logs and name in logs:
                self._shown[name[:-5]] = f"{np.mean(logs[name]):.5f}"
        self._note()
        self._bar.update()

    def on_epoch_end(self, epoch: int, logs: Optional[dict[str, Any]] = None) -> None:
        self._shown.update({name: f"{value:.2f}" for name, value in (logs or {}).items() if name.startswith("P@")})
        self._note()

    def close(self) -> None:
        """Ends the bar; it stays on the screen."""
        self._bar.close()

    def _note(self) -> None:
        self._bar.note(", ".join(f"{name}={value}" for name, value in self._shown.items()))

    def _to(self, step: int) -> None:
        self._bar.update(step - self._bar.count)
