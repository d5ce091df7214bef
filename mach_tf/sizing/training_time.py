"""Estimates the time of a training from the machine's rates in matrix products and in copies.

A step multiplies matrices, at the machine's full rate, and moves rows of the first layer, weights of the output layer and activations,
at that of copies. The numbers of passes over each are fitted to measured steps of six settings on two machines (docs/benchmarks/training.md),
which the estimate meets within a factor of 1.5.
"""

from __future__ import annotations

import math

from mach_tf.sizing.machine import Machine
from mach_tf.sizing.memory_plan import FLOAT_BYTES, Shapes
from mach_tf.training_config import TrainingConfig

# Imports, tracing, the last checkpoint, export.
START_SECONDS = 15.0
# Of a step of a group, however small: its operations are started one by one.
STEP_SECONDS = 5e-3
# Passes over the touched rows: the optimizer reads and writes weights and two moments and reads the gradient; gathering rows and the
# gradients of the perturbed points are added in adversarial training.
_CLEAN_PASSES, _ADVERSARIAL_PASSES = 7.0, 10.0
# Passes that `rowwise` leaves out on W1, where it keeps no number per weight: its update takes 0.63 and 0.74 of LaProp's time (decisions 55 and 50).
_ROWWISE_SAVES = 2.0
# A further gradient for a perturbation gathers rows and reads them again.
_GRADIENT_PASSES = 2.0
# Passes over the activations of the output layer (logits, targets, loss, their gradients) and of the hidden layer.
_OUTPUT_PASSES, _HIDDEN_PASSES = 12.0, 10.0


def step_flops(config: TrainingConfig, shapes: Shapes) -> float:
    """Returns the floating-point operations of a training step of one repetition."""
    # Upper layer: forward, gradient of the input, gradient of the weights. First layer: forward, gradient of the weights.
    upper = 6.0 * config.batch_size * config.hidden_units * shapes.buckets
    first = 4.0 * config.batch_size * shapes.features * config.hidden_units
    if not config.is_adversarial:
        return upper + first
    if config.adversarial == "ibp":
        # The middle and the half width of the intervals, each with all of W2, but forward alone; the radius, with |W1|.
        return (1 + 4 / 6) * upper + 2 * first
    present = shapes.columns if config.fgsm_support == "dense" else shapes.features
    perturbation = 2.0 * config.batch_size * present * config.hidden_units
    perturbed = 4.0 * config.batch_size * present * config.hidden_units
    # A further gradient for the perturbation: forward, and back without the gradients of the weights.
    further = 4 / 6 * upper + 2 * perturbation
    return 2 * upper + first + perturbation + perturbed + _further_gradients(config) * further


def _further_gradients(config: TrainingConfig) -> int:
    """Returns the number of gradients for the perturbation beside FGSM's one."""
    return {"n_fgsm": 1, "pgd": config.adversarial_steps - 1}.get(config.adversarial, 0)


def touched_rows(config: TrainingConfig, shapes: Shapes) -> float:
    """Returns how many different rows of the first layer a step touches: all of them, or as many columns as random features of the batch hit."""
    if config.updates_all_rows:
        return float(shapes.columns)
    return -shapes.columns * math.expm1(-config.batch_size * shapes.features / shapes.columns)


def step_bytes(config: TrainingConfig, shapes: Shapes) -> float:
    """Returns the bytes that a training step of one repetition moves."""
    passes, losses = _CLEAN_PASSES, 1
    if config.is_adversarial:
        further = _further_gradients(config)
        passes, losses = _ADVERSARIAL_PASSES + _GRADIENT_PASSES * further, 2 + further
    saved = _ROWWISE_SAVES if config.optimizer == "rowwise" else 0.0
    rows = config.hidden_units * ((passes - saved) * touched_rows(config, shapes) + passes * shapes.buckets)
    activations = config.batch_size * (_OUTPUT_PASSES * shapes.buckets + _HIDDEN_PASSES * config.hidden_units)
    return FLOAT_BYTES * (rows + losses * activations)


def step_seconds(config: TrainingConfig, shapes: Shapes, machine: Machine) -> float:
    """Returns the time of a training step of one repetition beside others, without what a step of a group takes in addition."""
    return step_flops(config, shapes) / machine.flops + step_bytes(config, shapes) / machine.bandwidth


def training_seconds(config: TrainingConfig, points: int, repetitions: int, groups: int, step: float) -> float:
    """Returns the time of a training, from the start of the program to its end.

    Args:
      config: the training settings.
      points: the number of training points.
      repetitions: the number of repetitions to train.
      groups: the number of groups that they are trained in.
      step: what `step_seconds` returned.
    """
    steps = config.epochs * math.ceil(points / config.batch_size)
    return START_SECONDS + steps * (repetitions * step + groups * STEP_SECONDS)
