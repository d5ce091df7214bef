"""Times a training step and compares it with the original formulation, with nested tapes and with the machine's bound.

    python -m benchmarks.train_step

Each measurement runs in a process of its own on long-tailed synthetic points, --rounds times; the fastest round counts. The JSON
object on the last line holds, for each setting and variant, the milliseconds of the fastest step and, for that round, the mean
processor time per step, the points per second and the peak memory; then the ratios.

  a  the original formulation: tf.sparse.sparse_dense_matmul on all of W1, dense Adam, the C library's default allocator settings
  b  mach_tf, clean                      c  mach_tf, adversarial with nonzero support
  d  adversarial by nested tapes that share no work, with TensorFlow's own sparse product and gradient; otherwise as b
  e  the bound: 6 x points x hidden x buckets operations at the measured matrix-product rate of this machine, plus 7 x touched
     rows x hidden x 4 bytes at its measured copy bandwidth
  f  as b, with lazy_adam, which makes the steps of (a) on the touched rows, instead of LaProp

"side_by_side" compares steps: 8 x the time of one repetition to the time of a group of eight. "side_by_side_programs" compares whole
programs on a small dataset (--programs_points points, two epochs): eight runs of train.main with one repetition each to one run
with all eight.
"""

from __future__ import annotations

import json
import os
import resource
import subprocess
import sys
import time
from collections.abc import Sequence
from typing import Any, Callable

import numpy as np
from absl import flags
from tabulate import tabulate

from benchmarks import synthetic, whole_programs
from benchmarks.settings import SETTINGS
from mach_tf import startup
from mach_tf.programs import program

FLAGS = flags.FLAGS
flags.DEFINE_list(
    "settings",
    ["reference", "small"],
    "Measures these settings: reference, small, dense (adversarial with dense support).",
)
flags.DEFINE_integer("steps", 12, "Measures this many steps per round; the fastest counts.", lower_bound=1)
flags.DEFINE_integer(
    "rounds", 2, "Measures all variants in turn this many times; the fastest round of each counts.", lower_bound=1
)
flags.DEFINE_integer(
    "programs_points",
    4096,
    "The number of points on which whole programs are compared; 0 omits the comparison.",
    lower_bound=0,
)
flags.DEFINE_string(
    "measure", None, "Makes one measurement, SETTING/VARIANT, in this process; the program calls itself with this flag."
)

VARIANTS = {
    "reference": ["a", "b", "c", "d", "e", "f"],
    "small": ["a", "b", "c", "d", "e", "f", "alone"],
    "dense": ["b", "c", "dense"],
}
_LABELS = 10_000
_BATCHES = 4
_BOUND_STEPS = 20


def main(_: list[str]) -> None:
    if FLAGS.measure:
        setting, variant = FLAGS.measure.split("/")
        print(json.dumps(_measure(SETTINGS[setting], variant)))
        return
    results = _results(FLAGS.settings, FLAGS.rounds)
    rows = [
        (
            setting,
            variant,
            *(
                found[name]
                for name in ("milliseconds", "processor_milliseconds", "points_per_second", "peak_memory_gb")
            ),
        )
        for setting, variants in results.items()
        for variant, found in variants.items()
    ]
    print(
        tabulate(
            rows,
            headers=["setting", "variant", "ms per step", "processor ms per step", "points/s", "peak GB"],
            floatfmt=".1f",
        )
    )
    ratios = {setting: _ratios(found) for setting, found in results.items()}
    programs = {}
    if "small" in results and FLAGS.programs_points:
        print("small, whole programs ...", file=sys.stderr, flush=True)
        programs = whole_programs.seconds(SETTINGS["small"], FLAGS.programs_points, 2)
        ratios["small"]["side_by_side_programs"] = round(programs["one_by_one"] / programs["together"], 2)
    print(json.dumps({"results": results, "programs_seconds": programs, "ratios": ratios}))


def _results(settings: Sequence[str], rounds: int) -> dict[str, dict[str, dict[str, float]]]:
    """Returns the results by setting and variant. Rounds take all variants in turn, as other load on the machine varies over time."""
    results: dict[str, dict[str, dict[str, float]]] = {setting: {} for setting in settings}
    for _ in range(rounds):
        for setting, found in results.items():
            for variant in VARIANTS[setting]:
                measured = _in_process(setting, variant)
                found[variant] = min(measured, found.get(variant, measured), key=lambda each: each["milliseconds"])
    return results


def _in_process(setting: str, variant: str) -> dict[str, float]:
    command = [
        sys.executable,
        "-m",
        "benchmarks.train_step",
        f"--measure={setting}/{variant}",
        f"--steps={FLAGS.steps}",
    ]
    print(f"{setting}/{variant} ...", file=sys.stderr, flush=True)
    output = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True).stdout
    return json.loads(output.splitlines()[-1])


def _ratios(found: dict[str, dict[str, float]]) -> dict[str, float]:
    ratios = {
        f"{x}/{y}": round(found[x]["milliseconds"] / found[y]["milliseconds"], 2)
        for x, y in (("a", "b"), ("b", "e"), ("c", "b"), ("d", "c"), ("a", "f"), ("f", "b"), ("dense", "b"))
        if x in found and y in found
    }
    if "alone" in found:
        # The speed of a group of eight, relative to training its repetitions one after the other.
        ratios["side_by_side"] = round(8 * found["alone"]["milliseconds"] / found["b"]["milliseconds"], 2)
    return ratios


def _measure(setting: dict[str, Any], variant: str) -> dict[str, float]:
    if variant != "a":
        startup.prepare()
    if variant == "e":
        seconds = processor = _bound(setting)
    else:
        seconds, processor = _seconds(_step_function(setting, variant), FLAGS.steps)
    return {
        "milliseconds": round(1000 * seconds, 2),
        "processor_milliseconds": round(1000 * processor, 2),
        "points_per_second": round(setting["points"] / seconds, 1),
        "peak_memory_gb": round(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20, 2),
    }


def _seconds(step: Callable[[], Any], steps: int) -> tuple[float, float]:
    """Returns the wall-clock seconds of the fastest step, which other load disturbs least, and the mean processor seconds."""
    for _ in range(2):
        step()
    times, processor = [], time.process_time()
    for _ in range(steps):
        begin = time.perf_counter()
        step()
        times.append(time.perf_counter() - begin)
    return min(times), (time.process_time() - processor) / steps


def _points(setting: dict[str, Any]) -> list[dict[str, np.ndarray]]:
    return synthetic.batches(setting, _LABELS, _BATCHES)


def _step_function(setting: dict[str, Any], variant: str) -> Callable[[], Any]:
    group = 1 if variant == "alone" else setting["group"]
    if variant == "a":
        # our_step is not imported: it imports tensorflow-addons, which prints a notice unless startup.prepare was called.
        from benchmarks import original_step

        return original_step.step_function(setting, group, _points(setting))
    from benchmarks import our_step

    return our_step.step_function(setting, group, _points(setting), variant)


def _bound(setting: dict[str, Any]) -> float:
    """Returns the least seconds of a clean step, from its matrix products and its touched rows of W1."""
    import tensorflow as tf

    hidden, points, group = setting["hidden"], setting["points"], setting["group"]
    touched = np.mean([len(np.unique(batch["feature_ids"])) for batch in _points(setting)])
    left, right = tf.random.normal([2048, 2048]), tf.random.normal([2048, 2048])
    product = tf.function(lambda: tf.matmul(left, right))
    rate = 2 * 2048**3 / _seconds(product, _BOUND_STEPS)[0]
    # As large as the touched rows, so that it fits no cache either.
    block = tf.random.normal([int(touched), hidden * group])
    copy = tf.function(lambda: block + 1.0)
    bandwidth = 2 * touched * hidden * group * 4 / _seconds(copy, _BOUND_STEPS)[0]
    return 6 * points * hidden * setting["buckets"] * group / rate + 7 * touched * hidden * group * 4 / bandwidth


if __name__ == "__main__":
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    program.run(main)
