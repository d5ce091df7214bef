"""The program writes both splits, and says what the planted model reaches on them."""

from __future__ import annotations

import json
import subprocess
import sys

from benchmarks.scale_text import PLANTED_FILE
from mach_tf.data import libsvm


def test_the_program_writes_a_small_part_of_a_shape(tmp_path):
    command = [sys.executable, "-m", "benchmarks.scale_data", "--shape=wiki10-31k", "--fraction=0.01"]
    done = subprocess.run([*command, f"--output_dir={tmp_path}/new"], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert "| labels per point |" in done.stdout and "Ceiling of labels with points: P@1" in done.stdout
    result = json.loads(done.stdout.splitlines()[-1])
    planted = json.loads((tmp_path / "new" / PLANTED_FILE).read_text())
    assert planted == {key: value for key, value in result.items() if key not in ("shape", "fraction", "seed")}
    for split, points in (("train", 141), ("test", 66)):
        header, found = libsvm.read_points(str(tmp_path / "new" / f"{split}.txt"))
        assert header == (points, 101_938, 30_938) and len(found) == points
    assert abs(result["ratios"]["features_per_point"] - 1) < 0.2
    for name, value in result["ceiling_of_labels_with_points"].items():
        assert 1 < value <= result["ceiling"][name] <= 100  # percent
        assert (
            0 < result["cluster_alone"][name] <= result["ceiling_of_labels_with_points"][name] + 5
        )  # luck of few points
