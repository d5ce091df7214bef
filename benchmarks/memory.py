"""Measures the memory that train.main needs at the reference setting: for a whole run, a stopped run and its resumption.

    python -m benchmarks.memory

Writes a dataset of Amazon-670K's shape and trains one repetition of 50,000 x 4,096 x 2,000 for two short epochs, which include
everything a run does: initial values, steps, validation, writing and restoring a checkpoint, export. The JSON object on the last line
holds the peak resident bytes of each process. "ratios" compares the highest peak with the limit, 1.3 x (weights + moments) + 1 GB, and
with the estimate of mach_tf.sizing.memory_plan.
"""

from __future__ import annotations

import glob
import json
import os
import signal
import subprocess
import sys
import tempfile
import time

from absl import flags

from benchmarks.synthetic import write_synthetic
from mach_tf.programs import program
from mach_tf.sizing import memory_plan
from mach_tf.sizing.memory_plan import Shapes
from mach_tf.training_config import TrainingConfig

flags.DEFINE_integer("points", 3072, "The number of training points.", 1)
flags.DEFINE_integer("columns", 50_000, "D, the number of features after hashing.", 1)
flags.DEFINE_integer("hidden_units", 4096, "The number of hidden units.", 1)
flags.DEFINE_integer("buckets", 2000, "B, the number of buckets.", 2)
flags.DEFINE_list("extra", [], "Passes these flags on to train.main, each as NAME=VALUE.")

FLAGS = flags.FLAGS
_BATCH = 256


def main(argv: list[str]) -> None:
    """Runs the program."""
    del argv
    with tempfile.TemporaryDirectory() as directory:
        data = _dataset(directory)
        peaks = {"whole": _peak(_start(data, os.path.join(directory, "whole")))}
        stopped = os.path.join(directory, "stopped")
        process = _start(data, stopped)
        _await_checkpoint(stopped, process)
        process.send_signal(signal.SIGTERM)
        peaks["stopped"] = _peak(process, 128 + signal.SIGTERM)
        peaks["resumed"] = _peak(_start(data, stopped))
    config = TrainingConfig(hidden_units=FLAGS.hidden_units, batch_size=_BATCH)
    plan = memory_plan.plan(config, Shapes(FLAGS.columns, FLAGS.buckets, 76.0), 1)
    allowed = 1.3 * (plan.weights + plan.slots) + 1e9
    print(
        json.dumps(
            {
                "peak_bytes": peaks,
                "planned_bytes": plan.total,
                "allowed_bytes": int(allowed),
                "ratios": {
                    "peak/allowed": round(max(peaks.values()) / allowed, 3),
                    "peak/planned": round(max(peaks.values()) / plan.total, 3),
                },
            }
        )
    )


def _dataset(directory: str) -> str:
    """Writes a dataset of Amazon-670K's shape; returns its directory."""
    text = {split: os.path.join(directory, f"{split}.txt") for split in ("train", "valid")}
    write_synthetic(text["train"], FLAGS.points)
    write_synthetic(text["valid"], 256, seed=1)
    data = os.path.join(directory, "data")
    inputs = [f"--{split}={path}" for split, path in text.items()]
    command = [sys.executable, "-m", "preprocess.to_tfrecord", f"--output_dir={data}", *inputs]
    subprocess.run([*command, f"--feature_hash_dim={FLAGS.columns}"], check=True, stdout=subprocess.DEVNULL)
    return data


def _start(data: str, model: str) -> subprocess.Popen:
    settings = {
        "dataset_dir": data,
        "model_dir": model,
        "repetitions": 1,
        "buckets": FLAGS.buckets,
        "hidden_units": FLAGS.hidden_units,
        "batch_size": _BATCH,
        "epochs": 2,
    }
    command = [sys.executable, "-m", "train.main", *(f"--{name}={value}" for name, value in settings.items())]
    return subprocess.Popen([*command, *(f"--{extra}" for extra in FLAGS.extra)], stdout=subprocess.DEVNULL)


def _await_checkpoint(model: str, process: subprocess.Popen) -> None:
    """Waits until the checkpoint of the first epoch is complete or the process has ended."""
    while not _ended(process) and not [
        path for path in glob.glob(os.path.join(glob.escape(model), "checkpoints", "*", "*")) if path[-4:] != ".tmp"
    ]:
        time.sleep(0.05)


def _ended(process: subprocess.Popen) -> bool:
    """Whether the process has ended. It can still be waited for, which tells what it used only once."""
    return os.waitid(os.P_PID, process.pid, os.WEXITED | os.WNOHANG | os.WNOWAIT) is not None


def _peak(process: subprocess.Popen, expected: int = 0) -> int:
    """Waits for a process and returns its peak resident bytes; exits unless its status is the expected one."""
    _, status, usage = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode != expected:
        sys.exit(f"train.main must end with status {expected} (got {process.returncode}).")
    return usage.ru_maxrss * 1024


if __name__ == "__main__":
    program.run(main)
