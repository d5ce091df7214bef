"""Where the time of a training step goes: each part of it on its own, on one fixed batch."""

from __future__ import annotations

from typing import Any, Callable

import numpy as np

from benchmarks import gpu_checks, gpu_speed


def milliseconds(setting: dict[str, Any], group: int) -> dict[str, float]:
    """Returns the milliseconds of the parts of an adversarial step, from a batch in the device's memory."""
    import tensorflow as tf

    from benchmarks import our_step
    from mach_tf.fgsm import fgsm
    from mach_tf.training.training_batch import bucket_targets
    from mach_tf.variable_rows import gather_rows

    gpu_speed.set_precision("tensor_float_32")
    batches = gpu_checks.batches(setting, 1)
    running = our_step.training(setting, group, batches, "c")
    model = running.model
    table = np.zeros((group, 1 + max(int(each["label_ids"].max()) for each in batches)), np.int32)
    batch = tf.nest.map_structure(
        tf.identity, next(iter(our_step.replica_data(batches, table))), expand_composites=True
    )
    points, products, hidden = batch.points, model._products, setting["hidden"]
    kernel = gather_rows(model.hidden_kernel.values[0], batch.rows)
    output = tf.random.normal([setting["points"], group, hidden])
    perturbation = 0.01 * tf.random.normal([tf.size(points.feature_ids), group])
    targets = tf.zeros([group, setting["points"], setting["buckets"]])
    gradient = tf.random.normal(tf.shape(kernel))

    def losses() -> tf.Tensor:
        with tf.GradientTape() as tape:
            tape.watch(output)
            loss = model._loss(output, None, targets, batch.global_points)
        return tape.gradient(loss, [output, *model.trainable_variables[1:]])[0]

    def update() -> tf.Tensor:
        replicas = model.distribute_strategy.run(
            lambda: model.optimizer.apply_gradients([(model._of_rows(gradient, batch), model.hidden_kernel)])
        )
        with tf.control_dependencies(tf.nest.flatten(replicas)):
            return tf.identity(gradient[0, 0, 0])

    parts: dict[str, Callable[[], Any]] = {
        "gather of rows": lambda: gather_rows(model.hidden_kernel.values[0], batch.rows),
        "product": lambda: products.product(points, kernel),
        "output layer, forward and back": losses,
        "gradient of values": lambda: products.value_gradients(output, kernel, points),
        "fgsm": lambda: fgsm(perturbation, 0.01),
        "product by repetition": lambda: products.product_by_repetition(points, perturbation, kernel),
        "gradient of W1, clean": lambda: products.kernel_gradient(points, batch.entries, output),
        "gradient of W1, both": lambda: products.kernel_gradient_of_both(
            points, batch.entries, perturbation, output, output
        ),
        "targets": lambda: bucket_targets(batch, model.buckets),
        "update of rows": update,
    }
    return {
        name: round(1000 * gpu_speed.fastest_call(tf.function(_one_number(part)), 20), 3)
        for name, part in parts.items()
    }


def _one_number(part: Callable[[], Any]) -> Callable[[], Any]:
    """Returns a function that computes all of a part's result, and returns one number of it."""

    def number() -> Any:
        import tensorflow as tf

        result = part()
        with tf.control_dependencies([result]):
            return tf.zeros([]) + tf.reshape(result, [-1])[0]

    return number
