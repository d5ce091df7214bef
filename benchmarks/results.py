"""Makes the results table: preprocesses every data set, trains a clean and an adversarial model, evaluates and attacks both.

    python -m benchmarks.results

Prints a Markdown table and writes it to results.md, and the numbers to results.json. The last line is a JSON object; "ratios" holds,
for each data set and attack, the P@1 of the adversarially trained model divided by that of the clean one. Metrics are computed on the
whole test split; what attacks cost, and the certified P@1 that no perturbation of the same size can fall below, on its first --attack_limit points.

A folder of --data_dir is a data set if it holds train.txt.xz and test.txt.xz (bags of words), or train.tsv.xz and test.tsv.xz (texts, as
TSV corpora of Annif), and --configs_dir holds a preset with its name or with the part of its name before a hyphen. Flags that its
preprocessing needs stand in --configs_dir/preprocess/SET.flags. Work that an earlier run finished is kept, and reports that were made with the
same arguments; to redo a data set, remove its output folder.
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
from mach_tf.splits import SPLITS

FLAGS = flags.FLAGS

# Where
flags.DEFINE_string(
    "data_dir", "../shared/data", "Reads the data sets from this folder, each from a folder of text files."
)
flags.DEFINE_string(
    "output_dir", "results", "Writes datasets, models and reports into this directory, which is made if missing."
)
flags.DEFINE_string("configs_dir", "configs", "Takes the preset of each data set, SET.flags, from this folder.")

# What
flags.DEFINE_list(
    "sets", None, "Makes the rows of these data sets, named by their folders; by default of all that have a preset."
)
flags.DEFINE_integer(
    "feature_hash_dim", 0, "Passes this value on to preprocessing. The presets are made for 0, raw ids."
)
flags.DEFINE_list("attack", ["strongest"], "Attacks the models with these attacks, at the epsilon of the preset.")
flags.DEFINE_integer("attack_limit", 1000, "Attacks and certifies only the first N test points.", lower_bound=1)
flags.DEFINE_integer("bootstrap", 1000, "The number of bootstrap resamples for the 95% intervals.", lower_bound=1)

_TRAINING = {"clean": ["--adversarial_weight=0"], "adversarial": ["--adversarial_weight=1"]}
_METRICS = ("P@1", "P@3", "P@5", "nDCG@5")
# By the ending of the text files, the files with names of features and labels.
_NAMES = {
    "txt.xz": {"feature_names": "Xf.txt", "label_names": "Yf.txt"},
    "tsv.xz": {"label_names": "label_names.tsv"},
}
_METRICS_REPORT = "metrics.json"
_ATTACKS_REPORT = "robustness.json"
_CERTIFICATES = "certificates.json"
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
    """Returns the table: for each data set and model the metrics, the minutes of training, the P@1 that each attack costs and what is certified.

    Args:
      results: by data set, its models as `_result` returns them.
    """
    attacks = [entry["attack"] for entry in _attacked(_first(results.values())[0])]
    headers = ["set", "trained", *_METRICS, "minutes", "epsilon", *(f"P@1 lost to {attack}" for attack in attacks)]
    headers += ["of P@1", "certified P@1"]
    rows = []
    for name, models in results.items():
        for model in models:
            cells = [name, model["trained"], *(_cell(model["metrics"], model["intervals"], m) for m in _METRICS)]
            cells += ["" if model["seconds"] is None else f"{model['seconds'] / 60:.1f}"]
            cells += [f"{_attacked(model)[0]['epsilon']:g}"]
            cells += [_cell(e["lost"], e["lost_intervals"], "P@1") for e in _attacked(model)]
            rows.append([*cells, f"{_unattacked(model)['metrics']['P@1']:.2f}", f"{model['certified']:.2f}"])
    lines = [headers, ["---"] * len(headers), *rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def ratios(models: Sequence[dict[str, Any]]) -> dict[str, float]:
    """Returns, for each attack, the P@1 of the adversarial model divided by that of the clean one, unless the latter is 0.

    Args:
      models: the clean and the adversarial model of one data set.
    """
    clean, adversarial = ({e["attack"]: e["metrics"]["P@1"] for e in _attacked(model)} for model in models)
    return {attack: round(adversarial[attack] / value, 3) for attack, value in clean.items() if value}


def _sets() -> list[str]:
    """Returns the names of the data sets to process.

    Raises:
      InputError: --data_dir does not exist, a requested data set is incomplete or has no preset, or none was found.
    """
    if not os.path.isdir(FLAGS.data_dir):
        raise InputError(f"--data_dir must be a folder of data sets (got {FLAGS.data_dir!r}, which is not a folder).")
    present = [name for name in sorted(os.listdir(FLAGS.data_dir)) if _ending(name)]
    ready = [
        name
        for name in present
        if os.path.isfile(_preset(name)) and os.path.isfile(_text(name, f"test.{_ending(name)}"))
    ]
    wanted = ready if FLAGS.sets is None else FLAGS.sets
    missing = [name for name in wanted if name not in ready]
    if missing or not wanted:
        raise InputError(
            f"--sets must name folders of {FLAGS.data_dir} with train.txt.xz and test.txt.xz, or train.tsv.xz and test.tsv.xz, and a preset in "
            f"{FLAGS.configs_dir}: {', '.join(ready) or 'no folder qualifies'} (got {', '.join(missing) or 'none'})."
        )
    return wanted


def _result(name: str) -> list[dict[str, Any]]:
    """Does the remaining work of one data set; returns its models with their measurements."""
    directory = os.path.join(FLAGS.output_dir, name)
    os.makedirs(directory, exist_ok=True)
    dataset = os.path.join(directory, "dataset")
    if not os.path.isfile(os.path.join(dataset, DATASET_FILE)):
        hashing = f"--feature_hash_dim={FLAGS.feature_hash_dim}"
        _run(directory, "preprocess.to_tfrecord", *_inputs(name), hashing, f"--output_dir={dataset}")
    models = [os.path.join(directory, training) for training in _TRAINING]
    found = []
    for model, arguments in zip(models, _TRAINING.values()):
        _train(directory, model, f"--flagfile={_preset(name)}", f"--dataset_dir={dataset}", *arguments)
        resamples = f"--bootstrap={FLAGS.bootstrap}"
        found.append(_report(model, _METRICS_REPORT, "eval.main", *_places(model, dataset), resamples))
    epsilon = ModelManifest.read(models[-1]).training.epsilon
    options = [f"--attack={','.join(FLAGS.attack)}", f"--epsilon=0,{epsilon}", f"--bootstrap={FLAGS.bootstrap}"]
    places = [f"--dataset_dir={dataset}", f"--model_dir={','.join(models)}", f"--output_dir={directory}"]
    limit = f"--limit={FLAGS.attack_limit}"
    attacks = _report(directory, _ATTACKS_REPORT, "eval.robustness", *places, *options, limit)["models"]
    certificates = [
        _report(model, _CERTIFICATES, "eval.certify", *_places(model, dataset), f"--epsilon={epsilon}", "--k=1", limit)
        for model in models
    ]
    return [
        {
            "trained": training,
            "seconds": _seconds(model),
            **{key: metrics[key] for key in ("metrics", "intervals")},
            "attacks": attacked["attacks"],
            "certified": certified["sizes"][0]["metrics"]["certified P@1"],
        }
        for training, model, metrics, attacked, certified in zip(_TRAINING, models, found, attacks, certificates)
    ]


def _train(directory: str, model: str, *arguments: str) -> None:
    """Trains what is not trained yet; records the time only of a training that was not interrupted."""
    whole = not os.path.isdir(model)
    seconds = _run(directory, "train.main", *arguments, f"--model_dir={model}")
    if whole:
        files.write_json(os.path.join(model, _SECONDS_FILE), {"seconds": seconds})


def _places(model: str, dataset: str) -> list[str]:
    return [f"--dataset_dir={dataset}", f"--model_dir={model}", f"--output_dir={model}"]


def _report(directory: str, name: str, module: str, *arguments: str) -> dict[str, Any]:
    """Returns the report that a program writes into a directory, from an earlier run if that had the same arguments."""
    path, record = os.path.join(directory, name), os.path.join(directory, f"{module}.arguments.json")
    asked = {"arguments": list(arguments)}
    if not (os.path.isfile(path) and os.path.isfile(record) and files.read_json(record, "arguments") == asked):
        _run(directory, module, *arguments)
        files.write_json(record, asked)
    return files.read_json(path, f"report of {module}")


def _seconds(model: str) -> Optional[float]:
    path = os.path.join(model, _SECONDS_FILE)
    return files.read_json(path, "training time")["seconds"] if os.path.isfile(path) else None


def _inputs(name: str) -> list[str]:
    """Returns the flags that a data set's preprocessing needs, and those for the files that it has."""
    ending = _ending(name)
    given = {**{split: f"{split}.{ending}" for split in SPLITS}, **_NAMES[ending]}
    inputs = [f"--{flag}={_text(name, file)}" for flag, file in given.items() if os.path.isfile(_text(name, file))]
    options = os.path.join(FLAGS.configs_dir, "preprocess", f"{name}.flags")
    return [*([f"--flagfile={options}"] if os.path.isfile(options) else []), *inputs]


def _ending(name: str) -> str:
    """Returns the ending of a folder's text files, such as "txt.xz"; empty if it holds none."""
    return next((ending for ending in _NAMES if os.path.isfile(_text(name, f"train.{ending}"))), "")


def _run(directory: str, module: str, *arguments: str) -> float:
    """Runs a program and returns the elapsed seconds; its output goes to a file, its progress to stderr.

    Raises:
      InputError: the program failed.
    """
    print(f"python -m {module} {' '.join(arguments)}", file=sys.stderr)
    begun = time.perf_counter()
    log = os.path.join(directory, f"{module}.log")
    with open(log, "ab") as file:
        status = subprocess.run([sys.executable, "-m", module, *arguments], stdout=file, check=False).returncode
    if status:
        raise InputError(f"python -m {module} ended with status {status}; see its message above, and {log}.")
    seconds = time.perf_counter() - begun
    print(f"  {seconds:.0f} s", file=sys.stderr)
    return seconds


def _text(name: str, file: str) -> str:
    return os.path.join(FLAGS.data_dir, name, file)


def _preset(name: str) -> str:
    """Returns the path of a data set's preset, which need not exist."""
    own = os.path.join(FLAGS.configs_dir, f"{name}.flags")
    return own if os.path.isfile(own) else os.path.join(FLAGS.configs_dir, f"{name.split('-', maxsplit=1)[0]}.flags")


def _attacked(model: dict[str, Any]) -> list[dict[str, Any]]:
    """Returns the attacks of a model with an epsilon above 0."""
    return [entry for entry in model["attacks"] if entry["epsilon"]]


def _unattacked(model: dict[str, Any]) -> dict[str, Any]:
    """Returns the metrics of the points that are attacked, before the attack."""
    return next(entry for entry in model["attacks"] if not entry["epsilon"])


def _cell(values: dict[str, float], intervals: dict[str, list[float]], metric: str) -> str:
    low, high = intervals[metric]
    return f"{values[metric]:.2f} [{low:.2f}, {high:.2f}]"


def _first(values: Any) -> Any:
    return next(iter(values))


if __name__ == "__main__":
    program.run(main)
