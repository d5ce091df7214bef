"""Times exact decoding against scoring every label.

    python -m benchmarks.decode

The problem has the size of Amazon-670K. The sketches are like those of a trained model (a few high buckets over a low background)
or flat; the estimators are mean and logit_mean. Three ways of decoding are timed: (a) NumPy scores all labels; (b) compiled code,
parallel over points, scores all labels by adding R gathered values and keeps a list of the k best; (c) the decoder of mach_tf.

Prints the milliseconds and the number of scored labels per point, and the number of points for which (c) gave up searching and
bounded every label's score in a scan. The rounds of (b) and (c) alternate; the ratios are medians over the rounds. The last line is
a JSON object; --output writes it to a file, with all cases.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from typing import Any

import numba
import numpy as np
from absl import flags
from tabulate import tabulate

from mach_tf import estimators, files, startup
from mach_tf.buckets import BucketSpec
from mach_tf.decoding.approximate import Approximate, recall
from mach_tf.decoding.decode import Decoder
from mach_tf.programs import program

FLAGS = flags.FLAGS

# The problem
flags.DEFINE_integer("labels", 670_091, "K, the number of labels.", lower_bound=1)
flags.DEFINE_integer("repetitions", 16, "R, the number of repetitions.", lower_bound=1)
flags.DEFINE_integer("buckets", 2000, "B, the number of buckets per repetition.", lower_bound=2)
flags.DEFINE_integer("k", 5, "Decodes the k best labels per point.", lower_bound=1)

# The measurement
flags.DEFINE_integer("points", 128, "The number of points that (b) and (c) decode.", lower_bound=1)
flags.DEFINE_integer("numpy_points", 8, "The number of points that (a), which is slow, decodes.", lower_bound=1)
flags.DEFINE_integer("rounds", 5, "Measures each way this many times.", lower_bound=1)
flags.DEFINE_integer("seed", 0, "The seed of the random sketches.")
flags.DEFINE_string("output", None, "Writes the results of all cases into this JSON file; none by default.")

# Measured on a model of tibkat (41,218 labels, B = 2,000): the logits of buckets without a label are N(-7.8, 1.3). The logit of a
# label's bucket is the label's strength, which differs between labels, plus noise, which differs between repetitions.
_BACKGROUND, _STRENGTH, _NOISE = (-7.8, 1.3), (1.0, 2.0), 1.0
# As in Amazon-670K.
_LABELS_PER_POINT = 5.5


def trained_like(table: np.ndarray, buckets: int, points: int, generator: np.random.Generator) -> np.ndarray:
    """Returns logits, float32 [points, R, B], of points with random labels, whose number is Poisson distributed but at least 1."""
    repetitions, labels = table.shape
    logits = generator.normal(*_BACKGROUND, (points, repetitions, buckets)).astype(np.float32)
    rows = np.arange(repetitions)
    for point in range(points):
        for label in generator.integers(0, labels, max(1, generator.poisson(_LABELS_PER_POINT))):
            own = generator.normal(generator.normal(*_STRENGTH), _NOISE, repetitions)
            place = (point, rows, table[:, label])
            logits[place] = np.logaddexp(logits[place], own)
    return logits


def numpy_top_k(scores: np.ndarray, table: np.ndarray, k: int) -> np.ndarray:
    """Decodes by way (a): NumPy scores every label, point by point; returns int [n, k]."""
    top = np.empty((len(scores), k), np.int64)
    for point, sketch_of_point in enumerate(scores):
        total = np.zeros(table.shape[1], np.float32)
        for row, buckets in zip(sketch_of_point, table):
            total += row[buckets]
        part = np.argpartition(-total, k - 1)[:k]
        top[point] = part[np.argsort(-total[part], kind="stable")]
    return top


# Not cached: loading it from the cache would import this module a second time, beside __main__, and define its flags twice.
@numba.njit(parallel=True)
def compiled_top_k(flat, places, labels):
    """Decodes by way (b).

    Args:
      flat: float32 [n, R * B], the sketches.
      places: int32 [K, R], the places of each label's bucket scores in a row of `flat`.
      labels: integers [n, k], filled.
    """
    count, repetitions = places.shape
    k = labels.shape[1]
    for point in numba.prange(len(flat)):
        scores = flat[point]
        best = np.full(k, -np.inf, np.float32)
        worst = best[-1]
        for label in range(np.uint64(count)):
            total = scores[np.uint64(places[label, 0])]
            for r in range(np.uint64(1), np.uint64(repetitions)):
                total += scores[np.uint64(places[label, r])]
            if total > worst:
                j = k - 1
                while j > 0 and total > best[j - 1]:
                    best[j] = best[j - 1]
                    labels[point, j] = labels[point, j - 1]
                    j -= 1
                best[j] = total
                labels[point, j] = label
                worst = best[-1]


def main(_: list[str]) -> None:
    startup.prepare()
    spec = BucketSpec(FLAGS.buckets, FLAGS.repetitions)
    table = spec.table(FLAGS.labels)
    decoder = Decoder.of(table, FLAGS.buckets)
    places = np.ascontiguousarray((table + np.arange(FLAGS.repetitions, dtype=np.int32)[:, None] * FLAGS.buckets).T)
    generator = np.random.default_rng(FLAGS.seed)
    logits = trained_like(table, FLAGS.buckets, FLAGS.points, generator)
    cases = {
        ("trained-like", "mean"): estimators.bucket_scores(logits, "mean"),
        ("trained-like", "logit_mean"): logits,
        ("flat", "mean"): generator.random(logits.shape, np.float32),
        ("flat", "logit_mean"): generator.normal(*_BACKGROUND, logits.shape).astype(np.float32),
    }
    results = [_measure(*names, scores, table, places, decoder) for names, scores in cases.items()]
    _print(results)
    ratios = {(result["sketches"], result["estimator"]): round(result["b/c"], 2) for result in results}
    settings = {name: getattr(FLAGS, name) for name in ("labels", "repetitions", "buckets", "k", "points", "rounds")}
    summary: dict[str, Any] = {
        "ratios": {
            "b/c": ratios["trained-like", "mean"],
            "flat b/c": ratios["flat", "mean"],
            "logit_mean b/c": ratios["trained-like", "logit_mean"],
            "flat logit_mean b/c": ratios["flat", "logit_mean"],
        },
        "settings": {**settings, "threads": numba.get_num_threads()},
    }
    if FLAGS.output:
        files.write_json(FLAGS.output, {**summary, "cases": results})
    print(json.dumps(summary))


def _measure(
    sketches: str, estimator: str, scores: np.ndarray, table: np.ndarray, places: np.ndarray, decoder: Decoder
) -> dict[str, Any]:
    flat = scores.reshape(len(scores), -1)
    labels = np.zeros((len(scores), FLAGS.k), np.int32)
    some = scores[: FLAGS.numpy_points]
    _seconds(lambda: decoder.top_k(scores[:1], FLAGS.k, estimator))  # compiles, and lays out the table
    _seconds(lambda: compiled_top_k(flat[:1], places, labels[:1]))
    b, c = [], []
    for _ in range(FLAGS.rounds):
        b.append(_seconds(lambda: compiled_top_k(flat, places, labels)))
        c.append(_seconds(lambda: decoder.top_k(scores, FLAGS.k, estimator)))
    a = _seconds(lambda: numpy_top_k(some, table, FLAGS.k))
    exact = decoder.top_k(scores, FLAGS.k, estimator)
    if not (exact.labels == labels).all():
        raise AssertionError(f"{sketches}, {estimator}: (b) and (c) found different labels")
    approximate = Approximate()
    d = _seconds(lambda: approximate.top_k(decoder, scores, FLAGS.k, estimator))
    found = approximate.top_k(decoder, scores, FLAGS.k, estimator)
    milliseconds = 1000 / len(scores)
    return {
        "sketches": sketches,
        "estimator": estimator,
        "milliseconds per point": {
            "a": a * 1000 / len(some),
            "b": float(np.median(b)) * milliseconds,
            "c": float(np.median(c)) * milliseconds,
            "approximate": d * milliseconds,
        },
        "labels scored": {
            "a": FLAGS.labels,
            "b": FLAGS.labels,
            "c": float(exact.scored.mean()),
            "approximate": float(found.scored.mean()),
        },
        "points scanned": int(exact.scanned.sum()),
        "recall": {"a": 1.0, "b": 1.0, "c": 1.0, "approximate": recall(found.labels, exact.labels)},
        "b/c": float(np.median(np.array(b) / np.array(c))),
    }


def _seconds(function: Callable[[], Any]) -> float:
    begun = time.perf_counter()
    function()
    return time.perf_counter() - begun


def _print(results: list[dict[str, Any]]) -> None:
    names = {
        "a": "(a) NumPy, all labels",
        "b": "(b) compiled, all labels",
        "c": "(c) mach_tf, exact",
        "approximate": "mach_tf, approximate",
    }
    rows = [
        [
            result["sketches"],
            result["estimator"],
            names[way],
            f"{milliseconds:.3f}",
            f"{result['labels scored'][way]:.0f}",
            f"{result['points scanned'] if way == 'c' else ''}",
            f"{100 * result['recall'][way]:.2f}%",
        ]
        for result in results
        for way, milliseconds in result["milliseconds per point"].items()
    ]
    print(
        tabulate(
            rows,
            [
                "sketches",
                "estimator",
                "decoding",
                "ms per point",
                "labels scored per point",
                "points scanned",
                "recall",
            ],
            disable_numparse=True,
        )
    )


if __name__ == "__main__":
    program.run(main)
