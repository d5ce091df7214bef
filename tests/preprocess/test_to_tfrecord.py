"""The program through its flags, each time in a process of its own; what it survives is tested by doing it."""

from __future__ import annotations

import lzma
import os
import pathlib
import re
import resource
import signal
import subprocess
import sys
import tempfile
import time
from typing import Any

import numpy as np
import pytest

from mach_tf.data import records, verification
from mach_tf.hashing import FeatureSpec
from mach_tf.manifest import DatasetManifest
from tests.helpers import sample

LINES = ["1,2 3:0.5 4:1.5", " 0:2", "3 1:1", "0 2:-1 7:1", "2 5:3"]


def _write(path, lines=LINES, header: str = "") -> str:
    path.write_text("".join(f"{line}\n" for line in [header or f"{len(lines)} 8 5", *lines]))
    return str(path)


def _long(path, points: int = 60_000) -> str:
    """A file that keeps the program busy for a moment."""
    return _write(path, [f"{i % 5} " + " ".join(f"{j}:0.{i}{j}" for j in range(8)) for i in range(points)])


def _command(*flags: str) -> list[str]:
    return [sys.executable, "-m", "preprocess.to_tfrecord", *flags]


def _run(*flags: str, **options: Any) -> subprocess.CompletedProcess:
    return subprocess.run(_command(*flags), capture_output=True, text=True, check=False, **options)


def _assert_whole(directory, points: int) -> None:
    assert list(verification.problems(str(directory))) == []
    assert DatasetManifest.read(str(directory)).split("train").points == points


def test_all_flags(tmp_path):
    first = _write(tmp_path / "a1.txt", [*LINES, "oops"])
    (tmp_path / "a2.txt").write_bytes(lzma.compress(("5 8 5\r\n" + "\r\n".join(LINES)).encode()))
    test = _write(tmp_path / "b.txt", LINES[:2])
    (tmp_path / "x.txt").write_text("2 8\n1:1\n2:1\n")
    (tmp_path / "y.txt").write_text("2 5\n0:1 4:1\n\n")
    for name, count in (("features", 8), ("labels", 5)):
        (tmp_path / name).write_text("".join(f"{name} {i}\n" for i in range(count)))
    done = _run(
        f"--train={tmp_path}/a*.txt",
        f"--test={test}",
        f"--valid_features={tmp_path}/x.txt",
        f"--valid_labels={tmp_path}/y.txt",
        f"--output_dir={tmp_path}/out",
        "--feature_hash_dim=4",
        "--hash_seed=7",
        "--signed_hash",
        "--feature_norm=none",
        "--points_per_shard=3",
        "--workers=2",
        "--on_bad_line=skip",
        f"--feature_names={tmp_path}/features",
        f"--label_names={tmp_path}/labels",
    )
    assert done.returncode == 0, done.stderr
    out = str(tmp_path / "out")
    manifest = DatasetManifest.read(out)
    assert list(verification.problems(out)) == []
    assert manifest.feature_spec == FeatureSpec(4, 7, True, "none")
    assert {name: split.points for name, split in manifest.splits.items()} == {"train": 10, "valid": 2, "test": 2}
    assert [source.path for source in manifest.splits["train"].sources] == [first, f"{tmp_path}/a2.txt"]
    assert manifest.splits["train"].shards[3].file == "train-00003-of-00004.tfrecord"
    assert manifest.read_label_names(out) == [f"labels {i}" for i in range(5)]
    assert manifest.label_counts(out).tolist() == [2, 2, 4, 2, 0]
    assert records.read_points(out, manifest, "valid").label_ids.tolist() == [0, 4]
    raw = sample.Points(
        np.array([0, 2]), np.array([3, 4]), np.array([0.5, 1.5], np.float32), np.array([0, 2]), np.array([1, 2])
    )
    sample.assert_same(records.read_points(out, manifest, "train", 1), manifest.feature_spec.apply(raw))
    assert (tmp_path / "out" / "skipped.txt").read_text().startswith(f"{first}, line 7: labels must be ids")
    table = done.stdout
    assert "1 bad line(s) skipped, listed in skipped.txt" in table
    assert re.search(r" points/s, \d[\d,]*\.\d kB/s; ", table)
    row = next(line.split() for line in table.splitlines() if line.startswith("train"))
    split = manifest.splits["train"]
    assert row == ["train", "10", "1.00", "1.40", f"{split.features / 10:.2f}", str(14 - split.features), "4"]
    assert "8 features in 4 columns (8 share" in table or "share a column with another" in table


@pytest.mark.parametrize(
    ("flags", "rule"),
    [
        ([], "At least one of --train, --valid, --test"),
        (["--train=none*.txt"], "--train must name a file or a glob that matches one (got 'none*.txt')"),
        (["--train=.", "--test=in.txt"], "must be a file"),
        (["--train_features=in.txt"], "--train_features and --train_labels must name equally many files (got 1 and 0)"),
        (["--train=in.txt", "--feature_names=none"], "No such file"),
        (
            ["--train=in.txt", "--beam_options=--x"],
            "--beam_options must come with a runner, which they configure (got '--x' alone)",
        ),
        (
            ["--train=in.txt", "--runner=DirectRunner", "--workers=2"],
            "--workers must be left out with a runner: they are threads of this process",
        ),
        (["--train=bad.txt"], "leave such lines out: --on_bad_line=skip"),
        (["--train=bad.txt"], "bad.txt, line 3: an id must not be negative (got '-3:1'). Correct it"),
        (["--train=in.txt", "--output_dir=in.txt"], "The output directory in.txt is a file"),
    ],
)
def test_refusals_are_one_line_and_leave_nothing(tmp_path, flags, rule):
    _write(tmp_path / "in.txt")
    _write(tmp_path / "bad.txt", ["1 2:3", "1 -3:1"])
    before = sorted(os.listdir(tmp_path))
    done = _run("--output_dir=out", *flags, cwd=tmp_path)
    message = done.stderr.splitlines()[-1]
    assert done.returncode == 1 and message.startswith("error: ") and rule in message and "Traceback" not in done.stderr
    assert sorted(os.listdir(tmp_path)) == before


def test_overwrite_must_be_asked_for(tmp_path):
    source = _write(tmp_path / "in.txt")
    flags = [f"--train={source}", f"--output_dir={tmp_path}/out"]
    assert _run(*flags).returncode == 0
    done = _run(*flags, "--feature_hash_dim=3")
    assert done.returncode == 1 and "must not hold a dataset" in done.stderr
    assert DatasetManifest.read(f"{tmp_path}/out").columns == 50_000
    assert _run(*flags, "--feature_hash_dim=3", "--overwrite").returncode == 0
    assert DatasetManifest.read(f"{tmp_path}/out").columns == 3
    assert sorted(os.listdir(tmp_path)) == ["in.txt", "out"]


@pytest.mark.parametrize("old", [False, pytest.param(True, marks=pytest.mark.slow)])
def test_kill_9_at_any_moment(tmp_path, old):
    """Killed again and again, a little later each time, until a run gets to its end."""
    source = _long(tmp_path / "in.txt")
    flags = [f"--train={source}", f"--output_dir={tmp_path}/out", "--points_per_shard=1000", "--overwrite"]
    if old:
        assert _run(f"--train={_write(tmp_path / 'old.txt')}", f"--output_dir={tmp_path}/out").returncode == 0
    killed_while_writing = 0
    for _ in range(12):
        with subprocess.Popen(_command(*flags), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as process:
            while process.poll() is None and not _in_work(tmp_path):
                time.sleep(0.002)
            time.sleep(0.02 * killed_while_writing)
            process.send_signal(signal.SIGKILL)
        if process.returncode == 0:
            if killed_while_writing:
                break
            continue  # this process came too late
        killed_while_writing += bool(_in_work(tmp_path))
        if (tmp_path / "out").exists():
            _assert_whole(tmp_path / "out", len(LINES) if _in_work(tmp_path) else 60_000)
    assert killed_while_writing >= 1
    done = _run(*flags)  # clears away what the last one left
    assert done.returncode == 0, done.stderr
    _assert_whole(tmp_path / "out", 60_000)
    assert not _in_work(tmp_path)


def _in_work(directory) -> list[pathlib.Path]:
    """What the folders hold in which a run works, or a killed one worked."""
    return list(pathlib.Path(directory).glob("out.*.partial/new"))


def _limit_file_size() -> None:
    resource.setrlimit(resource.RLIMIT_FSIZE, (200_000, 200_000))


@pytest.mark.parametrize("old", [False, True])
def test_a_disk_that_takes_no_more(tmp_path, old):
    source = _long(tmp_path / "in.txt", 20_000)
    if old:
        assert _run(f"--train={_write(tmp_path / 'old.txt')}", f"--output_dir={tmp_path}/out").returncode == 0
    done = _run(f"--train={source}", f"--output_dir={tmp_path}/out", "--overwrite", preexec_fn=_limit_file_size)
    assert done.returncode == 1 and done.stderr.startswith(f"error: {tmp_path}/out: [Errno 27] File too large")
    _assert_as_it_was(tmp_path / "out", old, done.stderr)


def _assert_as_it_was(directory, old: bool, message: str) -> None:
    assert not list(directory.parent.glob("out.*"))
    assert "Traceback" not in message
    if old:
        _assert_whole(directory, len(LINES))
        assert message.strip().endswith(f"The dataset at {directory} is as it was.")
    else:
        assert not directory.exists()
        assert message.strip().endswith("No dataset was made.")


@pytest.fixture
def small_disk(tmp_path):
    """A file system that holds two megabytes."""
    place = tmp_path / "disk"
    place.mkdir()
    try:
        subprocess.run(
            ["mount", "-t", "tmpfs", "-o", "size=2m", "tmpfs", str(place)], check=True, capture_output=True, text=True
        )
    except (OSError, subprocess.CalledProcessError) as error:
        pytest.skip(f"mounting a file system is not permitted here: {error}")
    yield place
    subprocess.run(["umount", str(place)], check=True)


@pytest.mark.parametrize("old", [False, True])
def test_a_full_disk(tmp_path, small_disk, old):
    source = _long(tmp_path / "in.txt", 30_000)  # some 3.5 MB of records
    out = small_disk / "out"
    if old:
        assert _run(f"--train={_write(tmp_path / 'old.txt')}", f"--output_dir={out}").returncode == 0
    flags = [f"--train={source}", f"--output_dir={out}", "--overwrite", "--points_per_shard=5000"]
    done = _run(*flags)
    assert done.returncode == 1 and done.stderr.startswith(f"error: {out}: [Errno 28] No space left on device")
    _assert_as_it_was(out, old, done.stderr)
    assert os.listdir(small_disk) == (["out"] if old else [])
    subprocess.run(["mount", "-o", "remount,size=20m", str(small_disk)], check=True)
    assert _run(*flags).returncode == 0
    _assert_whole(out, 30_000)


# The administrator may write everywhere: the program becomes a user who may not, once everything is imported.
_AS_NOBODY = """
import os, sys
from mach_tf.programs import program
from mach_tf.data import libsvm
from preprocess import to_tfrecord
from mach_tf.data import conversion
conversion.convert({"train": [libsvm.TextInput(sys.argv[1])]}, sys.argv[2], conversion.Options())
if os.geteuid() == 0:
    os.seteuid(65534)
sys.argv = ["to_tfrecord", f"--train={sys.argv[1]}", f"--output_dir={sys.argv[3]}"]
program.run(to_tfrecord.main)
"""


def test_a_directory_that_must_not_be_written():
    # Not tmp_path: its parents are closed to other users.
    with tempfile.TemporaryDirectory() as name:
        directory = pathlib.Path(name)
        directory.chmod(0o755)
        source = _write(directory / "in.txt")
        closed = directory / "closed"
        closed.mkdir()
        closed.chmod(0o555)
        script = [sys.executable, "-c", _AS_NOBODY, source, str(directory / "warm"), str(closed / "out")]
        done = subprocess.run(script, capture_output=True, text=True, check=False)
        assert done.returncode == 1, done.stderr
        assert "error: [Errno 13] Permission denied" in done.stderr and "Traceback" not in done.stderr
        assert not os.listdir(closed)


def test_a_source_that_grows_while_it_is_read(tmp_path):
    source = _long(tmp_path / "in.txt", 200_000)
    with subprocess.Popen(
        _command(f"--train={source}", f"--output_dir={tmp_path}/out"), stderr=subprocess.PIPE, text=True
    ) as process:
        while process.poll() is None and not list(tmp_path.glob("out.*.partial/new/*")):  # it has read the first block
            time.sleep(0.002)
        with open(source, "a") as file:
            file.write("1 2:3\n")
        _, message = process.communicate()
    assert process.returncode == 1 and "changed while it was read" in message
    assert message.strip().endswith("No dataset was made.")
    assert sorted(os.listdir(tmp_path)) == ["in.txt"]


def test_help_needs_no_tensorflow():
    done = subprocess.run(
        [sys.executable, "-X", "importtime", "-m", "preprocess.to_tfrecord", "--help"],
        capture_output=True,
        text=True,
        check=False,
    )
    assert "mach-preprocess --train=" in done.stdout and "--points_per_shard" in done.stdout
    assert "| tensorflow" not in done.stderr
