"""The benchmark of reading: on a small dataset, every epoch is read and every ratio reported."""

from __future__ import annotations

import json
import subprocess
import sys


def test_reads_every_epoch(tmp_path):
    command = [sys.executable, "-m", "benchmarks.input_pipeline", "--points=600", "--epochs=2", "--repetitions=2"]
    done = subprocess.run([*command, "--train_points_per_second=10"], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    result = json.loads(done.stdout.splitlines()[-1])
    assert result["points"] == 600 and 70 < result["features_per_point"] < 84
    assert len(result["points_per_second_by_epoch"]) == 2
    assert result["points_per_second"] == max(result["points_per_second_by_epoch"])
    assert result["cpu_microseconds_per_point"] > 0
    speed = result["points_per_second"]
    assert result["ratios"] == {
        "shuffled/in_order": round(speed / result["points_per_second_in_order"], 2),
        "from_disk/shuffled": round(result["points_per_second_from_disk"] / speed, 2),
        "with_targets_2/shuffled": round(result["points_per_second_with_targets"]["2"] / speed, 2),
        "shuffled/training": round(speed / 10, 1),
    }
