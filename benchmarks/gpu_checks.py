"""What must come out the same on a GPU as on the CPU: each function here returns arrays, and runs once on either."""

from __future__ import annotations

import contextlib
import os
import tempfile
from collections.abc import Iterator
from typing import Any, Callable

import numpy as np
import scipy.sparse

from benchmarks import random_model, synthetic

Arrays = dict[str, np.ndarray]
_LABELS = 10_000
_STEPS = 30
_WEIGHTS_KEPT = 2000
_POINTS, _K = 64, 5
_ROW_UPDATES = 3
# Of one path: the kinks of few hidden units need many nodes.
_TAPE_POINTS, _TAPE_STEPS = 2, 1024


def sparse_products(setting: dict[str, Any]) -> Arrays:
    """The products of a batch with W1 and the gradients of W1 and of the values."""
    import tensorflow as tf

    from mach_tf import devices
    from mach_tf.training import matrix_products, sparse_products

    products = matrix_products if devices.default_is_gpu() else sparse_products
    batch, group, hidden = _training_batch(setting), setting["group"], setting["hidden"]
    entries = int(tf.size(batch.points.feature_ids))
    generator = np.random.default_rng(1)

    def normal(*shape: int) -> Any:
        return tf.constant(generator.standard_normal(shape, np.float32))

    kernel = normal(int(tf.size(batch.rows)), group, hidden)
    clean, attacked = normal(setting["points"], group, hidden), normal(setting["points"], group, hidden)
    perturbation = 0.01 * normal(entries, group)

    @tf.function
    def every() -> dict[str, tf.Tensor]:
        return {
            "product": products.product(batch.points, kernel),
            "product_by_repetition": products.product_by_repetition(batch.points, perturbation, kernel),
            "kernel_gradient": products.kernel_gradient(batch.points, batch.entries, clean),
            "kernel_gradient_of_both": products.kernel_gradient_of_both(
                batch.points, batch.entries, perturbation, clean, attacked
            ),
            "value_gradients": products.value_gradients(clean, kernel, batch.points),
        }

    return _arrays(every())


def row_update(setting: dict[str, Any]) -> Arrays:
    """LaProp's update of the rows of W1 that a batch touches."""
    import tensorflow as tf

    from mach_tf.training.optimizers.laprop import LazyLaProp

    shape = [setting["columns"], setting["group"], setting["hidden"]]
    generator = np.random.default_rng(2)
    variable = tf.Variable(tf.zeros(shape))
    optimizer = LazyLaProp(0.001, epsilon=1e-7)
    rows = _training_batch(setting).rows

    @tf.function
    def update(gradient: tf.Tensor) -> None:
        optimizer.apply_gradients([(tf.IndexedSlices(gradient, rows, tf.constant(shape, tf.int64)), variable)])

    for _ in range(_ROW_UPDATES):
        update(tf.constant(generator.standard_normal([int(tf.size(rows)), *shape[1:]], np.float32)))
    slots = {name: optimizer.get_slot(variable, name) for name in ("rms", "momentum")}
    return {name: _some(value.numpy()) for name, value in {"weights": variable, **slots}.items()}


def clean_steps(setting: dict[str, Any]) -> Arrays:
    """The losses of 30 clean training steps, and the weights after them."""
    return _trained(setting, "b")


def adversarial_steps(setting: dict[str, Any]) -> Arrays:
    """The losses of 30 adversarial training steps, and the weights after them."""
    return _trained(setting, "c")


def attack(setting: dict[str, Any]) -> Arrays:
    """Points after an FGSM step on the label-space loss."""
    from mach_tf import points
    from mach_tf.attacks.gradient_attacks import fgsm_step

    features, labels = _points(setting)
    with _ensemble(setting) as model:
        hashed = points.from_csr(features, labels)
        moved = fgsm_step(model, hashed, "mean", 0.01)
        return {"points": moved.feature_values, "logits": model.bucket_logits(moved.features(setting["columns"]))}


def decode(setting: dict[str, Any]) -> Arrays:
    """The scores of the best labels, and whether exact decoding finds those that scoring every label finds."""
    from mach_tf import estimators

    with _ensemble(setting) as model:
        logits = model.bucket_logits(_points(setting)[0])
        scores = estimators.bucket_scores(logits, "mean")
        found = model.decoder.top_k(scores, _K, "mean")
        every = np.stack([scores[:, r, row] for r, row in enumerate(model.bucket_table)]).mean(0, dtype=np.float64)
    best = -np.sort(-every, axis=1)[:, :_K]
    exact = np.isclose(found.scores, best, rtol=1e-5)
    return {"scores": found.scores, "share_exact": np.array([exact.mean()])}


def exact_attributions(setting: dict[str, Any]) -> Arrays:
    """Integrated Gradients of the best labels in closed form."""
    return _attributions(setting, "exact")


def tape_attributions(setting: dict[str, Any]) -> Arrays:
    """Integrated Gradients of the best labels by quadrature."""
    return _attributions(setting, "tape")


def export(setting: dict[str, Any]) -> Arrays:
    """The logits of a trained group, and those of a SavedModel of it after it was loaded again."""
    import tensorflow as tf

    from mach_tf.classifier import SparseBatch
    from mach_tf.saved_repetition import export_repetition
    from mach_tf.signature_names import SPARSE_SIGNATURE

    training = _training(setting, "b")
    training.step()
    features, _ = _points(setting)
    batch = (
        tf.constant(features.indptr, tf.int64),
        tf.constant(features.indices, tf.int64),
        tf.constant(features.data),
    )
    trained = training.model.bucket_logits(SparseBatch(*batch))[:, 0].numpy()
    with tempfile.TemporaryDirectory() as directory:
        path = os.path.join(directory, "repetition")
        export_repetition(path, training.model.weights_of(0), "origin")
        served = tf.saved_model.load(path)
        loaded = served.signatures[SPARSE_SIGNATURE](
            row_splits=batch[0], feature_ids=batch[1], feature_values=batch[2]
        )["logits"].numpy()
    return {"trained": trained, "loaded_minus_trained": loaded - trained + 1.0}


CHECKS: dict[str, Callable[[dict[str, Any]], Arrays]] = {
    check.__name__: check
    for check in (
        sparse_products,
        row_update,
        clean_steps,
        adversarial_steps,
        attack,
        decode,
        exact_attributions,
        tape_attributions,
        export,
    )
}


def difference(found: Arrays, expected: Arrays) -> dict[str, float]:
    """Returns the relative difference of each array, in the Euclidean norm; infinite if an array lacks or is not finite."""
    if found.keys() != expected.keys():
        return dict.fromkeys(found.keys() ^ expected.keys(), float("inf"))
    return {name: _difference(found[name], expected[name]) for name in expected}


def _difference(found: np.ndarray, expected: np.ndarray) -> float:
    if found.shape != expected.shape or not np.isfinite(found).all():
        return float("inf")
    wanted = expected.astype(np.float64)
    return float(np.linalg.norm(found - wanted) / max(float(np.linalg.norm(wanted)), 1e-30))


def batches(setting: dict[str, Any], count: int = 4) -> list[dict[str, np.ndarray]]:
    """Returns the batches that checks and measurements train on; see synthetic.batches."""
    return synthetic.batches(setting, _LABELS, count)


def _training(setting: dict[str, Any], variant: str) -> Any:
    from benchmarks import our_step

    return our_step.training(setting, setting["group"], batches(setting), variant)


def _training_batch(setting: dict[str, Any]) -> Any:
    from benchmarks import our_step

    return next(iter(our_step.replica_data(batches(setting, 1), np.zeros((setting["group"], _LABELS), np.int32))))


def _trained(setting: dict[str, Any], variant: str) -> Arrays:
    training = _training(setting, variant)
    losses = [training.step() for _ in range(_STEPS)]
    weights = {variable.name.split(":")[0]: _some(variable.numpy()) for variable in training.model.trainable_variables}
    return {**weights, **{name: np.array([each[name] for each in losses]) for name in losses[0]}}


@contextlib.contextmanager
def _ensemble(setting: dict[str, Any]) -> Iterator[Any]:
    import mach_tf

    with tempfile.TemporaryDirectory() as directory:
        random_model.write(
            directory, setting["columns"], _LABELS, setting["hidden"], setting["buckets"], setting["group"]
        )
        yield mach_tf.Ensemble.load(directory)


def _points(setting: dict[str, Any]) -> tuple[scipy.sparse.csr_matrix, scipy.sparse.csr_matrix]:
    """Returns the features and the labels of some points."""
    batch, count = batches(setting, 1)[0], min(_POINTS, setting["points"])
    ones = np.ones_like(batch["label_ids"], np.float32)
    features = synthetic.matrix(batch["feature_ids"][:count], batch["feature_values"][:count], setting["columns"])
    return features, synthetic.matrix(batch["label_ids"][:count], ones[:count], _LABELS)


def _attributions(setting: dict[str, Any], method: str) -> Arrays:
    features = _points(setting)[0][:_TAPE_POINTS]
    with _ensemble(setting) as model:
        labels = np.arange(features.shape[0]) % _LABELS
        explained = model.explain(features, labels, method=method, steps=_TAPE_STEPS)
    return {"attributions": explained.toarray()}


def _some(values: np.ndarray) -> np.ndarray:
    return values[:_WEIGHTS_KEPT]


def _arrays(tensors: dict[str, Any]) -> Arrays:
    return {name: tensor.numpy() for name, tensor in tensors.items()}
