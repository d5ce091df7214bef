from __future__ import annotations

import subprocess
import sys

from tests.mach_tf import sample


def _run(directory) -> subprocess.CompletedProcess:
    return subprocess.run(
        [sys.executable, "-m", "preprocess.verify", f"--dataset_dir={directory}"],
        capture_output=True,
        text=True,
        check=False,
    )


def test_says_what_is_whole_and_what_is_damaged(tmp_path):
    manifest = sample.write(str(tmp_path / "data"), train=sample.random_points(100))
    done = _run(tmp_path / "data")
    assert done.returncode == 0, done.stderr
    assert f"is whole: 100 points in 2 shards, fingerprint {manifest.fingerprint[:16]}" in done.stdout
    shard = tmp_path / "data" / manifest.splits["train"].shards[1].file
    data = bytearray(shard.read_bytes())
    data[len(data) // 2] ^= 1
    shard.write_bytes(data)
    done = _run(tmp_path / "data")
    assert done.returncode == 1
    assert f"{shard}, record " in done.stdout and "1 problem(s)" in done.stderr and "Traceback" not in done.stderr
