"""Times explaining one point: the closed form, the tape in chunks, and a general library's method on the dense vector.

    python -m benchmarks.explain

The methods are (a) `exact`; (b) `tape`: --steps gradients, evaluated in chunks, for the features present; (c) the formulation of
TensorFlow's Integrated Gradients tutorial: --steps gradients for the whole vector of --features values. Each explains one label and
five labels of the same random network at the reference setting. The time of a method is the sum over the repetitions: (b) and (c)
hold a copy of one repetition at a time, which is most of their memory, while (a) reads all repetitions in place.

Prints a table of times, completeness gaps and memory, then a JSON object on the last line; of the ratios for one and for five labels,
"ratios" holds the smaller. The default setting needs 5 GB of memory.
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
flags.DEFINE_integer("features", 50_000, "D, the width of the input.", lower_bound=1)
flags.DEFINE_integer("hidden_units", 4096, "The number of hidden units of each repetition.", lower_bound=1)
flags.DEFINE_integer("buckets", 2000, "B, the number of buckets per repetition.", lower_bound=2)
flags.DEFINE_integer("repetitions", 16, "R, the number of repetitions.", lower_bound=1)
flags.DEFINE_integer("point_features", 76, "The number of features present in the point.", lower_bound=1)

# The measurement
flags.DEFINE_enum(
    "estimator",
    "mean",
    ["mean", "logit_mean"],
    "Explains label scores of this estimator. mean, of probabilities, takes longer than logit_mean.",
)
flags.DEFINE_integer("steps", 50, "The number of steps of the path integral in (b) and (c).", lower_bound=1)
flags.DEFINE_integer("runs", 15, "Runs (a) this many times and reports the median time.", lower_bound=1)
flags.DEFINE_integer("slow_runs", 1, "Runs (b) and (c) this many times and reports the median time.", lower_bound=1)
flags.DEFINE_integer("seed", 0, "The seed of the random network and point.")
flags.DEFINE_string("output_dir", None, "Writes explain.json into this directory; none by default.")

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
    # Compiles the kernels, so that the compiler's memory does not count as the method's.
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
        f"{other}/a": round(min(times[other, labels] / times["a", labels] for labels in _LABELS), 2) for other in "bc"
    }
    if FLAGS.output_dir:
        os.makedirs(FLAGS.output_dir, exist_ok=True)
        files.write_json(os.path.join(FLAGS.output_dir, "explain.json"), result)
    print(tabulate.tabulate(rows, ["method", "labels", "ms", "completeness gap / score change", "memory growth (MiB)"]))
    print(json.dumps(result))


def _networks() -> list[Weights]:
    """Returns R networks whose W1 are shifted views of one array, so that a feature's rows differ in place as in R arrays."""
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
    """Returns the path from zero to a random point of unit length."""
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
    """Returns the milliseconds of a method, summed over the repetitions, and the mean of their integrals."""
    import tensorflow as tf

    from mach_tf import progress_bars

    total, parts = 0.0, []
    for repetition, network in enumerate(progress_bars.each(networks, method.__name__.strip("_"), "network")):
        weights = type(network)(*map(tf.constant, network))
        run = method(weights, table[repetition : repetition + 1], path)
        parts.append(run())  # also traces, if the method has anything to trace
        total += _median_milliseconds(run, FLAGS.slow_runs)
    return total, PathIntegrals(parts[0].splits, *(np.mean(arrays, axis=0) for arrays in list(zip(*parts))[1:]))


def _tape(weights: Any, table: np.ndarray, path: Paths) -> Callable[[], PathIntegrals]:
    from mach_tf.explanations.integrated_gradients import tape_attribution

    pairs, functions = _pairs(table.shape[1]), [tape_attribution.of_weights(weights)]
    return lambda: tape_attribution.integrate(functions, table, path, pairs, FLAGS.estimator, FLAGS.steps)


def _dense(weights: Any, table: np.ndarray, path: Paths) -> Callable[[], PathIntegrals]:
    """Integrated Gradients of a dense vector as in the tutorial: interpolate, take gradients in a batch, average trapezoids."""
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
    """Returns functions that are traced once for all repetitions.

    The weights are arguments of the functions: a captured tensor would live as long as the trace.
    """
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
