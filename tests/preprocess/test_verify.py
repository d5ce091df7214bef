from __future__ import annotations

import subprocess
import sys

import pytest

from mach_tf.errors import InputError
from tests.helpers import programs, sample


def test_says_what_is_whole_and_what_is_damaged(tmp_path, capsys):
    manifest = sample.write(str(tmp_path / "data"), train=sample.random_points(100))
    flag = f"--dataset_dir={tmp_path}/data"
    programs.run("preprocess.verify", flag)
    assert f"is whole: 100 points in 2 shards, fingerprint {manifest.fingerprint[:16]}" in capsys.readouterr().out
    shard = tmp_path / "data" / manifest.splits["train"].shards[1].file
    data = bytearray(shard.read_bytes())
    data[len(data) // 2] ^= 1
    shard.write_bytes(data)
    command = [sys.executable, "-m", "preprocess.verify", flag]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 1
    assert f"{shard}, record " in done.stdout and "1 problem(s)" in done.stderr and "Traceback" not in done.stderr


def test_a_folder_that_is_no_dataset_is_called_so(tmp_path, capsys):
    with pytest.raises(InputError, match=r"is not a dataset: it holds no dataset\.json\.$"):
        programs.run("preprocess.verify", f"--dataset_dir={tmp_path}")
    assert capsys.readouterr().out == ""
