"""What this process' device takes at the size of Amazon-670K: an epoch of training, and a point's prediction, attack and explanation."""

from __future__ import annotations

import math
import tempfile
import time
from typing import Any, Callable

import numpy as np
import scipy.sparse

from benchmarks import gpu_speed, random_model, synthetic

_K = 5
_EPSILON = 0.01
_BATCHES = 16
_ROUNDS = 3


def epoch(setting: dict[str, Any], group: int, points: int, labels: int, variant: str = "b") -> dict[str, Any]:
    """Measures an epoch, on a few batches over and over, and what the plan of memory and time says of it.

    Args:
      setting: shapes, one of settings.SETTINGS.
      group: the number of repetitions side by side.
      points: the number of training points.
      labels: K.
      variant: as for our_step.training.

    Returns:
      The seconds of the epoch as `fit` runs it, waiting for each step's losses, the points per second, and those that the input
      pipeline prepares; the peak memory of the GPU, None on a CPU; and what mach_tf.sizing estimates of both for a machine with
      this device's rates.
    """
    from benchmarks import our_step
    from mach_tf.sizing import memory_plan, training_time
    from mach_tf.sizing.machine import Machine

    gpu_speed.set_precision("tensor_float_32")
    machine = Machine(0, gpu_speed.product_rate("tensor_float_32"), gpu_speed.bandwidth())
    batches = synthetic.batches(setting, labels, _BATCHES)
    before = gpu_speed.reset_peak()
    running = our_step.training(setting, group, batches, variant)
    running.step()
    steps = math.ceil(points / setting["points"])
    begun = time.perf_counter()
    for _ in range(steps):
        running.step()
    seconds = time.perf_counter() - begun
    config, peak = running.model.config, gpu_speed.peak_gb(before)
    shapes = memory_plan.Shapes(setting["columns"], setting["buckets"], setting["features"])
    planned = memory_plan.plan(config, shapes, group)
    step = group * training_time.step_seconds(config, shapes, machine) + training_time.STEP_SECONDS
    return {
        "steps": steps,
        "epoch_seconds": round(seconds, 4),
        "points_per_second": round(steps * setting["points"] / seconds, 1),
        "input_points_per_second": gpu_speed.input_rate(setting, group, steps)["points_per_second"],
        "peak_memory_gb": peak,
        "planned_seconds": round(steps * step, 2),
        "planned_memory_gb": round((planned.total - memory_plan.PROCESS_BYTES) / 2**30, 2),
    }


def answers(setting: dict[str, Any], repetitions: int, points: int, labels: int) -> dict[str, Any]:
    """Measures what a point takes in a network with random weights: logits, exact decoding, gradients, an attack, an explanation.

    Args:
      setting: shapes, one of settings.SETTINGS.
      repetitions: R.
      points: the number of points.
      labels: K.

    Returns:
      The milliseconds per point of each, all points together; of an explanation, those of the five best labels of one point.
    """
    import mach_tf

    batch = synthetic.batches({**setting, "points": points}, labels, 1)[0]
    features = synthetic.matrix(batch["feature_ids"], batch["feature_values"], setting["columns"])
    truth = synthetic.matrix(batch["label_ids"], np.ones_like(batch["label_ids"], np.float32), labels)
    with tempfile.TemporaryDirectory() as directory:
        random_model.write(directory, setting["columns"], labels, setting["hidden"], setting["buckets"], repetitions)
        model = mach_tf.Ensemble.load(directory)
        runs = _runs(model, features, truth)
        return {name: round(1000 * _seconds(run) / count, 3) for name, (run, count) in runs.items()}


def _runs(model: Any, features: scipy.sparse.csr_matrix, truth: scipy.sparse.csr_matrix) -> dict[str, Any]:
    """Returns what to measure by name, with the number of its points."""
    from mach_tf import estimators, points
    from mach_tf.attacks.gradient_attacks import fgsm_step
    from mach_tf.attacks.input_gradient import attack_input
    from mach_tf.attacks.objectives import Objective

    count = features.shape[0]
    hashed, columns = points.from_csr(features, truth), features.shape[1]
    scores = estimators.bucket_scores(model.bucket_logits(features), "logit_mean")
    inputs = attack_input(hashed, columns, "nonzero")

    def gradient(name: str) -> Callable[[], Any]:
        objective = Objective(name, model, model.decoder, inputs, "logit_mean", _K)
        return lambda: objective.evaluate(inputs.clean)

    return {
        "bucket logits": (lambda: model.bucket_logits(features), count),
        "decoding": (lambda: model.decoder.top_k(scores, _K, "logit_mean"), count),
        "prediction": (lambda: model.top_k(features, _K), count),
        "gradient of the loss": (gradient("loss"), count),
        "gradient of the margin": (gradient("margin"), count),
        "fgsm": (lambda: fgsm_step(model, hashed, "logit_mean", _EPSILON), count),
        "exact explanation": (lambda: model.explain(features[:1], method="exact"), 1),
    }


def _seconds(run: Callable[[], Any]) -> float:
    run()  # the first call compiles
    return gpu_speed.fastest(run, _ROUNDS)
