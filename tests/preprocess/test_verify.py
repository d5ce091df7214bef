from __future__ import annotations

import subprocess
import sys

import pytest

from mach_tf.errors import InputError
from tests.helpers import model_directory, programs, sample
from tests.mach_tf.serving.test_contents import CONTENTS


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


def test_a_model_directory_is_checked_too(tmp_path, capsys):
    model_directory.write(str(tmp_path), repetitions=1)
    programs.run("preprocess.verify", f"--model_dir={tmp_path}")
    assert "is whole: all 1 of its repetitions" in capsys.readouterr().out
    path = tmp_path / "repetition-000" / "fingerprint.pb"
    path.write_bytes(path.read_bytes()[::-1])
    with pytest.raises(InputError, match="is damaged: 1 problem"):
        programs.run("preprocess.verify", f"--model_dir={tmp_path}")
    assert "fingerprint.pb must have the SHA-256" in capsys.readouterr().out


def test_a_servable_is_checked_too(tmp_path, capsys):
    (tmp_path / "saved_model.pb").write_bytes(b"graph")
    CONTENTS.write(str(tmp_path))
    programs.run("preprocess.verify", f"--servable={tmp_path}")
    assert "is whole: its 1 files" in capsys.readouterr().out
    (tmp_path / "saved_model.pb").write_bytes(b"Graph")
    with pytest.raises(InputError, match="is damaged: 1 problem"):
        programs.run("preprocess.verify", f"--servable={tmp_path}")
    assert "saved_model.pb is not the file" in capsys.readouterr().out


def test_one_of_the_directories_must_be_named():
    with pytest.raises(InputError, match="--dataset_dir, --model_dir or --servable is required"):
        programs.run("preprocess.verify")
