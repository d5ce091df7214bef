"""Times training R repetitions as a user does: one run of all of them side by side, or R runs one after the other."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
import time
from typing import Any

import numpy as np
import scipy.sparse

import mach_tf
from benchmarks import synthetic
from mach_tf.hashing import FeatureSpec

_LABELS = 10_000


def seconds(setting: dict[str, Any], points: int, epochs: int) -> dict[str, float]:
    """Measures the wall-clock seconds of train.main as a whole program, on one synthetic dataset.

    Args:
      setting: shapes, one of settings.SETTINGS; its `group` is R.
      points: the number of training points.
      epochs: the number of passes over them.

    Returns:
      The seconds of one run, "together", and of R runs added up, "one_by_one".
    """
    repetitions = setting["group"]
    with tempfile.TemporaryDirectory() as directory:
        data = os.path.join(directory, "data")
        _write(data, setting, points)
        command = [sys.executable, "-m", "train.main", f"--dataset_dir={data}", f"--repetitions={repetitions}"]
        for flag, name in (("buckets", "buckets"), ("hidden_units", "hidden"), ("batch_size", "points")):
            command.append(f"--{flag}={setting[name]}")
        command += [f"--epochs={epochs}", "--adversarial_weight=0"]
        model = os.path.join(directory, "together")
        together = _run([*command, f"--group_size={repetitions}", f"--model_dir={model}"])
        ranges = [f"{r}:{r + 1}" for r in range(repetitions)]
        model = os.path.join(directory, "one_by_one")
        one_by_one = sum(_run([*command, f"--repetition_range={r}", f"--model_dir={model}"]) for r in ranges)
    return {"together": round(together, 1), "one_by_one": round(one_by_one, 1)}


def _run(command: list[str]) -> float:
    begin = time.perf_counter()
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    return time.perf_counter() - begin


def _write(directory: str, setting: dict[str, Any], points: int) -> None:
    """Writes a dataset whose feature and label ids are long-tailed, as in text."""
    rng = np.random.default_rng(0)

    def rows(columns: int, size: int) -> scipy.sparse.csr_matrix:
        ids = synthetic.long_tailed_rows(rng, columns, size, points)
        return synthetic.matrix(ids, np.ones_like(ids, np.float32), columns)

    features = rows(setting["columns"], setting["features"])
    mach_tf.write_dataset(features, rows(min(_LABELS, 50 * points), 5), directory, spec=FeatureSpec(dim=0))
