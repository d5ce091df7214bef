"""Measures what smaller servables save and cost: bytes on disk against P@1, P@3 and P@5.

    python -m benchmarks.servable_sizes --model_dir=models/eurlex57k --dataset_dir=data/eurlex57k

Exports the model in each of --forms, and ranks the points of a split through each servable, batch by batch. The first form is the one that
the others are compared with: a loss is a difference of percentages on the same points, with its standard error. The JSON object on the last
line holds all figures; its "ratios" are the sizes, divided by that of the first form.
"""

from __future__ import annotations

import dataclasses
import json
import os
import sys
import tempfile
import time
from typing import Any

import numpy as np
from absl import flags

from mach_tf import startup
from mach_tf.errors import InputError
from mach_tf.programs import program, shared_flags
from mach_tf.programs.flag_errors import flag_errors

FLAGS = flags.FLAGS

shared_flags.define_model_dir()
shared_flags.define_dataset_dir()
shared_flags.define_split()
shared_flags.define_limit()
shared_flags.define_repetitions()
flags.DEFINE_list(
    "forms",
    ["float32", "float16", "int8", "int8:0.25", "int8:0:0.75", "int8:0.25:0.75", "vq", "vq:0.4", "vq:0.6"],
    "Exports these forms, each a value of --weights of mach-export, and after colons one of --prune and one of --prune_entries: "
    "int8:0.25:0.75. What is left out is 0.",
)
flags.DEFINE_integer("batch_size", 256, "Ranks this many points per call.", lower_bound=1)
flags.DEFINE_integer("timed_points", 200, "Times this many points with one per call.", lower_bound=1)

_KS = (1, 3, 5)


@dataclasses.dataclass(frozen=True)
class Ranked:
    """What a servable answered.

    Attributes:
      hits: float64 [n, 3], the precisions of each point at 1, 3 and 5.
      milliseconds: the median time of a call with one point.
    """

    hits: np.ndarray
    milliseconds: float


def main(_: list[str]) -> None:
    startup.prepare()
    forms = {form: export_options(form) for form in FLAGS.forms}
    from mach_tf.data.dataset_reader import DatasetReader
    from mach_tf.network import Network
    from mach_tf.serving.exporting import export

    with flag_errors():
        network = Network.load(FLAGS.model_dir, FLAGS.repetitions, keep=False)
    if network.manifest.feature_spec.dim:
        raise InputError("The dataset must hold raw features, as with --feature_hash_dim=0: servables take no others.")
    points = DatasetReader.open(FLAGS.dataset_dir).read_points(FLAGS.split, FLAGS.limit)
    results: list[dict[str, Any]] = []
    base: np.ndarray = np.zeros(0)
    for form, options in forms.items():
        with tempfile.TemporaryDirectory() as directory:
            begun = time.perf_counter()
            done = export(network, os.path.join(directory, "model", "1"), **options)
            seconds = time.perf_counter() - begun
            found = ranked(done.path, points, FLAGS.batch_size, FLAGS.timed_points)
        base = base if results else found.hits
        results.append({"form": form, "bytes": done.bytes, "export_seconds": round(seconds, 1), **figures(found, base)})
        print(json.dumps(results[-1]), file=sys.stderr)
    print(table(results))
    ratios = {result["form"]: round(result["bytes"] / results[0]["bytes"], 4) for result in results}
    print(json.dumps({"model": FLAGS.model_dir, "points": len(points), "forms": results, "ratios": ratios}))


def export_options(form: str) -> dict[str, Any]:
    """Returns the options of `export` for one of --forms.

    Raises:
      InputError: more than two fractions, or one that is not a number.
    """
    weights, *fractions = form.split(":")
    try:
        numbers = list(map(float, fractions))
    except ValueError:
        numbers = []
    if len(numbers) != len(fractions) or len(numbers) > 2:
        raise InputError(
            f"--forms must hold WEIGHTS, WEIGHTS:PRUNE or WEIGHTS:PRUNE:PRUNE_ENTRIES, with fractions (got {form!r}). Correct it."
        )
    return {"weights": weights, **dict(zip(("prune", "prune_entries"), numbers))}


def ranked(path: str, points: Any, batch_size: int, timed: int) -> Ranked:
    """Ranks the labels of raw points by a servable."""
    import tensorflow as tf

    answer = tf.saved_model.load(path).signatures["sparse"]

    def top(part: Any) -> np.ndarray:
        arrays = (part.row_splits - part.row_splits[0], part.feature_ids, part.feature_values)
        names = ("row_splits", "feature_ids", "feature_values")
        return answer(k=tf.constant(max(_KS)), **dict(zip(names, map(tf.constant, arrays))))["labels"].numpy()

    labels = [top(points[begin : begin + batch_size]) for begin in range(0, len(points), batch_size)]
    times = []
    for index in range(min(timed, len(points))):
        point = points[index : index + 1]
        begun = time.perf_counter()
        top(point)
        times.append(time.perf_counter() - begun)
    return Ranked(precisions(np.concatenate(labels), points), 1000 * float(np.median(times)))


def precisions(labels: np.ndarray, points: Any) -> np.ndarray:
    """Returns the precisions of ranked labels, int [n, 5], at 1, 3 and 5: float64 [n, 3]."""
    own = [points.label_ids[begin:end] for begin, end in zip(points.label_splits, points.label_splits[1:])]
    right = np.array([np.isin(found, expected) for found, expected in zip(labels, own)])
    return np.stack([right[:, :k].mean(axis=1) for k in _KS], axis=1)


def figures(found: Ranked, base: np.ndarray) -> dict[str, Any]:
    """Returns the metrics of a form, and what they lost against the precisions `base`, in percent."""
    lost = 100 * (base - found.hits)
    errors = lost.std(axis=0) / np.sqrt(len(lost))
    result: dict[str, Any] = {"milliseconds": round(found.milliseconds, 2)}
    for place, k in enumerate(_KS):
        result[f"P@{k}"] = round(100 * float(found.hits[:, place].mean()), 3)
        result[f"P@{k} lost"] = round(float(lost[:, place].mean()), 3)
        result[f"P@{k} error"] = round(float(errors[place]), 3)
    return result


def table(results: list[dict[str, Any]]) -> str:
    """Returns the Markdown table of the forms."""
    rows = [["form", "MB", "of the first", "P@1/P@3/P@5", "lost", "ms per point", "export s"]]
    rows.append(["---"] * len(rows[0]))
    for result in results:
        lost = "/".join(f"{result[f'P@{k} lost']:.2f}" for k in _KS)
        rows.append(
            [
                result["form"],
                f"{result['bytes'] / 1e6:.1f}",
                f"{result['bytes'] / results[0]['bytes']:.3f}",
                "/".join(f"{result[f'P@{k}']:.2f}" for k in _KS),
                f"{lost} (standard error of P@5 {result['P@5 error']:.2f})",
                f"{result['milliseconds']:.1f}",
                f"{result['export_seconds']:.0f}",
            ]
        )
    return "\n".join(f"| {' | '.join(row)} |" for row in rows)


if __name__ == "__main__":
    program.run(main)
