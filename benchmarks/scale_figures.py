"""The figures of a run at scale, read from what its stages wrote: precisions, estimates, and their ratios."""

from __future__ import annotations

import json
import os
import re
from typing import Any

from benchmarks.scale_text import PLANTED_FILE
from mach_tf import files

_KS = (1, 3, 5)
_REACHED = "ceiling of labels with points"
_METRICS_FILE = "metrics.json"  # the name in mach_tf.evaluation, whose import takes TensorFlow's memory


def precisions(directory: str, peer: bool) -> dict[str, dict[str, float]]:
    """Returns P@1, P@3 and P@5 in percent: the data's ceilings, mach_tf's, and if Parabel ran, its own and ours on its test points."""
    planted = files.read_json(os.path.join(directory, "data", PLANTED_FILE), "description of the data")
    evaluation = files.read_json(os.path.join(directory, "evaluation", _METRICS_FILE), "evaluation")
    names = [f"P@{k}" for k in _KS]
    found = {
        "ceiling": {name: planted["ceiling"][name] for name in names},
        _REACHED: {name: planted["ceiling_of_labels_with_points"][name] for name in names},
        "cluster alone": {name: planted["cluster_alone"][name] for name in names},
        "mach_tf": {name: round(evaluation["metrics"][name], 2) for name in names},
    }
    if peer:
        result = _peer(directory)
        points = f"first {result['points']:,} points"
        found[f"mach_tf, {points}"] = {name: round(result["ours"][name], 2) for name in names}
        found[f"parabel, {points}"] = {name: round(result["metrics"][name], 2) for name in names}
    return found


def table(results: dict[str, dict[str, Any]]) -> str:
    """Returns the Markdown table of the stages."""
    lines = ["| stage | s | processor s | peak MB | disk MB |", "|---|---|---|---|---|"]
    for name, result in results.items():
        shown = f"{name} (resumed)" if result["resumed"] else name
        figures = (f"{result[key]:,.1f}" for key in ("seconds", "cpu_seconds", "peak_mb", "disk_mb"))
        lines.append(f"| {' | '.join([shown, *figures])} |")
    return "\n".join(lines)


def precision_table(found: dict[str, dict[str, float]]) -> str:
    """Returns the Markdown table of the precisions."""
    lines = [f"| | {' | '.join(f'P@{k}' for k in _KS)} |", "|---|---|---|---|"]
    lines += [f"| {name} | {' | '.join(f'{value:.2f}' for value in row.values())} |" for name, row in found.items()]
    return "\n".join(lines)


def precision_ratios(found: dict[str, dict[str, float]]) -> dict[str, float]:
    """Returns the precisions of each method over the ceiling of labels with points."""
    ceiling = found[_REACHED]
    return {
        f"{who}: {name}/ceiling": round(row[name] / ceiling[name], 3)
        for who, row in found.items()
        if who.startswith(("mach_tf", "parabel"))
        for name in ceiling
        if ceiling[name]
    }


def estimate_ratios(directory: str, results: dict[str, dict[str, Any]]) -> dict[str, float]:
    """Returns the time and the memory of training over their estimates, by the plan and by the training itself."""
    with open(os.path.join(directory, "plan.flags"), encoding="utf-8") as file:
        seconds = re.search(r"([\d,]+) s of training", file.read())
    memory = re.search(r"total memory, with the process\s+([\d.]+) (GB|MB)", _log(directory, "train"))
    assert seconds and memory, "Plans and trainings print their estimates."
    megabytes = float(memory[1]) * (1000 if memory[2] == "GB" else 1)
    if ranker := re.search(r"The process then needs ([\d,.]+) GB of memory", _log(directory, "plan")):
        megabytes = max(megabytes, 1000 * float(ranker[1].replace(",", "")))
    train = results["train"]
    return {
        "train: seconds/estimate": round(train["seconds"] / max(1.0, float(seconds[1].replace(",", ""))), 3),
        "train: peak/estimate": round(train["peak_mb"] / megabytes, 3),
    }


def differences(directory: str) -> str:
    """Returns a sentence: mach_tf's precisions minus Parabel's on the same points, with paired 95% intervals."""
    found = (
        f"{name} {value['difference']:+.2f} [{value['low']:+.2f}, {value['high']:+.2f}]"
        for name, value in _peer(directory)["differences"].items()
    )
    return f"mach_tf minus Parabel: {', '.join(found)}."


def peer_ratios(directory: str, results: dict[str, dict[str, Any]]) -> dict[str, float]:
    """Returns the time of training over Parabel's."""
    return {"train s: mach_tf/parabel": round(results["train"]["seconds"] / _peer(directory)["costs"]["train s"], 3)}


def _peer(directory: str) -> dict[str, Any]:
    return dict(json.loads(_log(directory, "parabel").splitlines()[-1]))


def _log(directory: str, stage: str) -> str:
    with open(os.path.join(directory, "stages", f"{stage}.log"), encoding="utf-8", errors="replace") as file:
        return file.read()
