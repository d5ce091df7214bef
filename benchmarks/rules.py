"""Says what rules of train.plan give on data that they were not made from: leave one data set out.

    python -m benchmarks.rules --candidates=today,twice-the-epochs --sets=bibtex,delicious --shapes=whole,tenth

Every candidate of benchmarks.rule_candidates trains mach_tf on every data set in every shape, clean, and is measured on validation points,
never on the test split. Then each data set is left out in turn: the candidate that gains most over today's rules on the other data sets, on
average over their shapes and over --metrics, is chosen, and what it gains on the data set that was left out is what counts.

Results are kept in --output_dir as benchmarks.peers keeps them. The program prints two Markdown tables: each candidate's gain by data set and
shape, and the choices with one data set left out. The last line is a JSON object; "gain" is the mean gain of the choices, and "ratios"
holds the processor seconds of each candidate's training over those of today's rules.
"""

from __future__ import annotations

import dataclasses
import json
from typing import Any

from absl import flags

from benchmarks import leave_one_out, peers_flags, peers_ours
from benchmarks.leave_one_out import Choice
from benchmarks.measured_process import check_arms
from benchmarks.peers_arms import Arm
from benchmarks.peers_results import METRICS, Cell
from benchmarks.peers_runs import Runner
from benchmarks.rule_candidates import CANDIDATES, TODAY
from mach_tf.manifest import DatasetManifest
from mach_tf.programs import program
from mach_tf.sizing.planning import Problem
from mach_tf.training import settings

FLAGS = flags.FLAGS

flags.DEFINE_list("candidates", [*CANDIDATES], f"Tries these candidates besides today: {', '.join(CANDIDATES)}.")
flags.DEFINE_list("metrics", ["P@1", "P@3", "P@5", "PSP@5"], "The gain of a candidate is the mean over these metrics.")
flags.DEFINE_integer("seeds", 1, "Trains each candidate with this many seeds, from 0.", 1)


def main(argv: list[str]) -> None:
    """Runs the program."""
    del argv
    check_arms(FLAGS.candidates, CANDIDATES, "candidates")
    check_arms(FLAGS.metrics, METRICS, "metrics", needed=True)
    runner = peers_flags.runner("valid")
    candidates = [TODAY, *(name for name in FLAGS.candidates if name != TODAY)]
    cells = {
        (name, shape): found
        for name in FLAGS.sets
        for shape in FLAGS.shapes
        if (found := _cells(runner, candidates, runner.prepare(name, shape)))
    }
    gains = leave_one_out.gains(cells, FLAGS.metrics)
    choices = leave_one_out.choices(gains)
    print(leave_one_out.gains_table(cells, gains, candidates, FLAGS.metrics))
    print()
    print("\n".join([leave_one_out.choices_table(choices), *runner.missing]))
    result = {"gains": _plain(gains), "choices": [c._asdict() for c in choices], "gain": _mean(choices)}
    print(json.dumps({**result, "ratios": _ratios(cells)}))


def _cells(runner: Runner, candidates: list[str], data: str) -> dict[str, Cell]:
    """Runs the candidates on a data set in a shape; returns nothing unless today's rules have a result to compare with."""
    dataset = DatasetManifest.read(peers_ours.write_dataset(data, ""))
    today = settings.resolve(dataset, data, "auto", {"adversarial_weight": 0.0})
    sketch = {"buckets": today.bucket_spec.buckets, "repetitions": today.bucket_spec.repetitions}
    # All settings by name: if the rules change, a kept result has other settings and is made again.
    chosen = {**dataclasses.asdict(today.config), **sketch}
    found = {}
    for name in candidates:
        changed = CANDIDATES[name](Problem.of(dataset), chosen)
        cell = runner.cell(Arm(f"rule-{name}", "", {**chosen, **changed}), data, FLAGS.seeds)
        if cell is not None:
            found[name] = cell
    return found if TODAY in found else {}


def _plain(gains: dict[tuple[str, str], dict[str, float]]) -> dict[str, Any]:
    return {", ".join(key): value for key, value in gains.items()}


def _ratios(cells: dict[tuple[str, str], dict[str, Cell]]) -> dict[str, float]:
    cost = "train CPU s"
    return {
        f"{', '.join(key)}: {cost}: {name}/{TODAY}": round(cell.costs[cost] / found[TODAY].costs[cost], 2)
        for key, found in cells.items()
        for name, cell in found.items()
        if name != TODAY and found[TODAY].costs[cost]
    }


def _mean(choices: list[Choice]) -> float:
    return round(sum(choice.gain for choice in choices) / len(choices), 3) if choices else 0.0


if __name__ == "__main__":
    program.run(main)
