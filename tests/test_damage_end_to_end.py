"""A damaged shard met by every program that reads shards: one message that names shard and record, and status 1."""

from __future__ import annotations

import os
import pathlib
import shutil
import struct
import subprocess
import sys
from typing import NamedTuple

import pytest

from mach_tf.errors import InputError
from tests.helpers import programs
from tests.helpers import world as worlds

_RECORD = 7
_TRAINING = ["--buckets=8", "--repetitions=2", "--hidden_units=4", "--epochs=1", "--batch_size=4"]
# Program, the split it reads, and its flags beside dataset_dir and model_dir.
_READERS = {
    "train.main": ("train", _TRAINING),
    "eval.main": ("test", ["--output_dir=out"]),
    "eval.robustness": ("test", ["--output_dir=out", "--attack=fgsm", "--epsilon=0.1"]),
    "explain.main": ("train", ["--output_dir=out", "--points=0", "--baseline=mean"]),
    "explain.faithfulness": ("test", ["--output_dir=out"]),
}


class Damaged(NamedTuple):
    """The command line of a program, and what its message must say."""

    program: str
    flags: list[str]
    message: str


def _spoil(path: pathlib.Path) -> int:
    """Flips a bit in the middle of a record's message; returns the byte at which the record begins."""
    data = bytearray(path.read_bytes())
    begin = 0
    for _ in range(_RECORD):  # length, its CRC, message, its CRC
        begin += 16 + struct.unpack_from("<Q", data, begin)[0]
    data[begin + 12 + struct.unpack_from("<Q", data, begin)[0] // 2] ^= 8
    path.write_bytes(data)
    return begin


@pytest.fixture(scope="module")
def spoilt(tmp_path_factory):
    """A world whose shards are damaged, and where the damage begins in each."""
    world = worlds.make(str(tmp_path_factory.mktemp("spoilt")))
    shards = {split: pathlib.Path(world.dataset, f"{split}-00000-of-00001.tfrecord") for split in ("train", "test")}
    return world, {split: (shard, _spoil(shard)) for split, shard in shards.items()}


@pytest.fixture(params=_READERS)
def damaged(request, spoilt, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    world, shards = spoilt
    split, flags = _READERS[request.param]
    model = "new_model" if request.param == "train.main" else world.model
    places = [f"--dataset_dir={world.dataset}", f"--model_dir={model}"]
    if request.param == "explain.main":
        places.append(f"--input={world.text}")
    shard, begin = shards[split]
    return Damaged(
        request.param, [*places, *flags], f"{shard}, record {_RECORD} (byte {begin}): a record must be whole"
    )


def test_the_error_names_shard_and_record(damaged):
    with pytest.raises(InputError) as caught:
        programs.run(damaged.program, *damaged.flags)
    assert str(caught.value).startswith(damaged.message)


@pytest.mark.slow  # each starts TensorFlow anew
def test_the_program_ends_with_that_message_alone(damaged, request):
    command = [sys.executable, "-m", damaged.program, *damaged.flags]
    done = subprocess.run(
        command,
        capture_output=True,
        text=True,
        check=False,
        env={**os.environ, "PYTHONPATH": str(request.config.rootpath)},
    )
    assert done.returncode == 1, done.stderr
    last = done.stderr.strip().splitlines()[-1]
    assert last.startswith(f"error: {damaged.message}") and "Traceback" not in done.stderr


# Programs that open a model, and their flags beside model_dir.
_OPENERS = {
    "eval.main": ["--dataset_dir={0.dataset}", "--output_dir=out"],
    "eval.predict": ["--input={0.text}", "--output=out"],
    "eval.robustness": ["--dataset_dir={0.dataset}", "--output_dir=out", "--attack=fgsm", "--epsilon=0.1"],
    "explain.main": ["--dataset_dir={0.dataset}", "--output_dir=out", "--input={0.text}"],
    "explain.faithfulness": ["--dataset_dir={0.dataset}", "--output_dir=out"],
}


@pytest.mark.parametrize("program", _OPENERS)
def test_a_flipped_bit_of_a_model_is_found_by_the_full_check(world, tmp_path, monkeypatch, program):
    monkeypatch.chdir(tmp_path)
    shutil.copytree(world.model, "model")
    path = pathlib.Path("model/repetition-001/saved_model.pb")
    data = bytearray(path.read_bytes())
    data[100] ^= 1
    path.write_bytes(data)
    flags = ["--model_dir=model", "--verify=full", *(flag.format(world) for flag in _OPENERS[program])]
    with pytest.raises(InputError, match=r"repetition-001/saved_model\.pb must have the SHA-256"):
        programs.run(program, *flags)
    assert not os.path.exists("out"), "nothing is written before the model is known to be whole"
