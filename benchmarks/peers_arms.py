"""The arms of a comparison, and how one is run: a process trains, another predicts, and what both measured is kept on disk."""

from __future__ import annotations

import dataclasses
import json
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Mapping
from typing import Any, Optional

import numpy as np

from benchmarks import peers_environments
from mach_tf import files, presets

TOP = 100
# What the files of results are called in messages.
RESULTS = "results of an arm"
_MINUTE = 60
_LAST_CHARACTERS = 300
_PROGRAM = os.path.join(os.path.dirname(__file__), "peer_programs", "peer.py")


@dataclasses.dataclass(frozen=True)
class Arm:
    """A way to train and predict.

    Attributes:
      name: its name in flags and tables.
      package: the peer's package; empty for mach_tf.
      settings: the settings that are not the package's defaults.
    """

    name: str
    package: str
    settings: Mapping[str, Any]

    @property
    def ours(self) -> bool:
        """Whether it is mach_tf."""
        return not self.package


class Failed(Exception):
    """An arm ended without a result; the message says why."""


PEERS = {
    arm.name: arm
    for arm in (
        Arm("parabel", "omikuji", {}),
        Arm("bonsai", "omikuji", {"cluster_balanced": False, "cluster_k": 100, "max_depth": 3}),
        Arm("plt", "napkinxc", {"model": "PLT"}),
        Arm("one-vs-rest", "napkinxc", {"model": "BR"}),
        Arm("xr-linear", "pecos", {}),
    )
}
_ADVERSARIAL = {"clean": 0.0, "adversarial": 1.0}
OURS = tuple(f"{plan}-{training}" for plan in ("plan", "preset") for training in _ADVERSARIAL)


def find(name: str, data_set: str, shape: str) -> Optional[Arm]:
    """Returns an arm by its name; None if it is for a preset and there is none for the data set in this shape.

    Args:
      name: a key of PEERS, or one of OURS.
      data_set: the name of the data set.
      shape: its shape; presets are for whole data sets.
    """
    if name in PEERS:
        return PEERS[name]
    plan, training = name.split("-")
    settings: dict[str, Any] = {"plan": "auto", "adversarial_weight": _ADVERSARIAL[training]}
    if plan == "preset":
        preset = next((p for p in (data_set, data_set.split("-", maxsplit=1)[0]) if p in presets.names()), None)
        if preset is None or shape != "whole":
            return None
        settings.update(plan=preset, preprocessing=preset)
    return Arm(name, "", settings)


def run(arm: Arm, data: str, output: str, seed: int, environments: str, threads: int, minutes: float) -> None:
    """Trains an arm, predicts with it, and writes OUTPUT.npz and then OUTPUT.json. Does nothing if the latter exists, with the same settings.

    A run that was interrupted after its training goes on with the trained model.

    Args:
      arm: what to run.
      data: the folder of the files that arms read.
      output: the path of the results, without ending.
      seed: mach_tf's seed; the peers have none, or one that they do not let one choose.
      environments: the folder of the peers' environments.
      threads: the number of threads, for arms that let one choose.
      minutes: how long training and predicting may take, each.

    Raises:
      peers_environments.Unavailable: the peer cannot be installed.
      Failed: a process ended without a result, or took too long.
    """
    settings = {**arm.settings, **({"seed": seed} if arm.ours else {})}
    if os.path.isfile(f"{output}.json") and files.read_json(f"{output}.json", RESULTS)["settings"] == settings:
        return
    if arm.ours:
        command = [sys.executable, "-m", "benchmarks.peers_ours"]
    else:
        command = [peers_environments.python_of(arm.package, environments), _PROGRAM]
    os.makedirs(os.path.dirname(output), exist_ok=True)
    model, measured = f"{output}.model", f"{output}.measured.json"
    request = {"package": arm.package, "settings": settings, "data": data, "model": model, "threads": threads}
    if not (os.path.isdir(model) and _is_trained(measured, settings)):
        shutil.rmtree(model, ignore_errors=True)
        _train(command, request, output, measured, minutes, prepare=arm.ours)
    predictions = f"{output}.npz"
    _run(command, {**request, "stage": "predict", "output": predictions, "top": TOP}, f"{output}.log", minutes)
    with np.load(predictions) as found:
        labels, predicting = found["labels"], {key: float(found[key]) for key in ("seconds", "cpu_seconds", "peak_mb")}
    result = {
        "arm": arm.name,
        "seed": seed,
        **files.read_json(measured, RESULTS),
        "predict": {**predicting, "milliseconds_per_point": 1000 * predicting["seconds"] / max(len(labels), 1)},
        "date": time.strftime("%Y-%m-%d %H:%M"),
    }
    # First, so that a run that is killed in what follows is done all the same.
    files.write_json(f"{output}.json", result)
    os.remove(measured)
    os.remove(f"{output}.log")
    shutil.rmtree(model)


def _is_trained(measured: str, settings: Mapping[str, Any]) -> bool:
    """Returns whether `_train` ended with these settings; its process alone leaves a file without settings."""
    return os.path.isfile(measured) and files.read_json(measured, RESULTS).get("settings") == settings


def _train(
    command: list[str], request: dict[str, Any], output: str, measured: str, minutes: float, prepare: bool
) -> None:
    """Trains an arm, and writes to `measured` the part of the result that is known then."""
    if prepare:
        _run(command, {**request, "stage": "prepare"}, f"{output}.log", minutes)
    loads = [os.getloadavg()[0]]
    wall = _run(command, {**request, "stage": "train", "output": measured}, f"{output}.log", minutes)
    loads.append(os.getloadavg()[0])
    trained = {
        "settings": request["settings"],
        "train": files.read_json(measured, RESULTS),
        "process_seconds": wall,
        "model_mb": _megabytes(request["model"]),
        "load": loads,
    }
    files.write_json(measured, trained)


def _run(command: list[str], request: dict[str, Any], log: str, minutes: float) -> float:
    """Runs a process whose output goes to a file; returns its elapsed seconds."""
    begin = time.monotonic()
    with open(log, "ab") as file:
        try:
            status = subprocess.run(
                [*command, json.dumps(request)],
                stdout=file,
                stderr=file,
                check=False,
                timeout=minutes * _MINUTE,
            ).returncode
        except subprocess.TimeoutExpired:
            raise Failed(f"{request['stage']} took longer than {minutes:g} minutes") from None
    if status:
        with open(log, encoding="utf-8", errors="replace") as text:
            last = " ".join(text.read()[-_LAST_CHARACTERS:].split())
        raise Failed(f"{request['stage']} ended with status {status}: {last}")
    return time.monotonic() - begin


def _megabytes(folder: str) -> float:
    """Returns the megabytes of the files in a folder."""
    return (
        sum(os.path.getsize(os.path.join(place, name)) for place, _, names in os.walk(folder) for name in names) / 1e6
    )
