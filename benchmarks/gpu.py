"""Checks mach_tf on a GPU against the CPU, and measures how fast it trains there.

    python -m benchmarks.gpu

It finds the GPU, or says that there is none and measures the CPU. First everything that a GPU computes is compared with the same on
the CPU: sparse products and their gradients, the update of rows, 30 clean and 30 adversarial steps, an attack, decoding,
explanations, and a model written and loaded again. Then it measures training steps at the reference setting, one repetition and
eight side by side, clean and adversarial, in float32, TensorFloat-32 and bfloat16; the parts of a step; the input pipeline;
at Amazon-670K's size an epoch of 8 and of 32 repetitions side by side, and what a point takes to be predicted, attacked and
explained; and two replicas on one GPU that is split in two.

Each step runs in a process of its own kind, prints its outcome as soon as it has one, and fails alone. After --limit_seconds no
further step starts. The JSON object on the last line holds every outcome; "ratios" the speed-ups of precisions, of repetitions
side by side, the cost of adversarial training, and at Amazon-670K's size what was measured over what the plan estimates.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from typing import Any, Callable, Optional

import numpy as np
from absl import flags

from benchmarks import gpu_checks, gpu_parts, gpu_report, gpu_size, gpu_speed, isolated
from benchmarks.settings import SETTINGS, TINY
from mach_tf import startup
from mach_tf.programs import program

FLAGS = flags.FLAGS
flags.DEFINE_list("only", [], "Runs these steps alone; all by default. --list lists them.")
flags.DEFINE_bool("list", False, "Lists the steps and ends.")
flags.DEFINE_enum("size", "full", ["full", "tiny"], "The sizes: full for a GPU, tiny for a test of this program.")
flags.DEFINE_float("limit_seconds", 360.0, "Starts no further step after this many seconds.", lower_bound=0.0)
flags.DEFINE_float("step_seconds", 120.0, "Ends a step that takes longer than this many seconds.", lower_bound=1.0)
flags.DEFINE_string("output_file", None, "Writes the JSON object into this file too; none by default.")
flags.DEFINE_string("serve", None, "Runs these steps in this process; the program calls itself with this flag.")
flags.DEFINE_string("arrays_dir", None, "Where checks leave their arrays; the program calls itself with this flag.")

_SIZES: dict[str, dict[str, Any]] = {
    "full": {
        "check": SETTINGS["small"],
        "reference": SETTINGS["reference"],
        "small": SETTINGS["small"],
        "steps": 20,
        "large": SETTINGS["amazon-670k"],
        "epoch": {"points": 490_449, "labels": 670_091},
        "answers": {"points": 256, "labels": 670_091},
    },
    "tiny": {
        "check": TINY,
        "reference": TINY,
        "small": TINY,
        "steps": 2,
        "large": TINY,
        "epoch": {"points": 9, "labels": 30},
        "answers": {"points": 3, "labels": 30},
    },
}
_TOLERANCE = 1e-3
_GROUPS = (1, 8)
_LARGE_GROUPS = (8, 32)
_VARIANTS = {"clean": "b", "adversarial": "c"}
# Without a GPU: TensorFlow then computes all on the CPU.
_ON_CPU = {"CUDA_VISIBLE_DEVICES": "-1"}


def main(_: list[str]) -> None:
    """Runs the program."""
    if FLAGS.list:
        print("\n".join(_steps()))
    elif FLAGS.serve is not None:
        startup.prepare()
        isolated.serve(FLAGS.serve.split(","), _run)
    else:
        _measure_all(FLAGS.only or list(_steps()))


def _steps() -> dict[str, Callable[[], dict[str, Any]]]:
    """Returns every step by its name, in order; a check's arrays are compared by the process that started it."""
    sizes = _SIZES[FLAGS.size]
    steps: dict[str, Callable[[], dict[str, Any]]] = {"device": _device}
    for name, check in gpu_checks.CHECKS.items():
        steps[f"check/{name}"] = lambda name=name, check=check: _checked(name, check(sizes["check"]))  # type: ignore[misc]
    for setting, groups in (("reference", _GROUPS), ("small", (sizes["small"]["group"],))):
        for group in groups:
            for variant, letter in _VARIANTS.items():
                for precision in gpu_speed.PRECISIONS:
                    steps[f"speed/{setting}/{group}/{variant}/{precision}"] = (
                        lambda setting=setting, group=group, letter=letter, precision=precision: gpu_speed.training(  # type: ignore[misc]
                            sizes[setting], sizes["steps"], group, letter, precision
                        )
                    )
    for group in _GROUPS:
        steps[f"parts/{group}"] = lambda group=group: gpu_parts.milliseconds(sizes["reference"], group)  # type: ignore[misc]
        steps[f"input/{group}"] = lambda group=group: gpu_speed.input_rate(sizes["reference"], group, sizes["steps"])  # type: ignore[misc]
    large = sizes["large"]
    for group in _LARGE_GROUPS:
        steps[f"epoch/{group}"] = lambda group=group: gpu_size.epoch(large, group, **sizes["epoch"])  # type: ignore[misc]
    steps["answers"] = lambda: gpu_size.answers(large, large["group"], **sizes["answers"])
    steps["two_replicas"] = lambda: gpu_speed.two_replicas(sizes["small"], sizes["steps"])
    return steps


def _run(step: str) -> dict[str, Any]:
    if step.startswith("check/"):
        # The CPU has no TensorFloat-32 to compare with.
        gpu_speed.set_precision("float32")
    return _steps()[step]()


def _device() -> dict[str, Any]:
    import tensorflow as tf

    gpus = tf.config.list_physical_devices("GPU")
    details = tf.config.experimental.get_device_details(gpus[0]) if gpus else {}
    return {
        "gpu": details.get("device_name", "GPU") if gpus else None,
        "gpus": len(gpus),
        "cores": os.cpu_count(),
        "tensorflow": tf.__version__,
        "cuda": tf.sysconfig.get_build_info().get("cuda_version"),
        "matrix_product": float(tf.linalg.trace(tf.matmul(tf.eye(64), tf.eye(64)))),
    }


def _checked(name: str, arrays: gpu_checks.Arrays) -> dict[str, Any]:
    path = os.path.join(FLAGS.arrays_dir, f"{name}.npz")
    named: dict[str, Any] = {**arrays}
    np.savez(f"{path}.part.npz", **named)
    os.rename(f"{path}.part.npz", path)
    return {"arrays": sorted(arrays)}


def _measure_all(steps: Sequence[str]) -> None:
    unknown = [step for step in steps if step not in _steps()]
    if unknown:
        raise flags.IllegalFlagValueError(f"--only: {', '.join(unknown)} is no step; --list lists them.")
    end = time.monotonic() + FLAGS.limit_seconds
    found: dict[str, dict[str, Any]] = {}
    with tempfile.TemporaryDirectory() as own:
        for outcome in _outcomes([step for step in steps if step == "device"], own, end):
            found[outcome.step] = _told(outcome)
    found.update(_check_all([step for step in steps if step.startswith("check/")], end))
    with tempfile.TemporaryDirectory() as own:
        # In this order: the last one splits the GPU, in a process that has done nothing else.
        for some in ([step for step in steps if step not in found and step != "two_replicas"], ["two_replicas"]):
            for outcome in _outcomes([step for step in some if step in steps], own, end):
                found[outcome.step] = _told(outcome)
    _report(found, [step for step in steps if step not in found])


def _check_all(steps: Sequence[str], end: float) -> dict[str, dict[str, Any]]:
    """Runs checks, each beside the same one on the CPU, and compares them."""
    found: dict[str, dict[str, Any]] = {}
    with tempfile.TemporaryDirectory() as own, tempfile.TemporaryDirectory() as expected:
        reference = _reference(steps, expected) if steps else None
        try:
            for outcome in _outcomes(steps, own, end):
                found[outcome.step] = _told(outcome)
            for step in [step for step in found if not found[step]["error"]]:
                found[step] = _compared(step.split("/")[1], own, expected, reference, end)
                print(f"{step}: {json.dumps(found[step])}", flush=True)
        finally:
            if reference is not None:
                reference.kill()
                reference.wait()
    return found


def _command(arrays_dir: str) -> list[str]:
    own = [f"--size={FLAGS.size}", f"--arrays_dir={arrays_dir}", "--serve"]
    return [sys.executable, "-m", "benchmarks.gpu", *own]


def _outcomes(steps: Sequence[str], arrays_dir: str, end: float) -> Any:
    """Yields outcomes until the time is over."""
    if not steps or time.monotonic() > end:
        return
    for outcome in isolated.outcomes(_command(arrays_dir), steps, FLAGS.step_seconds):
        yield outcome
        if time.monotonic() > end:
            return


def _told(outcome: isolated.Outcome) -> dict[str, Any]:
    told = {**outcome.result, "seconds": outcome.seconds, "error": outcome.error}
    print(f"{outcome.step}: {json.dumps(told)}", flush=True)
    return told


def _reference(checks: Sequence[str], arrays_dir: str) -> subprocess.Popen[bytes]:
    """Starts the checks on the CPU, beside those on the GPU."""
    command = [*_command(arrays_dir), ",".join(checks)]
    return subprocess.Popen(
        command, env={**os.environ, **_ON_CPU}, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )


def _compared(
    name: str, own: str, expected: str, reference: Optional[subprocess.Popen[bytes]], end: float
) -> dict[str, Any]:
    """Returns the relative differences of a check's arrays from those of the CPU, and whether they are small enough."""
    path = os.path.join(expected, f"{name}.npz")
    while reference is not None and reference.poll() is None and not os.path.isfile(path) and time.monotonic() < end:
        time.sleep(0.1)
    if not os.path.isfile(path):
        return {"error": "the same check on the CPU did not end"}
    arrays = [dict(np.load(os.path.join(folder, f"{name}.npz"))) for folder in (own, expected)]
    differences = gpu_checks.difference(*arrays)
    return {
        "same": max(differences.values()) <= _TOLERANCE,
        "differences": {key: float(f"{value:.1e}") for key, value in differences.items()},
        "error": "",
    }


def _report(found: dict[str, dict[str, Any]], not_run: Sequence[str]) -> None:
    print(f"\n{gpu_report.text(found)}")
    if not_run:
        print(f"\nNot run within {FLAGS.limit_seconds:.0f} s: {', '.join(not_run)}")
    result = json.dumps({"results": found, "not_run": list(not_run), "ratios": gpu_report.ratios(found)})
    if FLAGS.output_file:
        with open(FLAGS.output_file, "w", encoding="utf-8") as file:
            file.write(result + "\n")
    print(result)


if __name__ == "__main__":
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    program.run(main)
