"""The check that a model in training is of use: its weights and moments are finite, and its logits cannot overflow."""

from __future__ import annotations

import tensorflow as tf

from mach_tf.errors import InputError
from mach_tf.training.model import RepetitionGroup
from mach_tf.variable_rows import blocks, gather_rows, primary

# A logit is a sum of products of two weights, a feature value and the number of units, which must stay below 3.4e38. Weights of
# trained models are below 1e3.
LARGEST_WEIGHT = 1e15


def check(model: RepetitionGroup) -> None:
    """Checks weights and moments of a compiled model; a loss shows the weights before its step, so the last step needs this.

    Raises:
      InputError: a weight is not below LARGEST_WEIGHT in magnitude, or a moment is not finite.
    """
    limits = [(variable, LARGEST_WEIGHT) for variable in model.trainable_variables]
    limits += [(moment, float("inf")) for moment in model.moments]
    for variable, limit in limits:
        if not _within(primary(variable), limit):
            numbers = ", ".join(map(str, model.repetitions))
            raise InputError(
                f"Every weight must be finite and below {LARGEST_WEIGHT:g}, but after step "
                f"{int(model.optimizer.iterations.numpy())} {variable.name.partition(':')[0]} of repetitions {numbers} is not. "
                "Lower learning_rate or epsilon, and give a new model_dir."
            )


def _within(variable: tf.Variable, limit: float) -> bool:
    """Returns whether all magnitudes are below a limit, which NaN never is."""
    return all(bool(_all_below(variable, tf.range(*ends), limit)) for ends in blocks(variable))


def _all_below(variable: tf.Variable, rows: tf.Tensor, limit: float) -> tf.Tensor:
    return tf.reduce_all(tf.abs(gather_rows(variable, rows)) < limit)
