"""The program writes both splits, and says what the planted model reaches on them."""

from __future__ import annotations

import dataclasses
import json
import subprocess
import sys

from benchmarks import scale_data
from benchmarks.scale_shapes import SHAPES
from mach_tf.data import libsvm

SMALL = dataclasses.replace(SHAPES["amazon-670k"], points=1000, test_points=500, features=3000, labels=2000)


def test_the_program_writes_a_small_part_of_a_shape(tmp_path):
    command = [sys.executable, "-m", "benchmarks.scale_data", "--shape=wiki10-31k", "--fraction=0.01"]
    done = subprocess.run([*command, f"--output_dir={tmp_path}/new"], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert "| labels per point |" in done.stdout and "Ceiling of labels with points: P@1" in done.stdout
    result = json.loads(done.stdout.splitlines()[-1])
    planted = json.loads((tmp_path / "new" / scale_data.PLANTED_FILE).read_text())
    assert planted == {key: value for key, value in result.items() if key not in ("shape", "fraction", "seed")}
    for split, points in (("train", 141), ("test", 66)):
        header, found = libsvm.read_points(str(tmp_path / "new" / f"{split}.txt"))
        assert header == (points, 101_938, 30_938) and len(found) == points
    assert abs(result["ratios"]["features_per_point"] - 1) < 0.2
    for name, value in result["ceiling_of_labels_with_points"].items():
        assert 0 < value <= result["ceiling"][name] <= 1


def test_the_same_flags_write_the_same_bytes(tmp_path):
    contents = []
    for name, seed in (("a", 0), ("b", 0), ("c", 1)):
        (tmp_path / name).mkdir()
        scale_data.write(str(tmp_path / name), SMALL, 0.1, seed)
        contents.append([(tmp_path / name / file).read_bytes() for file in ("train.txt", "test.txt")])
    assert contents[0] == contents[1] != contents[2]
    assert contents[0][0] != contents[0][1]
