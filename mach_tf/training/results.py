"""The results of a training run: the losses, the validation metrics and the time of each group, and the resources that the run needed."""

from __future__ import annotations

import dataclasses
from typing import Any, Optional

from tabulate import tabulate

from mach_tf.sizing.resources import ResourcePlan


@dataclasses.dataclass(frozen=True)
class GroupResult:
    """The result of training a group of repetitions side by side.

    Attributes:
      repetitions: the numbers of the group's repetitions.
      clean_losses: the clean loss of each repetition, averaged over the last epoch; empty if nothing was left to train.
      adversarial_losses: the same for the adversarial loss; empty also if the training is not adversarial.
      validation: P@1 and P@5 in percent of the group after the last epoch, by name; empty without a validation split.
      seconds: the time that the group took in this run.
    """

    repetitions: tuple[int, ...]
    clean_losses: tuple[float, ...]
    adversarial_losses: tuple[float, ...]
    validation: dict[str, float]
    seconds: float


@dataclasses.dataclass(frozen=True)
class TrainingResult:
    """The result of a run. As text it is a table of the losses.

    Attributes:
      model_dir: the model directory.
      groups: the groups that this run finished, in order.
      stopped: whether a stop was requested before all was trained; the state is saved, and the same run goes on from it.
      resources: the memory and disk that the run was planned for; None if nothing was left to train.
      warnings: what is unusual about the data or the settings, a sentence or two each.
    """

    model_dir: str
    groups: tuple[GroupResult, ...] = ()
    stopped: bool = False
    resources: Optional[ResourcePlan] = None
    warnings: tuple[str, ...] = ()

    def to_json(self) -> dict[str, Any]:
        """Returns all fields as values that JSON can hold."""
        return dataclasses.asdict(self)

    def __str__(self) -> str:
        rows = [
            [repetition, _at(group.clean_losses, position), _at(group.adversarial_losses, position)]
            for group in self.groups
            for position, repetition in enumerate(group.repetitions)
        ]
        lines = [tabulate(rows, ("repetition", "clean loss", "adversarial loss"), floatfmt=".5f")] if rows else []
        for group in self.groups:
            measured = ", ".join(f"{name} {value:.2f}" for name, value in group.validation.items())
            first, last = group.repetitions[0], group.repetitions[-1]
            name = f"Repetition {first}" if first == last else f"Repetitions {first}-{last}"
            lines.append(f"{name}: {group.seconds:.0f} s{'; validation ' + measured if measured else ''}")
        return "\n".join(lines)


def _at(losses: tuple[float, ...], position: int) -> Optional[float]:
    return losses[position] if losses else None
