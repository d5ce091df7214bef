"""A plan as a flagfile of train.main."""

from __future__ import annotations

import os

from mach_tf import files
from mach_tf.errors import InputError
from mach_tf.sizing.planning import Plan, Problem
from mach_tf.sizing.tables import gigabytes
from mach_tf.training_config import TrainingConfig

# In the order of the file, after buckets and repetitions.
_SETTINGS = (
    *("hidden_units", "hidden_init_stddev", "dropout", "epochs", "batch_size", "learning_rate", "optimizer"),
    *("optimizer_epsilon", "epsilon", "adversarial_weight", "adversarial", "fgsm_support"),
)


def check_new(path: str) -> None:
    """Checks that a flagfile can be written to `path`, before anything else is done.

    Raises:
      InputError: `path` exists, or its folder does not.
    """
    if os.path.exists(path):
        raise InputError(f"output must be a new file (got {path}, which exists); remove it or give another name.")
    if not os.path.isdir(os.path.dirname(path) or "."):
        raise InputError(f"output must be in an existing folder (got {path}); make the folder or give another name.")


def lines(plan: Plan, config: TrainingConfig, ranker: bool) -> list[str]:
    """Returns the flags of a training by this plan, one `--name=value` each.

    Args:
      plan: buckets and repetitions.
      config: the settings of the training.
      ranker: whether a ranker is trained too.
    """
    sketch = [f"--buckets={plan.buckets}", f"--repetitions={plan.repetitions}"]
    # A machine with more free memory than the plan's would train more of them side by side.
    bounded = [f"--group_size={plan.side_by_side}"] if plan.side_by_side < plan.repetitions else []
    return [*sketch, *(f"--{name}={getattr(config, name)}" for name in _SETTINGS), f"--ranker={ranker}", *bounded]


def write(path: str, problem: Problem, plan: Plan, flags: list[str]) -> None:
    """Writes a plan as a new flagfile, whole or not at all.

    Args:
      path: the file.
      problem: the data that it is for.
      plan: buckets and repetitions.
      flags: its lines, as `lines` returns them.

    Raises:
      InputError: `path` exists, or its folder does not.
    """
    check_new(path)
    ranker = f", {gigabytes(plan.ranker_bytes)} with the ranker" if plan.ranker_bytes else ""
    comment = (
        f"# {problem.points:,} points, {problem.columns:,} columns, {problem.labels:,} labels. Settings by train.plan's rules, "
        f"untried.\n# Estimate: {gigabytes(plan.training_bytes)} of memory for one repetition at a time{ranker}, "
        f"{plan.training_seconds:,.0f} s of training."
    )
    with files.atomic_write(path) as file:
        file.write("\n".join([comment, *flags, ""]).encode())
