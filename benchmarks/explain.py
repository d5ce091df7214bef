"""What explaining one point costs: the closed form, the tape in chunks, and a general library's way on the dense vector.

    python -m benchmarks.explain

(a) `exact`; (b) `tape`, --steps gradients evaluated in chunks over the features present; (c) the formulation of TensorFlow's
Integrated Gradients tutorial, --steps gradients for the whole vector of --features values. Each for one label and for five,
on the same random network at the reference setting, with its completeness gap. Repetitions cost alike and add up: (b) and (c)
hold a copy of one at a time, which is most of the memory they take; (a) reads all in place. Prints a table, then JSON in the last
line; its "ratios" are the smaller of the two label counts'. Memory: allow 5 GB at the default setting.
"""

from __future__ import annotations

import functools
import json
import os
import resource
import statistics
import time
from typing import TYPE_CHECKING, Any, Callable

import numpy as np
from absl import flags

from mach_tf import startup
from mach_tf.explanations.integrated_gradients.paths import Pairs, PathIntegrals, Paths
from mach_tf.programs import program

if TYPE_CHECKING:
    from mach_tf.classifier import Weights

FLAGS = flags.FLAGS

# The network
flags.DEFINE_integer("features", 50_000, "Input width, D.", lower_bound=1)
flags.DEFINE_integer("hidden_units", 4096, "Hidden units.", lower_bound=1)
flags.DEFINE_integer("buckets", 2000, "B.", lower_bound=2)
flags.DEFINE_integer("repetitions", 16, "R.", lower_bound=1)
flags.DEFINE_integer("point_features", 76, "Features present in the point.", lower_bound=1)

# The measurement
flags.DEFINE_enum("estimator", "mean", ["mean", "logit_mean"], "Whose label score; probabilities are the dearer ones.")
flags.DEFINE_integer("steps", 50, "Steps of (b) and (c).", lower_bound=1)
flags.DEFINE_integer("runs", 15, "Runs of (a); the median counts.", lower_bound=1)
flags.DEFINE_integer("slow_runs", 1, "Runs of (b) and (c); the median counts.", lower_bound=1)
flags.DEFINE_integer("seed", 0, "Of the network and the point.")
flags.DEFINE_string("output_dir", None, "Directory for explain.json; none by default.")

_LABELS = (1, 5)


def main(_: list[str]) -> None:
    """Runs the program."""
    startup.prepare()
    import tabulate

    from mach_tf import files

    networks = _networks()
    path = _path()
    result: dict[str, Any] = {
        name: FLAGS[name].value
        for name in ("features", "hidden_units", "buckets", "repetitions", "point_features", "steps", "estimator")
    }
    result["cores"] = os.cpu_count()
    methods: dict[str, Callable[[np.ndarray], tuple[float, PathIntegrals]]] = {
        "a exact": lambda table: _exact(networks, table, path),
        "b tape": lambda table: _one_by_one(_tape, networks, table, path),
        "c dense": lambda table: _one_by_one(_dense, networks, table, path),
    }
    # Compiles, so that the compiler's memory is not taken for the method's.
    _exact(networks, np.zeros((FLAGS.repetitions, 1), np.int32), path)
    rows: list[list[Any]] = []
    timings: list[dict[str, Any]] = []
    for method, measure in methods.items():
        for labels in _LABELS:
            table = np.random.default_rng(FLAGS.seed + 1).integers(0, FLAGS.buckets, (FLAGS.repetitions, labels))
            before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
            milliseconds, integrals = measure(table.astype(np.int32))
            grown = (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) / 1024
            pairs = _pairs(labels)
            change = np.abs(integrals.scores - integrals.baseline_scores)
            gap = float((np.abs(integrals.completeness_gaps(path, pairs)) / change).max())
            timings.append(
                {"method": method, "labels": labels, "milliseconds": milliseconds, "gap": gap, "peak_grown_mib": grown}
            )
            rows.append([method, labels, f"{milliseconds:.1f}", f"{gap:.1e}", f"{grown:.1f}"])
    result["measurements"] = timings
    times = {(row["method"][0], row["labels"]): row["milliseconds"] for row in timings}
    result["ratios"] = {
        f"{other}/a": min(times[other, labels] / times["a", labels] for labels in _LABELS) for other in "bc"
    }
    if FLAGS.output_dir:
        os.makedirs(FLAGS.output_dir, exist_ok=True)
        files.write_json(os.path.join(FLAGS.output_dir, "explain.json"), result)
    print(tabulate.tabulate(rows, ["method", "labels", "ms", "completeness gap / change", "memory grew, MiB"]))
    print(json.dumps(result))


def _networks() -> list[Weights]:
    """R networks whose W1 are views of one array, shifted: the rows of a feature lie elsewhere in each, as in R arrays."""
    from mach_tf.classifier import Weights

    generator = np.random.default_rng(FLAGS.seed)
    shift, hidden = 2 * FLAGS.point_features, FLAGS.hidden_units

    def normal(*shape: int, deviation: float) -> np.ndarray:
        values = generator.standard_normal(shape, np.float32)
        values *= np.float32(deviation)
        return values

    kernel = normal(FLAGS.features + shift * FLAGS.repetitions, hidden, deviation=0.3)
    return [
        Weights(
            kernel[shift * repetition : shift * repetition + FLAGS.features],
            normal(hidden, deviation=0.1),
            normal(hidden, FLAGS.buckets, deviation=hidden**-0.5),
            normal(FLAGS.buckets, deviation=1.0),
        )
        for repetition in range(FLAGS.repetitions)
    ]


def _path() -> Paths:
    """From zero to a point of unit length."""
    generator = np.random.default_rng(FLAGS.seed)
    ids = np.sort(generator.choice(FLAGS.features, FLAGS.point_features, replace=False)).astype(np.int64)
    values = generator.random(FLAGS.point_features) + 0.1
    values = (values / np.linalg.norm(values)).astype(np.float32).astype(np.float64)
    return Paths(np.array([0, len(ids)]), ids, np.zeros(len(ids)), values)


def _pairs(labels: int) -> Pairs:
    return Pairs(np.array([0, labels]), np.arange(labels))


def _exact(networks: list[Weights], table: np.ndarray, path: Paths) -> tuple[float, PathIntegrals]:
    from mach_tf.explanations.integrated_gradients import exact_attribution

    def run() -> PathIntegrals:
        return exact_attribution.integrate(networks, table, path, _pairs(table.shape[1]), FLAGS.estimator == "mean")

    integrals = run()  # compiles
    return _median_milliseconds(run, FLAGS.runs), integrals


def _one_by_one(
    method: Callable[[Any, np.ndarray, Paths], Callable[[], PathIntegrals]],
    networks: list[Weights],
    table: np.ndarray,
    path: Paths,
) -> tuple[float, PathIntegrals]:
    """The sum over repetitions of a method's time, and their mean integrals."""
    import tensorflow as tf
    import tqdm

    total, parts = 0.0, []
    for repetition, network in enumerate(tqdm.tqdm(networks, desc=method.__name__.strip("_"))):
        weights = network._make(tf.constant(array) for array in network)
        run = method(weights, table[repetition : repetition + 1], path)
        parts.append(run())  # also traces, where there is something to trace
        total += _median_milliseconds(run, FLAGS.slow_runs)
    return total, PathIntegrals(parts[0].splits, *(np.mean(arrays, axis=0) for arrays in list(zip(*parts))[1:]))


def _tape(weights: Any, table: np.ndarray, path: Paths) -> Callable[[], PathIntegrals]:
    from mach_tf.explanations.integrated_gradients import tape_attribution

    pairs, functions = _pairs(table.shape[1]), [tape_attribution.of_weights(weights)]
    return lambda: tape_attribution.integrate(functions, table, path, pairs, FLAGS.estimator, FLAGS.steps)


def _dense(weights: Any, table: np.ndarray, path: Paths) -> Callable[[], PathIntegrals]:
    """Integrated Gradients of a dense vector: interpolate, take gradients in a batch, average (trapezoids, as the tutorial)."""
    import tensorflow as tf

    point = np.zeros(FLAGS.features, np.float32)
    point[path.feature_ids] = path.difference
    buckets = tf.constant(table[0])
    scores_of, gradients_of = _dense_functions(FLAGS.estimator == "mean")

    def run() -> PathIntegrals:
        times = tf.linspace(0.0, 1.0, FLAGS.steps + 1)[:, None]
        inputs = times * point[None]
        averages = []
        for label in range(len(table[0])):
            gradients = gradients_of(weights, inputs, buckets[label : label + 1])
            averages.append(tf.reduce_mean((gradients[:-1] + gradients[1:]) / 2.0, axis=0).numpy()[path.feature_ids])
        ends = (
            scores_of(weights, tf.constant(np.stack([np.zeros_like(point), point])), buckets).numpy().astype(np.float64)
        )
        splits = np.arange(len(table[0]) + 1) * len(path.feature_ids)
        return PathIntegrals(splits, np.concatenate(averages).astype(np.float64), ends[1], ends[0])

    return run


@functools.cache
def _dense_functions(sigmoid: bool) -> tuple[Any, Any]:
    """Traced once for all repetitions, whose weights are arguments: a captured tensor lives as long as its trace."""
    import tensorflow as tf

    @tf.function
    def scores_of(weights: Any, inputs: tf.Tensor, buckets: tf.Tensor) -> tf.Tensor:
        hidden = tf.nn.relu(tf.matmul(inputs, weights.hidden_kernel) + weights.hidden_bias)
        logits = tf.gather(tf.matmul(hidden, weights.output_kernel) + weights.output_bias, buckets, axis=1)
        return tf.sigmoid(logits) if sigmoid else logits

    @tf.function
    def gradients_of(weights: Any, inputs: tf.Tensor, bucket: tf.Tensor) -> tf.Tensor:
        with tf.GradientTape() as tape:
            tape.watch(inputs)
            scores = scores_of(weights, inputs, bucket)
        return tape.gradient(scores, inputs)

    return scores_of, gradients_of


def _median_milliseconds(run: Callable[[], Any], runs: int) -> float:
    times = []
    for _ in range(runs):
        begin = time.perf_counter()
        run()
        times.append(time.perf_counter() - begin)
    return 1000 * statistics.median(times)


if __name__ == "__main__":
    program.run(main)
