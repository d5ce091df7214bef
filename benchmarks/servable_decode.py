"""Times the parts of decoding in the graph of a servable: the gathers that score all labels, and the choice of the k best.

    python -m benchmarks.servable_decode

The k best are chosen in two stages, as servables do it, and by one top-k of all labels; both are exact. The rounds of all parts alternate,
and the figures are medians. The JSON object on the last line holds for each number of points per call the milliseconds per point, elapsed
and of the processors, and "ratios": one stage over two, and gathers over two stages.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from typing import Any

import numpy as np
from absl import flags
from tabulate import tabulate

from mach_tf import startup
from mach_tf.buckets import BucketSpec
from mach_tf.errors import InputError
from mach_tf.programs import program, shared_flags

FLAGS = flags.FLAGS

flags.DEFINE_integer("labels", 670_091, "K, the number of labels.", lower_bound=1)
flags.DEFINE_integer("repetitions", 16, "R, the number of repetitions.", lower_bound=1)
flags.DEFINE_integer("buckets", 2000, "B, the number of buckets per repetition.", lower_bound=2)
flags.DEFINE_integer("k", 5, "Decodes the k best labels per point.", lower_bound=1)
flags.DEFINE_list("points", ["1", "8", "64"], "Decodes these numbers of points per call.")
flags.DEFINE_integer("rounds", 20, "Measures each part this many times.", lower_bound=1)
flags.DEFINE_integer("seed", 0, "The seed of the random sketches.", lower_bound=0)

_TITLES = {"gathers": "scores of all labels", "two stages": "top k in two stages", "one stage": "top k in one stage"}


def main(_: list[str]) -> None:
    startup.prepare()
    if FLAGS.k > FLAGS.labels:
        raise InputError(f"--k must not exceed --labels={FLAGS.labels} (got {FLAGS.k}).")
    table = BucketSpec(FLAGS.buckets, FLAGS.repetitions).table(FLAGS.labels)
    generator = np.random.default_rng(FLAGS.seed)
    results, ratios = {}, {}
    for points in shared_flags.numbers("points", int, "different whole numbers"):
        if points < 1:
            raise InputError(f"--points must be 1 or more (got {points}).")
        sketch = generator.standard_normal((FLAGS.repetitions, FLAGS.buckets, points), np.float32)
        found = results[str(points)] = measured(sketch, table, FLAGS.k, FLAGS.rounds)
        two = found["two stages"]["ms_per_point"]
        ratios[f"one stage/two stages, {points} points"] = round(found["one stage"]["ms_per_point"] / two, 2)
        ratios[f"gathers/two stages, {points} points"] = round(found["gathers"]["ms_per_point"] / two, 2)
    rows = [
        [points, title, *found[part].values()] for points, found in results.items() for part, title in _TITLES.items()
    ]
    print(tabulate(rows, ["points per call", "part", "ms per point", "processor ms per point"]))
    print(json.dumps({"labels": FLAGS.labels, "k": FLAGS.k, "points": results, "ratios": ratios}))


def measured(sketch: np.ndarray, table: np.ndarray, k: int, rounds: int) -> dict[str, dict[str, float]]:
    """Returns the milliseconds per point of each part; raises AssertionError if both ways to the k best differ.

    Args:
      sketch: float32 [R, B, n].
      table: int32 [R, K].
      k: how many labels.
      rounds: how often each part is measured.
    """
    import tensorflow as tf

    from mach_tf.serving import ranking

    points, variable, wanted = sketch.shape[2], tf.Variable(table, trainable=False), tf.constant(k)
    gathers = tf.function(lambda scores: tf.transpose(ranking.mean_scores(scores, variable)))
    scores = gathers(tf.constant(sketch))
    two_stages, one_stage = tf.function(ranking.best_labels), tf.function(tf.math.top_k)
    parts: dict[str, Callable[[], Any]] = {
        "gathers": lambda: gathers(sketch),
        "two stages": lambda: two_stages(scores, wanted),
        "one stage": lambda: one_stage(scores, wanted),
    }
    if not np.array_equal(parts["two stages"]()[1], parts["one stage"]()[1]):
        raise AssertionError("two stages and one found different labels")
    seconds: dict[str, list[tuple[float, float]]] = {part: [] for part in parts}
    for _ in range(rounds):
        for part, call in parts.items():
            begun, begun_cpu = time.perf_counter(), time.process_time()
            tf.nest.map_structure(lambda each: each.numpy(), call())  # waits for the result
            seconds[part].append((time.perf_counter() - begun, time.process_time() - begun_cpu))
    medians = {part: 1000 / points * np.median(taken, axis=0) for part, taken in seconds.items()}
    return {
        part: {"ms_per_point": round(float(elapsed), 3), "processor_ms_per_point": round(float(cpu), 3)}
        for part, (elapsed, cpu) in medians.items()
    }


if __name__ == "__main__":
    program.run(main)
