"""A disk that is full at every stage of every program; then there is room, and the same command gives the right result."""

from __future__ import annotations

import hashlib
import os
import pathlib
import re
import shutil

import numpy as np
import pytest

from mach_tf.errors import InputError
from mach_tf.training import group_training
from tests.helpers import programs
from tests.helpers.full_disk import limited_files, small_disk

# What differs between two right runs: moments, durations, names of hosts; and PNG and npz files by the time in them.
_NOT_COMPARED = re.compile(
    r"tensorboard/|\.pb$|variables\.|manifest|model\.json|servable\.json|repetition\.json|files\.json|metrics\.json"
)
_MOST_LIMITS = 8
_ATTACK = ["--attack=fgsm", "--epsilon=0.1", "--bootstrap=10", "--limit=5"]
_TRAIN = ["--buckets=8", "--repetitions=2", "--hidden_units=16", "--epochs=2", "--batch_size=4", "--group_size=1"]
_MODEL = ["--dataset_dir={dataset}", "--model_dir={model}", "--output_dir={out}"]
STAGES = {
    "preprocess": ("preprocess.to_tfrecord", ["--train={text}", "--points_per_shard=3", "--output_dir={out}/data"]),
    "train": ("train.main", ["--dataset_dir={dataset}", "--model_dir={out}/model", "--strategy=one_device", *_TRAIN]),
    "predict": ("eval.predict", ["--model_dir={model}", "--input={text}", "--output={out}/out.txt"]),
    "eval": ("eval.main", [*_MODEL, *_ATTACK]),
    "robustness": ("eval.robustness", [*_MODEL, *_ATTACK]),
    "explain": ("explain.main", [*_MODEL, "--input={text}", "--points=0-3"]),
    "explain all": ("explain.main", [*_MODEL, "--input={text}", "--labels=all"]),
    "faithfulness": ("explain.faithfulness", [*_MODEL, "--sample_points=3"]),
    "export": ("train.export", ["--model_dir={model}", "--output_dir={out}/servables/demo/1"]),
    "plan": ("train.plan", ["--dataset_dir={dataset}", "--output={out}/plan.flags", "--gflops=10", "--bandwidth=10"]),
}


def _run(world, out, stage):
    module, flags = STAGES[stage]
    os.makedirs(out, exist_ok=True)
    programs.run(module, *(flag.format(**world._asdict(), out=out) for flag in flags))


def _files(out) -> dict[str, tuple[int, str]]:
    """The size and hash of every file."""
    found = {}
    for path in sorted(pathlib.Path(out).rglob("*")):
        if path.is_file():
            content = path.read_bytes()
            found[str(path.relative_to(out))] = len(content), hashlib.sha256(content).hexdigest()
    return found


def _assert_right(out, expected):
    """Nothing is missing, nothing is left over, and what does not depend on the moment is the same."""
    found = _files(out)
    names = {name for name in found if "tensorboard/" not in name}
    assert names == {name for name in expected if "tensorboard/" not in name}
    for name in names:
        if not _NOT_COMPARED.search(name):
            assert found[name] == expected[name], name


def _fill(world, out, stage):
    """Runs a stage on a disk that takes no more; returns the message, None if it was done in spite of it."""
    try:
        _run(world, out, stage)
    except (InputError, OSError) as error:
        # What programs make one line of; anything else is a traceback.
        return str(error)
    return None


@pytest.fixture
def without_curves(monkeypatch):
    """TensorBoard's writer has tests of its own."""
    monkeypatch.setattr(group_training, "_curves", lambda *_: [])


@pytest.mark.slow
@pytest.mark.parametrize("stage", STAGES)
def test_files_that_cannot_grow(world, tmp_path, without_curves, stage):
    """The limit lies below one file of the result after the other, so that each is the one that does not fit."""
    _run(world, tmp_path / "expected", stage)
    expected = _files(tmp_path / "expected")
    failed, limits = 0, sorted({size - 1 for name, (size, _) in expected.items() if "tensorboard/" not in name})
    for limit in limits[:: -(-len(limits) // _MOST_LIMITS)]:
        with limited_files(limit):
            message = _fill(world, tmp_path / "out", stage)
        failed += message is not None
        assert message is None or "File too large" in message or re.search("written|disk", message), message
        assert not list((tmp_path / "out").rglob("*.tmp")) and not list((tmp_path / "out").rglob("*.partial"))
    assert failed >= 1
    _run(world, tmp_path / "out", stage)
    _assert_right(tmp_path / "out", expected)


@pytest.mark.slow
@pytest.mark.parametrize("stage", STAGES)
def test_a_full_file_system(world, tmp_path, without_curves, stage):
    """A file takes all room but a part; with more room from try to try, until the command succeeds."""
    _run(world, tmp_path / "expected", stage)
    expected = _files(tmp_path / "expected")
    disk = tmp_path / "disk"
    disk.mkdir()
    total = sum(size for size, _ in expected.values())
    with small_disk(str(disk), 64):
        failed = 0
        for share in (0, 0.3, 0.6, 0.9):
            _leave(disk, int(share * total))
            message = _fill(world, disk / "out", stage)
            failed += message is not None
            assert message is None or re.search("No space left|written|disk", message), message
            (disk / "filler").unlink()
            if message is None:
                break
        else:
            _run(world, disk / "out", stage)
        assert failed >= 1
        _assert_right(disk / "out", expected)


def _leave(disk, size):
    """Fills a file system but for a number of bytes, in whole pages."""
    free = shutil.disk_usage(disk).free
    with open(disk / "filler", "wb") as file:
        file.write(bytes(max(0, free - 4096 * -(-size // 4096))))


@pytest.mark.slow
def test_a_training_that_met_a_full_disk_ends_with_the_same_weights(world, tmp_path, without_curves):
    from mach_tf.network import Network

    _run(world, tmp_path / "expected", "train")
    for limit in (300, 3000, 10_000):
        with limited_files(limit):
            assert _fill(world, tmp_path / "out", "train") is not None
    _run(world, tmp_path / "out", "train")
    networks = [Network.load(str(tmp_path / name / "model")) for name in ("expected", "out")]
    for ours, theirs in zip(networks[0].repetitions, networks[1].repetitions):
        for one, other in zip(ours.weights, theirs.weights):
            np.testing.assert_array_equal(np.asarray(one), np.asarray(other))


def test_the_helpers_make_a_disk_that_takes_no_more(tmp_path):
    with limited_files(10), pytest.raises(OSError, match="File too large"):
        (tmp_path / "file").write_bytes(bytes(11))
    (tmp_path / "file").write_bytes(bytes(11))
