"""The results table: every data set preprocessed, a model trained cleanly and one adversarially, both evaluated and attacked.

    python -m benchmarks.results

prints a Markdown table and writes it to results.md, with the numbers in results.json; the last line is JSON, "ratios" of P@1 under
each attack, of the model trained adversarially to the one trained cleanly. Metrics are of the whole test split, what an attack costs
of its first --attack_limit points. A folder of --data_dir is a data set when it holds train.txt.xz and test.txt.xz and --configs_dir
has a preset of its name, or of the part of it before a hyphen. What an earlier run has finished stays; remove a set's folder
to make it again.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Sequence
from typing import Any, Optional

from absl import flags

from mach_tf import files
from mach_tf.errors import InputError
from mach_tf.manifest import DATASET_FILE, ModelManifest
from mach_tf.programs import program

FLAGS = flags.FLAGS

# Where
flags.DEFINE_string("data_dir", "../shared/data", "Folder of data sets, each a folder of text files.")
flags.DEFINE_string("output_dir", "results", "Directory for datasets, models and reports; made if missing.")
flags.DEFINE_string("configs_dir", "configs", "Folder of the presets, SET.flags.")

# What
flags.DEFINE_list("sets", None, "Data sets, by folder; by default all that have a preset.")
flags.DEFINE_integer("feature_hash_dim", 0, "Of the preprocessing; 0, raw ids, is what the presets are made for.")
flags.DEFINE_list("attack", ["fgsm", "pgd"], "Attacks, at the epsilon of the preset.")
flags.DEFINE_integer("attack_limit", 3000, "Attack only the first so many test points.", lower_bound=1)
flags.DEFINE_integer("bootstrap", 1000, "Resamples for the 95% intervals.", lower_bound=1)

_TRAINING = {"clean": ["--adversarial_weight=0"], "adversarial": []}
_METRICS = ("P@1", "P@3", "P@5", "nDCG@5")
_METRICS_REPORT = "metrics.json"
_ATTACKS_REPORT = "robustness.json"
_SECONDS_FILE = "seconds.json"


def main(_: list[str]) -> None:
    results = {name: _result(name) for name in _sets()}
    table = markdown(results)
    os.makedirs(FLAGS.output_dir, exist_ok=True)
    files.write_json(os.path.join(FLAGS.output_dir, "results.json"), results)
    with files.atomic_write(os.path.join(FLAGS.output_dir, "results.md")) as file:
        file.write(f"{table}\n".encode())
    print(table)
    print(json.dumps({"ratios": {name: ratios(models) for name, models in results.items()}}))


def markdown(results: dict[str, list[dict[str, Any]]]) -> str:
    """The table: a row for each data set and training, metrics, the minutes of training, and the P@1 that each attack costs.

    Args:
      results: by data set, its models as `_result` gives them.
    """
    attacks = [entry["attack"] for entry in _attacked(_first(results.values())[0])]
    headers = ["set", "trained", *_METRICS, "minutes", "epsilon", *(f"P@1 lost to {attack}" for attack in attacks)]
    rows = []
    for name, models in results.items():
        for model in models:
            cells = [name, model["trained"], *(_cell(model["metrics"], model["intervals"], m) for m in _METRICS)]
            cells += ["" if model["seconds"] is None else f"{model['seconds'] / 60:.1f}"]
            cells += [f"{_attacked(model)[0]['epsilon']:g}"]
            rows.append([*cells, *(_cell(e["lost"], e["lost_intervals"], "P@1") for e in _attacked(model))])
    lines = [headers, ["---"] * len(headers), *rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def ratios(models: Sequence[dict[str, Any]]) -> dict[str, float]:
    """P@1 of the adversarial model over that of the clean one, under each attack; left out where the clean one has none.

    Args:
      models: of a data set, clean and adversarial.
    """
    clean, adversarial = ({e["attack"]: e["metrics"]["P@1"] for e in _attacked(model)} for model in models)
    return {attack: round(adversarial[attack] / value, 3) for attack, value in clean.items() if value}


def _sets() -> list[str]:
    """The data sets to do.

    Raises:
      InputError: there is no --data_dir, one that is asked for is not there or has no preset, or there is none at all.
    """
    if not os.path.isdir(FLAGS.data_dir):
        raise InputError(f"--data_dir must be a folder of data sets (got {FLAGS.data_dir!r}, which is none).")
    there = [name for name in sorted(os.listdir(FLAGS.data_dir)) if os.path.isfile(_text(name, "train.txt.xz"))]
    ready = [name for name in there if os.path.isfile(_preset(name)) and os.path.isfile(_text(name, "test.txt.xz"))]
    wanted = ready if FLAGS.sets is None else FLAGS.sets
    lacking = [name for name in wanted if name not in ready]
    if lacking or not wanted:
        raise InputError(
            f"--sets must name folders of {FLAGS.data_dir} with train.txt.xz, test.txt.xz and a preset in "
            f"{FLAGS.configs_dir}: {', '.join(ready) or 'there is none'} (got {', '.join(lacking) or 'none'})."
        )
    return wanted


def _result(name: str) -> list[dict[str, Any]]:
    """Does what is not done yet of one data set; its models with what was measured of them."""
    directory = os.path.join(FLAGS.output_dir, name)
    os.makedirs(directory, exist_ok=True)
    dataset = os.path.join(directory, "dataset")
    if not os.path.isfile(os.path.join(dataset, DATASET_FILE)):
        hashing = f"--feature_hash_dim={FLAGS.feature_hash_dim}"
        _run(directory, "preprocess.to_tfrecord", *_inputs(name), hashing, f"--output_dir={dataset}")
    models = [os.path.join(directory, training) for training in _TRAINING]
    for model, arguments in zip(models, _TRAINING.values()):
        _train(directory, model, f"--flagfile={_preset(name)}", f"--dataset_dir={dataset}", *arguments)
        _evaluate(model, dataset)
    report = os.path.join(directory, _ATTACKS_REPORT)
    if not os.path.isfile(report):
        epsilon = ModelManifest.read(models[-1]).training.epsilon
        options = [f"--attack={','.join(FLAGS.attack)}", f"--epsilon=0,{epsilon}", f"--bootstrap={FLAGS.bootstrap}"]
        places = [f"--dataset_dir={dataset}", f"--model_dir={','.join(models)}", f"--output_dir={directory}"]
        _run(directory, "eval.robustness", *places, *options, f"--limit={FLAGS.attack_limit}")
    attacks = files.read_json(report, "report of eval.robustness")["models"]
    return [
        {
            "trained": training,
            "seconds": _seconds(model),
            **{key: metrics[key] for key in ("metrics", "intervals")},
            "attacks": attacked["attacks"],
        }
        for training, model, attacked in zip(_TRAINING, models, attacks)
        for metrics in [files.read_json(os.path.join(model, _METRICS_REPORT), "report of eval.main")]
    ]


def _train(directory: str, model: str, *arguments: str) -> None:
    """Trains what is not trained yet; a time is kept only of a training that was not interrupted."""
    whole = not os.path.isdir(model)
    seconds = _run(directory, "train.main", *arguments, f"--model_dir={model}")
    if whole:
        files.write_json(os.path.join(model, _SECONDS_FILE), {"seconds": seconds})


def _evaluate(model: str, dataset: str) -> None:
    if not os.path.isfile(os.path.join(model, _METRICS_REPORT)):
        places = [f"--dataset_dir={dataset}", f"--model_dir={model}", f"--output_dir={model}"]
        _run(model, "eval.main", *places, f"--bootstrap={FLAGS.bootstrap}")


def _seconds(model: str) -> Optional[float]:
    path = os.path.join(model, _SECONDS_FILE)
    return files.read_json(path, "time of a training")["seconds"] if os.path.isfile(path) else None


def _inputs(name: str) -> list[str]:
    """The flags for a data set's text files, those that are there."""
    given = {"train": "train.txt.xz", "valid": "valid.txt.xz", "test": "test.txt.xz"}
    given.update({"feature_names": "Xf.txt", "label_names": "Yf.txt"})
    return [f"--{flag}={_text(name, file)}" for flag, file in given.items() if os.path.isfile(_text(name, file))]


def _run(directory: str, module: str, *arguments: str) -> float:
    """Runs a program and returns the seconds it took; its output goes to a file, its progress to stderr.

    Raises:
      InputError: it failed.
    """
    print(f"python -m {module} {' '.join(arguments)}", file=sys.stderr)
    begun = time.perf_counter()
    log = os.path.join(directory, f"{module}.log")
    with open(log, "ab") as file:
        status = subprocess.run([sys.executable, "-m", module, *arguments], stdout=file, check=False).returncode
    if status:
        raise InputError(f"python -m {module} ended with status {status}; see what it says above, and {log}.")
    seconds = time.perf_counter() - begun
    print(f"  {seconds:.0f} s", file=sys.stderr)
    return seconds


def _text(name: str, file: str) -> str:
    return os.path.join(FLAGS.data_dir, name, file)


def _preset(name: str) -> str:
    """The path of a data set's preset, there or not."""
    own = os.path.join(FLAGS.configs_dir, f"{name}.flags")
    return own if os.path.isfile(own) else os.path.join(FLAGS.configs_dir, f"{name.split('-', maxsplit=1)[0]}.flags")


def _attacked(model: dict[str, Any]) -> list[dict[str, Any]]:
    """Of a model's attacks, those that move the points at all."""
    return [entry for entry in model["attacks"] if entry["epsilon"]]


def _cell(values: dict[str, float], intervals: dict[str, list[float]], metric: str) -> str:
    low, high = intervals[metric]
    return f"{values[metric]:.2f} [{low:.2f}, {high:.2f}]"


def _first(values: Any) -> Any:
    return next(iter(values))


if __name__ == "__main__":
    program.run(main)
