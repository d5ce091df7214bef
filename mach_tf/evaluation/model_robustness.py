"""Robustness: how the metrics of one model change under attacks."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from mach_tf.attacks.attack_report import AttackEntry
from mach_tf.attacks.bucket_loss import BucketLoss
from mach_tf.evaluation import tables
from mach_tf.evaluation.tables import Table

if TYPE_CHECKING:
    from matplotlib.figure import Figure


@dataclasses.dataclass(frozen=True)
class Robustness(tables.ShownAsTable):
    """The results of attacks on one model. print() shows a table, and so does a notebook.

    Attributes:
      entries: one result per attack and epsilon, in that order; iteration and len() go over them.
      ks: cut-offs of the metrics, ascending; targeted attacks aim at the largest.
      bucket_losses: the paper's adversarial loss at each epsilon; empty unless requested.
    """

    entries: tuple[AttackEntry, ...]
    ks: tuple[int, ...]
    bucket_losses: tuple[BucketLoss, ...] = ()

    def __iter__(self) -> Iterator[AttackEntry]:
        return iter(self.entries)

    def __len__(self) -> int:
        return len(self.entries)

    def to_json(self) -> dict[str, Any]:
        """Returns what robustness.json holds of one model: "attacks", and "bucket_loss" if there is any."""
        losses = {"bucket_loss": [loss.to_json() for loss in self.bucket_losses]} if self.bucket_losses else {}
        return {**losses, "attacks": [entry.to_json() for entry in self.entries]}

    def table(self) -> Table:
        """Returns one row per attack and epsilon."""
        losses = {loss.epsilon: loss.loss for loss in self.bucket_losses}
        return tables.robustness_table(self.entries, self.ks, losses or None)

    def figure(self) -> Figure:
        """Returns a figure of the metrics against epsilon, one line per attack."""
        from mach_tf.evaluation import plots  # Matplotlib takes a while to import

        return plots.robustness_figure({"": self.entries}, tables.headline_metrics(self.ks))
