"""The files of planted data are those of the seed, and their figures are those of the files."""

from __future__ import annotations

import dataclasses

from benchmarks import scale_text
from benchmarks.scale_shapes import SHAPES

SMALL = dataclasses.replace(SHAPES["amazon-670k"], points=1000, test_points=500, features=3000, labels=2000)


def test_the_same_seed_write_the_same_bytes(tmp_path):
    contents = []
    for name, seed in (("a", 0), ("b", 0), ("c", 1)):
        (tmp_path / name).mkdir()
        scale_text.write(str(tmp_path / name), SMALL, 0.1, seed)
        contents.append([(tmp_path / name / file).read_bytes() for file in ("train.txt", "test.txt")])
    assert contents[0] == contents[1] != contents[2]
    assert contents[0][0] != contents[0][1]
