"""Settings of a training for data that nobody has tuned for: rules drawn from the data that somebody has.

What they were drawn from is in BUILD_NOTES.md, "Settings by rule".
"""

from __future__ import annotations

from typing import Any, Optional

from mach_tf.sizing.planning import Problem
from mach_tf.training_config import TrainingConfig

_STEPS = 1000
_EPOCHS = (4, 16)
_MANY_POINTS = 60_000
_FEW_POINTS = 20_000
# Training points of a label, on average. Below, what is rare is most of what is to be learned.
_THIN = 8.0


def settings(problem: Problem, batch_size: Optional[int] = None) -> dict[str, Any]:
    """How to train on such data by LaProp: values by the names that TrainingConfig's fields and train.main's flags have.

    The number of steps is what stays the same, as far as a least and a most number of epochs let it. Where labels are not
    thin, dropout, and an optimizer that lets rare features take shorter steps, keep points from being learned by heart;
    where they are, both would keep the rare from being learned at all.

    Args:
      problem: the data.
      batch_size: points a step, where that is settled; by default this chooses it too.
    """
    batch_size = batch_size or min(problem.points, 256 if problem.points < _MANY_POINTS else 512)
    least, most = _EPOCHS
    thin = problem.points * problem.labels_a_point < _THIN * problem.labels
    return {
        "dropout": 0.0 if thin else 0.3,
        "epochs": min(max(round(_STEPS * batch_size / problem.points), least), most),
        "batch_size": batch_size,
        "learning_rate": 0.01 if thin else 0.02,
        "optimizer_epsilon": TrainingConfig.optimizer_epsilon
        if thin
        else 1e-3
        if problem.points < _FEW_POINTS
        else 1e-4,
    }
