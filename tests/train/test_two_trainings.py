"""Two trainings in one model directory at the same time, in threads of one process or in processes of their own."""

from __future__ import annotations

import os
import subprocess
import sys

import numpy as np
import pytest

from mach_tf.errors import InputError
from mach_tf.manifest import ModelManifest
from mach_tf.training import claims
from tests.helpers.processes import holding
from tests.helpers.tiny import REPETITIONS, arguments, train, weights

HOLD = """
from mach_tf.manifest import ModelManifest
from mach_tf.training import claims
with claims.claimed(sys.argv[1], ModelManifest.read(sys.argv[1]), [2], [(2,)]): hold()
"""


@pytest.mark.parametrize("changes", [{}, {"seed": 5}])
def test_the_second_training_is_told_of_the_first_before_anything_else(dataset, trained, tmp_path, changes):
    model = str(tmp_path / "model")
    claims.start(model, ModelManifest.read(trained))
    with holding(HOLD, model) as other:
        with pytest.raises(InputError, match=rf"repetition 2 must be trained by one process .* process {other.pid} on"):
            train(dataset, model, **changes)
        assert sorted(name for name in os.listdir(model) if not name.startswith(".")) == ["model.json"]


def test_a_training_beside_another_of_other_repetitions(dataset, trained, tmp_path):
    model = str(tmp_path / "model")
    claims.start(model, ModelManifest.read(trained))
    with holding(HOLD, model):
        train(dataset, model, repetition_range="0:2")
    for repetition in range(2):
        for ours, theirs in zip(weights(trained, repetition), weights(model, repetition)):
            np.testing.assert_array_equal(ours, theirs)


def test_what_was_taken_while_it_planned_is_left_alone(dataset, trained, tmp_path, monkeypatch):
    """Another training with other settings begins after the first look and before the claim."""
    model, claimed = str(tmp_path / "model"), claims.claimed

    def late(*given):
        claims.start(model, ModelManifest.read(trained))
        return claimed(*given)

    monkeypatch.setattr(claims, "claimed", late)
    with pytest.raises(InputError, match=r"bucket_spec\.seed was 0, is now 5"):
        train(dataset, model, seed=5)
    assert os.listdir(model) == ["model.json"]
    assert ModelManifest.read(model).decisive() == ModelManifest.read(trained).decisive()


@pytest.mark.slow
@pytest.mark.parametrize("seeds", [(0, 0), (0, 5), (5, 0)])
def test_started_together_one_trains_and_one_is_refused(dataset, tmp_path, seeds):
    """Whatever they do to each other, the directory holds one training, and the one that ends well has made it."""
    model = str(tmp_path / "model")
    environment = {**os.environ, "CUDA_VISIBLE_DEVICES": ""}
    processes = []
    for seed in seeds:
        command = [sys.executable, "-m", "train.main", *arguments(dataset, model, seed=seed, epochs=8)]
        processes.append(subprocess.Popen(command, stderr=subprocess.PIPE, text=True, env=environment))
    messages = [process.communicate()[1] for process in processes]
    statuses = [process.returncode for process in processes]
    assert sorted(statuses) == [0, 1], messages
    winner = statuses.index(0)
    refusal = messages[1 - winner]
    assert "Traceback" not in refusal and f"process {processes[winner].pid} on" in refusal, refusal
    assert ModelManifest.read(model).training.seed == seeds[winner]
    alone = str(tmp_path / "alone")
    train(dataset, alone, seed=seeds[winner], epochs=8)
    for repetition in range(REPETITIONS):
        for ours, theirs in zip(weights(alone, repetition), weights(model, repetition)):
            np.testing.assert_array_equal(ours, theirs)
    assert not [name for name in os.listdir(model) if name.startswith(".")]
