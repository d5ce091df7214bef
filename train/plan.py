"""Helps to choose buckets and repetitions: memory, collisions and time of each, reckoned without training.

  python -m train.plan --labels=670091 --features=135909 --points=490449 --memory=24GB --hidden_units=4096
  python -m train.plan --dataset_dir=data/bibtex --output=bibtex.flags

prints a line for each combination:

- B, R: buckets and repetitions; parameters: of all repetitions.
- training: memory to train one repetition at a time (the same reckoning as train.main's); at once: how many fit side by side.
- serving: memory with all repetitions loaded.
- pair: probability that two given labels share a bucket in every repetition, (1/B)^R; any pair: bound on the probability
  that there are two such labels among all, K^2 (1/B)^R (Medini et al. 2019, theorem 2).
- confusable: expected number of wrong labels a point that share a bucket with one of its own in at least half of the
  repetitions; even perfect classifiers rank those high.
- step: milliseconds of a step of one repetition; hours: of all. They assume the machine's full rate in matrix products and
  copies, measured here (or --gflops, --bandwidth for another machine): the real time is about twice as long.

Recommended is, of those that fit, the quickest to train. Fit means: memory for training and serving, --hours, and both failure
figures at most --delta; and R B at most the number of labels (or 16,384), beyond which one classifier with an output a label
would be smaller. More buckets than that teach each of them from fewer points; more repetitions gain a little accuracy, at
their cost. With it come the length of the training, dropout and the optimizer's settings, by rules of thumb from the size of
the data; --output writes it all as a flagfile for train.main. It trains adversarially unless --adversarial_weight=0 is given.
"""

from __future__ import annotations

import os
import re
import time
from collections.abc import Callable

import numpy as np
import tabulate
from absl import flags

from mach_tf import files
from mach_tf.choices import OPTIMIZERS, SUPPORTS
from mach_tf.errors import InputError
from mach_tf.hashing import FeatureSpec
from mach_tf.memory import available_memory
from mach_tf.programs import program, shared_flags
from mach_tf.sizing import planning, recommendation
from mach_tf.training.training_data import read_dataset
from mach_tf.training_config import TrainingConfig

FLAGS = flags.FLAGS
_UNITS = ("", "K", "M", "G", "T")
_LEAST_LABELS = 2
_NUMBERS = ("labels", "features", "points")
_TRAINING = ("hidden_units", "batch_size", "epochs", "adversarial_weight", "fgsm_support", "optimizer")
# Of the flagfile, after buckets and repetitions.
_WRITTEN = (
    *("hidden_units", "hidden_init_stddev", "dropout", "epochs", "batch_size", "learning_rate", "optimizer"),
    *("optimizer_epsilon", "epsilon", "adversarial_weight", "fgsm_support"),
)
_DEFAULTED = ("features_per_point", "labels_per_point", "feature_hash_dim")

# The data: a dataset directory, or, before there is one, its numbers.
shared_flags.define_dataset_dir(required=False)
flags.DEFINE_integer("labels", None, "K.", lower_bound=_LEAST_LABELS)
flags.DEFINE_integer("features", None, "Raw features.", lower_bound=1)
flags.DEFINE_integer("points", None, "Training points.", lower_bound=1)
flags.DEFINE_float("features_per_point", 76.0, "Mean number of features a point.", lower_bound=0)
flags.DEFINE_float("labels_per_point", 5.5, "Mean number of labels a point.", lower_bound=0)
flags.DEFINE_integer("feature_hash_dim", 50_000, "Number of hashed features, D; 0 keeps raw ids.", lower_bound=0)

# Training, as given to train.main; what is given here is not left to the rules.
flags.DEFINE_list("buckets", [], "Numbers of buckets to look at [a range that fits the labels].")
flags.DEFINE_list("repetitions", [], "Numbers of repetitions to look at [4, 8, 16, 32].")
flags.DEFINE_integer("hidden_units", TrainingConfig.hidden_units, "Hidden units of a repetition.", lower_bound=1)
flags.DEFINE_integer("batch_size", None, "Points a step [by the number of points].", lower_bound=1)
flags.DEFINE_integer("epochs", None, "Passes over the training split [by the number of points].", lower_bound=1)
flags.DEFINE_float("adversarial_weight", TrainingConfig.adversarial_weight, "Lambda; 0 trains on the clean loss alone.")
flags.DEFINE_enum("fgsm_support", TrainingConfig.fgsm_support, SUPPORTS, "Coordinates that FGSM may move.")
flags.DEFINE_enum("optimizer", TrainingConfig.optimizer, OPTIMIZERS, "Optimizer.")

# The machine.
flags.DEFINE_string("memory", None, "Memory for training and for serving, such as 24GB or 512MB [what is free here].")
flags.DEFINE_float(
    "gflops", None, "Billion operations a second in float32 matrix products [measured].", lower_bound=1e-3
)
flags.DEFINE_float("bandwidth", None, "Memory bandwidth in GB/s [measured].", lower_bound=1e-3)

# What is wanted.
flags.DEFINE_string("output", None, "Flagfile to write: what is recommended, for train.main.")
flags.DEFINE_float("hours", 24.0, "Longest training of all repetitions, one after the other.", lower_bound=0)
flags.DEFINE_float("delta", 0.01, "Largest probability of failure.", lower_bound=1e-12, upper_bound=1)


def main(argv: list[str]) -> None:
    """Runs the program."""
    del argv
    problem = _problem()
    _check_output()
    given = {name: FLAGS[name].value for name in _TRAINING if FLAGS[name].present}
    config = TrainingConfig(**{**recommendation.settings(problem, FLAGS.batch_size), **given})
    machine = planning.Machine(
        memory=parse_bytes(FLAGS.memory) if FLAGS.memory else available_memory(),
        flops=FLAGS.gflops * 1e9 if FLAGS.gflops else measure_flops(),
        bandwidth=FLAGS.bandwidth * 1e9 if FLAGS.bandwidth else measure_bandwidth(),
    )
    buckets, repetitions = planning.candidates(problem.labels)
    plans = planning.make_plans(
        problem, machine, config, _numbers("buckets", 2) or buckets, _numbers("repetitions", 1) or repetitions
    )
    best = planning.recommend(plans, problem, machine, FLAGS.delta, FLAGS.hours * 3600)
    _print(plans, best, config, problem, machine)
    if FLAGS.output:
        _write_flagfile(best, config, problem)


def _check_output() -> None:
    """Raises InputError where the flagfile cannot be written, before anything is measured."""
    path = FLAGS.output
    if path and os.path.exists(path):
        raise InputError(
            f"--output must be a new file (got {path}, which is there already); remove it or name another."
        )
    if path and not os.path.isdir(os.path.dirname(path) or "."):
        raise InputError(f"--output must be in a folder that is there (got {path}); make the folder or name another.")


def _problem() -> planning.Problem:
    if FLAGS.dataset_dir:
        given = [f"--{name}" for name in (*_NUMBERS, *_DEFAULTED) if FLAGS[name].present]
        if given:
            raise InputError(f"--dataset_dir says what {', '.join(given)} would; give one or the other.")
        dataset = read_dataset(FLAGS.dataset_dir)
        if dataset.labels < _LEAST_LABELS:
            raise InputError(
                f"{FLAGS.dataset_dir}: a plan needs at least {_LEAST_LABELS} labels (got {dataset.labels})."
            )
        train = dataset.split("train")
        return planning.Problem(
            labels=dataset.labels,
            columns=dataset.columns,
            points=train.points,
            features=train.features / train.points,
            labels_per_point=train.labels / train.points,
        )
    missing = [f"--{name}" for name in _NUMBERS if FLAGS[name].value is None]
    if missing:
        raise InputError(
            f"--dataset_dir, or --labels, --features and --points, must be given (missing {', '.join(missing)})."
        )
    return planning.Problem(
        labels=FLAGS.labels,
        columns=FeatureSpec(FLAGS.feature_hash_dim).columns(FLAGS.features),
        points=FLAGS.points,
        features=FLAGS.features_per_point,
        labels_per_point=FLAGS.labels_per_point,
    )


def parse_bytes(text: str) -> int:
    """Bytes of "24GB", "16GiB", "1.5e9"; units are powers of 1000, with an i of 1024."""
    match = re.fullmatch(r"([0-9.]+(?:e[0-9]+)?)\s*([KMGT]?)(i?)B?", text.strip(), re.IGNORECASE)
    try:
        number = float(match[1]) if match else 0.0
    except ValueError:
        number = 0.0
    if not match or number <= 0:
        raise InputError(f"--memory must be a size such as 24GB or 512MB (got {text!r}).")
    return int(number * (1024 if match[3] else 1000) ** _UNITS.index(match[2].upper()))


def measure_flops(size: int = 1536, rounds: int = 4) -> float:
    """Operations a second of the best of some float32 matrix products on this machine."""
    matrix = np.ones((size, size), np.float32)
    return 2 * size**3 / min(_seconds(lambda: matrix @ matrix) for _ in range(rounds))


def measure_bandwidth(size: int = 1 << 27, rounds: int = 4) -> float:
    """Bytes a second, read and written, of the best of some copies on this machine."""
    source, target = np.ones(size, np.uint8), np.zeros(size, np.uint8)
    return 2 * size / min(_seconds(lambda: np.copyto(target, source)) for _ in range(rounds))


def _seconds(work: Callable[[], object]) -> float:
    begin = time.perf_counter()
    work()
    return time.perf_counter() - begin


def _numbers(flag: str, least: int) -> list[int]:
    values = getattr(FLAGS, flag)
    if not all(value.isdecimal() and int(value) >= least for value in values):
        raise InputError(f"--{flag} must be numbers of at least {least}, separated by commas (got {','.join(values)}).")
    return [int(value) for value in values]


def _print(
    plans: list[planning.Plan],
    best: planning.Plan | None,
    config: TrainingConfig,
    problem: planning.Problem,
    machine: planning.Machine,
) -> None:
    rows = [
        (
            f"{plan.buckets:,}",
            plan.repetitions,
            f"{plan.parameters / 1e6:,.0f} M",
            _gigabytes(plan.training_bytes),
            plan.side_by_side,
            _gigabytes(plan.serving_bytes),
            f"{plan.pair_collision:.0e}",
            f"{plan.any_pair_collision:.0e}",
            f"{plan.confusable:.0e}",
            f"{plan.step_seconds * 1e3:,.0f} ms",
            f"{plan.training_seconds / 3600:,.2f}",
            "<- recommended" if plan is best else "",
        )
        for plan in plans
    ]
    headers = [
        "B",
        "R",
        "parameters",
        "training",
        "at once",
        "serving",
        "pair",
        "any pair",
        "confusable",
        "step",
        "hours",
    ]
    print(
        tabulate.tabulate(
            rows,
            [*headers, ""],
            colalign=["right"] * len(headers) + ["left"],
            disable_numparse=True,
        )
    )
    print(
        f"\nMachine: {_gigabytes(machine.memory)} of memory, {machine.flops / 1e9:,.0f} Gflop/s, "
        f"{machine.bandwidth / 1e9:,.1f} GB/s."
    )
    if not FLAGS.dataset_dir:
        print(f"Taken for the data: {problem.features:g} features and {problem.labels_per_point:g} labels a point.")
    if best is None:
        print(
            "None of these fits the memory, the hours and the failure probability. Lower --hidden_units, --epochs or "
            "--feature_hash_dim for memory and time; raise --hours, --repetitions or --buckets."
        )
    else:
        print(
            f"Recommended: {' '.join(_flags(best, config))}\n"
            f"For all pairs of labels distinguishable with probability {1 - FLAGS.delta:g}, B = {best.buckets:,} needs R >= "
            f"{planning.repetitions_needed(problem.labels, best.buckets, FLAGS.delta)}."
        )


def _write_flagfile(best: planning.Plan | None, config: TrainingConfig, problem: planning.Problem) -> None:
    if best is None:
        raise InputError(f"{FLAGS.output} was not written: none of the plans fits. See above for what to change.")
    comment = (
        f"# {problem.points:,} points, {problem.columns:,} columns, {problem.labels:,} labels. By train.plan's rules, untried.\n"
        f"# Estimated: {_gigabytes(best.training_bytes)} of memory for a repetition at a time."
    )
    with files.atomic_write(FLAGS.output) as file:
        file.write("\n".join([comment, *_flags(best, config), ""]).encode())
    dataset = FLAGS.dataset_dir or "DATASET_DIR"
    print(f"Train so: python -m train.main --flagfile={FLAGS.output} --dataset_dir={dataset} --model_dir=MODEL_DIR")


def _flags(best: planning.Plan, config: TrainingConfig) -> list[str]:
    settings = {name: getattr(config, name) for name in _WRITTEN}
    return [
        f"--buckets={best.buckets}",
        f"--repetitions={best.repetitions}",
        *(f"--{n}={v}" for n, v in settings.items()),
    ]


def _gigabytes(value: int) -> str:
    return f"{value / 1e9:,.1f} GB"


def run() -> None:
    """Runs the program; the console script calls this."""
    program.run(main)


if __name__ == "__main__":
    run()
