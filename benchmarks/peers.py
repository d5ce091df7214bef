"""Compares mach_tf with other packages on the same files: Parabel and Bonsai (omikuji), PLT and one-vs-rest (napkinXC), XR-Linear (PECOS).

    python -m benchmarks.peers --sets=bibtex,delicious --shapes=whole,tenth

mach_tf is trained with the rules of train.plan, nothing tuned, and with the preset of the data set, if there is one; clean and adversarially.
Every peer has its own settings by default and an environment of its own, which is made when it is first needed; a peer that cannot be
installed or fails is left out, and a sentence says why. All predictions are scored by mach_tf.metrics.

Results are written as they come, SET/SHAPE/SPLIT/ARM-SEED.json and .npz in --output_dir. If the program is killed, the same command goes on
where it was; to redo an arm, remove its JSON file. The program prints two Markdown tables and writes them to peers.md. The last line is a
JSON object; "ratios" holds our costs over the peers', such as "bibtex: train s: plan-clean/xr-linear".
"""

from __future__ import annotations

import dataclasses
import json
import os
from collections.abc import Sequence
from typing import Any

from absl import flags

from benchmarks import peers_arms, peers_flags, peers_results
from benchmarks.measured_process import check_arms
from benchmarks.peers_results import Cell
from mach_tf import files
from mach_tf.programs import program

FLAGS = flags.FLAGS

_ARMS = [*peers_arms.PEERS, *peers_arms.OURS]
flags.DEFINE_list("arms", _ARMS, f"Runs these arms: {', '.join(_ARMS)}. Presets are for whole data sets only.")
flags.DEFINE_integer("seeds", 3, "Trains mach_tf with this many seeds, from 0; the peers are trained once.", 1)
flags.DEFINE_enum(
    "split",
    "test",
    ["test", "valid"],
    "Measures on this split. To tune, choose valid, which is held out of the training points if there is none.",
)

_CAPTION = "mach_tf minus the peer that is best at each metric, with 95% intervals of the paired difference:"


def main(argv: list[str]) -> None:
    """Runs the program."""
    del argv
    check_arms(FLAGS.arms, _ARMS)
    runner = peers_flags.runner(FLAGS.split)
    results: dict[str, list[Cell]] = {}
    for name in FLAGS.sets:
        for shape in FLAGS.shapes:
            data = runner.prepare(name, shape)
            arms = filter(None, (peers_arms.find(arm, name, shape) for arm in FLAGS.arms))
            cells = [cell for cell in (runner.cell(arm, data, FLAGS.seeds) for arm in arms) if cell is not None]
            if cells:
                results[name if shape == "whole" else f"{name}, {shape}"] = cells
    compared = peers_results.best_peer_table(results, FLAGS.bootstrap)
    text = f"{peers_results.metrics_table(results)}\n\n{_CAPTION}\n\n{compared}"
    with files.atomic_write(os.path.join(FLAGS.output_dir, "peers.md")) as file:
        file.write(f"{text}\n".encode())
    print("\n".join([text, *runner.missing]))
    ratios = {
        f"{name}: {key}": value for name, cells in results.items() for key, value in peers_results.ratios(cells).items()
    }
    print(json.dumps({"results": _plain(results), "ratios": ratios, "missing": runner.missing}))


def _plain(results: dict[str, list[Cell]]) -> dict[str, Any]:
    """Returns the cells and the differences of all data sets as plain values."""
    return {
        name: {"arms": {cell.arm: cell.to_json() for cell in cells}, "differences": _differences(cells)}
        for name, cells in results.items()
    }


def _differences(cells: Sequence[Cell]) -> dict[str, Any]:
    return {
        ours: {peer: {metric: dataclasses.asdict(found) for metric, found in by.items()} for peer, by in peers.items()}
        for ours, peers in peers_results.differences(cells, FLAGS.bootstrap).items()
    }


if __name__ == "__main__":
    program.run(main)
