"""Measures what each method of adversarial training costs and gains: P@1 on clean points, under the strongest attack, and certified.

    python -m benchmarks.adversarial_training --data_dir=data --sets=bibtex --output_dir=results/adversarial-training

Trains the preset of each data set once per arm, on the dataset directory of its name in --data_dir. An arm is a method, or a method and the
factor of the preset's epsilon that it is trained with: ibp@0.2. The first --limit test points are attacked and certified at each --epsilon. Two seeds of
one arm differ by as much as 1 to 2 points on 400 of them.

SET@N in --sets tries a part of a large data set: the first N training points, as a dataset of their own, with --repetitions. Whole
data sets are trained with all repetitions of their presets.

Results are written as they come, SET-ARM.json in --output_dir, and kept: the same command goes on where it was. Prints a table for
each data set and draws all of them in adversarial_training.png: attacked P@1 on the left and certified P@1 on the right, against epsilon; to draw
tables of several runs, see benchmarks.adversarial_plot. The last line is a JSON object; "ratios" holds the processor time of each training over that of the clean one.
"""

from __future__ import annotations

import json
import os
import shutil
import time
from collections.abc import Sequence
from typing import Any, Optional

import tabulate
from absl import flags

import mach_tf
from benchmarks import adversarial_curves
from benchmarks.adversarial_curves import Precision
from benchmarks.measured_process import check_arms
from mach_tf import files, startup
from mach_tf.choices import ADVERSARIAL_METHODS
from mach_tf.errors import InputError
from mach_tf.hashing import FeatureSpec
from mach_tf.programs import program
from mach_tf.training import settings

FLAGS = flags.FLAGS

_PRESETS = {"bibtex": "bibtex", "eurlex57k": "eurlex57k", "tibkat-gnd": "tibkat"}
_CLEAN = "clean"
_ARMS = (_CLEAN, "fgsm@1", "n_fgsm@1", "pgd@1", "ibp@0.2", "ibp@0.4", "ibp@0.8")

# What is trained
flags.DEFINE_string("data_dir", "data", "Takes the dataset directories from this directory.")
flags.DEFINE_list(
    "sets",
    ["bibtex"],
    f"Trains on these data sets: {', '.join(_PRESETS)}, each whole, or with @ and a number of its first training points.",
)
flags.DEFINE_list(
    "arms",
    list(_ARMS),
    f"Trains these arms: {_CLEAN}, or one of {', '.join(ADVERSARIAL_METHODS)}, with @ and a factor of the preset's epsilon.",
)
flags.DEFINE_integer(
    "repetitions",
    None,
    "Trains this many repetitions on SET@N in --sets; whole data sets have those of their presets. By default as many as the preset.",
    1,
)

# What is measured
flags.DEFINE_list("epsilon", ["0", "0.01", "0.02", "0.05"], "Attacks and certifies with these sizes of perturbation.")
flags.DEFINE_integer("limit", 400, "Attacks and certifies the first N test points.", 1)
flags.DEFINE_integer("effort", 100, "Bounds at most this many pairs of labels one by one per point and epsilon.", 0)
flags.DEFINE_string("output_dir", "adversarial-training", "Writes models, results, table and plot into this directory.")


def main(_: list[str]) -> None:
    """Runs the program."""
    startup.prepare()
    check_arms([each.partition("@")[0] for each in FLAGS.sets], _PRESETS, "sets", needed=True)
    parts = {each: _part(each) for each in FLAGS.sets}
    if FLAGS.repetitions is not None and not any(parts.values()):
        raise InputError(
            f"--repetitions must go with a part of a data set, SET@N in --sets (got {','.join(FLAGS.sets)}). Leave it out, or add @N."
        )
    epsilons = [_number(text, "epsilon") for text in FLAGS.epsilon]
    if not (FLAGS.arms and epsilons):
        raise InputError("--arms must name at least one arm, and --epsilon one size (got none). Correct it.")
    arms = {arm: _changes(arm) for arm in FLAGS.arms}
    os.makedirs(FLAGS.output_dir, exist_ok=True)
    results = {}
    for name, points in parts.items():
        dataset = _dataset(name, points)
        results[name] = {arm: _kept(name, points, arm, dataset, epsilons, changes) for arm, changes in arms.items()}
        print(f"{name}\n\n{_table(results[name])}\n", flush=True)
    from mach_tf import figures

    drawn = adversarial_curves.figure({name: _curves(arms) for name, arms in results.items()})
    figures.write_png(drawn, os.path.join(FLAGS.output_dir, "adversarial_training.png"))
    ratios = {
        f"{name}: cpu s: {arm}/{_CLEAN}": round(found["cpu_seconds"] / of_set[_CLEAN]["cpu_seconds"], 2)
        for name, of_set in results.items()
        for arm, found in of_set.items()
        if arm != _CLEAN and _CLEAN in of_set
    }
    print(json.dumps({"results": results, "ratios": ratios}))


def _number(text: str, flag: str) -> float:
    try:
        value = float(text)
    except ValueError:
        value = -1.0
    if not 0 <= value < 1e6:
        raise InputError(f"--{flag} must hold numbers of 0 or more (got {text!r}). Correct it.")
    return value


def _part(name: str) -> Optional[int]:
    """Returns the number of training points of a data set that are trained on; None for all."""
    _, at, points = name.partition("@")
    if at and not (points.isdecimal() and int(points) > 0):
        raise InputError(f"--sets must have a number of training points behind @ (got {name!r}). Correct it.")
    return int(points) if at else None


def _changes(arm: str) -> dict[str, Any]:
    """Returns what an arm changes in a preset; `factor` is that of epsilon."""
    if arm == _CLEAN:
        return {"adversarial_weight": 0.0}
    method, _, factor = arm.partition("@")
    if method not in ADVERSARIAL_METHODS:
        raise InputError(
            f"--arms must be {_CLEAN} or begin with one of {', '.join(ADVERSARIAL_METHODS)} (got {arm!r})."
        )
    return {"adversarial": method, "factor": _number(factor or "1", "arms")}


def _dataset(name: str, train_points: Optional[int]) -> str:
    """Returns the directory of a data set, or of the part of it that is trained on."""
    from mach_tf.data.dataset_reader import DatasetReader

    whole = os.path.join(FLAGS.data_dir, name.partition("@")[0])
    if train_points is None:
        return whole
    part = os.path.join(FLAGS.output_dir, "data", name)
    if not os.path.isdir(part):
        reader = DatasetReader.open(whole)
        width = reader.manifest.columns
        splits = [reader.read_points("train", train_points), reader.read_points("test")]
        train, test = ((points.features(width), points.labels(reader.manifest.labels)) for points in splits)
        # The points are hashed and normalised already.
        mach_tf.write_dataset(*train, part, test=test, spec=FeatureSpec(dim=0, norm="none"))
    return part


def _kept(
    name: str, train_points: Optional[int], arm: str, dataset: str, epsilons: Sequence[float], changes: dict[str, Any]
) -> dict[str, Any]:
    """Returns the result of an arm, from an earlier run with the same settings if there is one."""
    preset = settings.read_preset(_PRESETS[name.partition("@")[0]])
    preset.update({key: value for key, value in changes.items() if key != "factor"})
    preset["epsilon"] = round(preset["epsilon"] * changes.get("factor", 1.0), 9)
    if FLAGS.repetitions is not None and train_points is not None:
        preset["repetitions"] = FLAGS.repetitions
    asked = {"settings": preset, "epsilons": list(epsilons), "limit": FLAGS.limit, "effort": FLAGS.effort}
    asked["train_points"] = train_points
    path = os.path.join(FLAGS.output_dir, f"{name}-{arm}.json")
    if os.path.exists(path) and (found := files.read_json(path, "result"))["asked"] == asked:
        return found
    model_dir = os.path.join(FLAGS.output_dir, "models", f"{name}-{arm}")
    found = {"asked": asked, **_measure(dataset, model_dir, preset, epsilons)}
    files.write_json(path, found)
    return found


def _measure(dataset: str, model_dir: str, chosen: dict[str, Any], epsilons: Sequence[float]) -> dict[str, Any]:
    """Trains an arm and measures it."""
    from mach_tf.data.dataset_reader import DatasetReader
    from mach_tf.evaluation.certification import CertificationOptions, certify_dataset
    from mach_tf.metrics.ranking_metrics import hits, precision_at_k

    model, times = _trained(dataset, model_dir, chosen)
    points = DatasetReader.open(dataset).read_points("test")
    k = min(5, model.labels)
    top = model.decode(points.features(model.manifest.columns), k).labels
    hit = hits(top, points.labels(model.labels))
    ks = [at for at in (1, 3, 5) if at <= k]
    options = CertificationOptions(epsilons, ks=[1], effort=FLAGS.effort, attacks=["strongest"])
    proved = certify_dataset(model_dir, dataset, options, limit=FLAGS.limit)
    return {
        **times,
        "test": {f"P@{at}": round(100 * float(precision_at_k(hit, at).mean()), 2) for at in ks},
        "sizes": proved.to_json()["sizes"],
    }


def _trained(dataset: str, model_dir: str, chosen: dict[str, Any]) -> tuple[mach_tf.Ensemble, dict[str, float]]:
    """Returns a model and the time of its whole training, which is kept beside the model."""
    path = f"{model_dir}.json"
    if not os.path.exists(path) and os.path.exists(model_dir):
        shutil.rmtree(model_dir)  # a training that goes on takes only a part of the time
    begin, begin_cpu = time.monotonic(), time.process_time()
    model = mach_tf.fit(dataset, model_dir, plan=None, curves=False, progress=False, validation_points=0, **chosen)
    if not os.path.exists(path):
        seconds, cpu_seconds = time.monotonic() - begin, time.process_time() - begin_cpu
        files.write_json(path, {"seconds": round(seconds, 1), "cpu_seconds": round(cpu_seconds, 1)})
    return model, files.read_json(path, "time of a training")


def _table(arms: dict[str, dict[str, Any]]) -> str:
    rows = []
    for arm, found in arms.items():
        sizes = [
            f"{size['metrics']['certified P@1']:.2f} / {size['metrics']['attacked P@1']:.2f}" for size in found["sizes"]
        ]
        test = "/".join(f"{value:.2f}" for value in found["test"].values())
        rows.append([arm, f"{found['cpu_seconds']:.0f}", test, *sizes])
    epsilons = [f"{size['epsilon']:g}" for size in next(iter(arms.values()))["sizes"]]
    head = ["arm", "training, processor s", "test P@1/P@3/P@5", *(f"certified / attacked at {e}" for e in epsilons)]
    return str(tabulate.tabulate(rows, head, tablefmt="github", disable_numparse=True))


def _curves(arms: dict[str, dict[str, Any]]) -> dict[str, list[Precision]]:
    """Returns the curve of each arm."""
    return {
        arm: [
            Precision(size["epsilon"], *(size["metrics"][f"{kind} P@1"] for kind in ("certified", "attacked")))
            for size in found["sizes"]
        ]
        for arm, found in arms.items()
    }


if __name__ == "__main__":
    program.run(main)
