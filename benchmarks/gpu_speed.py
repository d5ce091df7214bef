"""How fast training is on this process' device, and how near to what the device can do."""

from __future__ import annotations

import gc
import time
from typing import Any, Callable, Optional

import numpy as np

from benchmarks import gpu_checks

PRECISIONS = ("float32", "tensor_float_32", "bfloat16")
_WARM_UP, _ROUNDS = 4, 2


def training(setting: dict[str, Any], steps: int, group: int, variant: str, precision: str) -> dict[str, Any]:
    """Measures training steps.

    Args:
      setting: shapes, one of settings.SETTINGS.
      steps: steps of each round; the fastest round counts.
      group: the number of repetitions side by side.
      variant: as for our_step.training.
      precision: one of PRECISIONS, of the products with W2.

    Returns:
      Milliseconds of a step when steps follow each other without waiting for their losses, and when each is waited for, as
      `fit` does; the points per second of the latter; the share of the bound: its time over the time of the former; and the
      peak memory of the GPU, None on a CPU.
    """
    import tensorflow as tf

    from benchmarks import our_step

    set_precision(precision)
    batches = gpu_checks.batches(setting)
    before = reset_peak()
    running = our_step.training(setting, group, batches, variant, mixed_precision=precision == "bfloat16")
    for _ in range(_WARM_UP):
        running.step()

    def together() -> None:
        losses = [running.start() for _ in range(steps)]
        tf.nest.map_structure(lambda loss: loss.numpy(), losses[-1])

    def one_by_one() -> None:
        for _ in range(steps):
            running.step()

    free, waited = (fastest(each) / steps for each in (together, one_by_one))
    bound = bound_seconds(setting, group, variant, precision, batches)
    return {
        "milliseconds": round(1000 * free, 3),
        "milliseconds_waited_for": round(1000 * waited, 3),
        "points_per_second": round(setting["points"] / waited, 1),
        "share_of_bound": round(bound / free, 3),
        "peak_memory_gb": peak_gb(before),
    }


def bound_seconds(
    setting: dict[str, Any], group: int, variant: str, precision: str, batches: list[dict[str, np.ndarray]]
) -> float:
    """Returns the least seconds of a step: its products with W2 at the measured rate, its touched rows at the measured bandwidth.

    Clean training has three products of points x hidden x buckets, adversarial training six; a touched row of W1 is read and
    written seven times in all, with its moments and gradient.
    """
    touched = float(np.mean([len(np.unique(batch["feature_ids"])) for batch in batches]))
    products = 6 if variant in ("b", "alone") else 12
    operations = products * setting["points"] * setting["hidden"] * setting["buckets"] * group
    return operations / product_rate(precision) + 7 * touched * setting["hidden"] * group * 4 / bandwidth()


def product_rate(precision: str, size: Optional[int] = None) -> float:
    """Returns the measured rate of matrix products, in operations per second."""
    import tensorflow as tf

    size = size or (8192 if _gpu() else 1024)
    set_precision(precision)
    kind = tf.bfloat16 if precision == "bfloat16" else tf.float32
    left, right = (tf.cast(tf.random.normal([size, size]), kind) for _ in range(2))
    product = tf.function(lambda: tf.reduce_max(tf.matmul(left, right)[0]))
    return 2 * size**3 / fastest_call(product)


def bandwidth(floats: Optional[int] = None) -> float:
    """Returns the measured rate of reading and writing memory, in bytes per second."""
    import tensorflow as tf

    block = tf.random.normal([floats or (1 << 28 if _gpu() else 1 << 24)])
    copied = tf.Variable(block)
    copy = tf.function(lambda: copied.assign_add(block)[0])
    return 3 * 4 * int(tf.size(block)) / fastest_call(copy)


def input_rate(setting: dict[str, Any], group: int, steps: int) -> dict[str, Any]:
    """Measures what prepares the batches of one replica, without training on them and without reading records."""
    from benchmarks import our_step
    from mach_tf.buckets import BucketSpec

    batches = gpu_checks.batches(setting)
    table = BucketSpec(setting["buckets"], group).table(1 + max(int(batch["label_ids"].max()) for batch in batches))
    data = iter(our_step.replica_data(batches, table).prefetch(8))

    def read() -> None:
        for _ in range(steps):
            next(data)

    return {"points_per_second": round(steps * setting["points"] / fastest(read), 1)}


def two_replicas(setting: dict[str, Any], steps: int) -> dict[str, Any]:
    """Trains a group on two replicas, virtual GPUs on one or virtual CPUs; returns the time, and the difference from one replica.

    Call it in a process that has not used TensorFlow yet.
    """
    import tensorflow as tf

    from benchmarks import our_step

    kind = "GPU" if tf.config.list_physical_devices("GPU") else "CPU"
    limit = 16_384 if kind == "GPU" else None
    device = tf.config.LogicalDeviceConfiguration(memory_limit=limit)
    tf.config.set_logical_device_configuration(tf.config.list_physical_devices(kind)[0], [device, device])
    set_precision("float32")
    batches = gpu_checks.batches(setting)
    one, two = (
        our_step.training(setting, setting["group"], batches, "c", strategy=strategy)
        for strategy in ("one_device", "mirrored")
    )
    differences: list[float] = []
    for _ in range(steps):
        expected, found = one.step(), two.step()
        differences += gpu_checks.difference(found, expected).values()

    def more() -> None:
        for _ in range(steps):
            two.step()

    seconds = fastest(more) / steps
    return {
        "replicas": len(tf.config.list_logical_devices(kind)),
        "milliseconds": round(1000 * seconds, 3),
        "largest_difference": max(differences),
    }


def set_precision(precision: str) -> None:
    """Sets whether products of float32 matrices may round their factors to TensorFloat-32; bfloat16 is a setting of training."""
    import tensorflow as tf

    tf.config.experimental.enable_tensor_float_32_execution(precision != "float32")


def _gpu() -> bool:
    import tensorflow as tf

    return bool(tf.config.list_logical_devices("GPU"))


def fastest_call(function: Callable[[], Any], calls: int = 10) -> float:
    """Returns the seconds of a call among `calls` that follow each other, the last of which is waited for."""
    function().numpy()

    def every() -> None:
        results = [function() for _ in range(calls)]
        results[-1].numpy()

    return fastest(every) / calls


def fastest(function: Callable[[], Any], rounds: int = _ROUNDS) -> float:
    """Returns the elapsed seconds of the fastest of `rounds` calls."""
    times = []
    for _ in range(rounds):
        begun = time.perf_counter()
        function()
        times.append(time.perf_counter() - begun)
    return min(times)


def reset_peak() -> int:
    """Begins a new measurement of the GPU's peak memory; returns the bytes in use now, which earlier steps left, 0 on a CPU."""
    import tensorflow as tf

    if not _gpu():
        return 0
    gc.collect()
    tf.config.experimental.reset_memory_stats("GPU:0")
    return tf.config.experimental.get_memory_info("GPU:0")["current"]


def peak_gb(before: int) -> Optional[float]:
    """Returns the most memory of the GPU since `reset_peak`, in GiB, without what was in use `before`; None on a CPU."""
    import tensorflow as tf

    return round((tf.config.experimental.get_memory_info("GPU:0")["peak"] - before) / 2**30, 2) if _gpu() else None
