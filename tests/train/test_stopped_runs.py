"""train.main in processes of its own: stopped, killed, and spread over workers."""

from __future__ import annotations

import contextlib
import glob
import os
import random
import re
import signal
import subprocess
import sys
import time

import numpy as np
import pytest

from tests.helpers import clusters
from tests.helpers.tiny import REPETITIONS, arguments, train, weights


@contextlib.contextmanager
def started(dataset, model, environment=None, **changes):
    """Yields the program's process, which ends with the block at the latest; its output goes to `model`.log."""
    command = [sys.executable, "-m", "train.main", *arguments(dataset, model, **changes)]
    environment = {**os.environ, "CUDA_VISIBLE_DEVICES": "", **(environment or {})}
    with open(f"{model}.log", "a") as log:
        process = subprocess.Popen(command, stdout=log, stderr=log, env=environment)
    try:
        yield process
    finally:
        process.kill()
        process.wait()


def printed(model):
    with open(f"{model}.log") as log:
        return log.read()


def checkpoints(model):
    return set(glob.glob(os.path.join(model, "checkpoints", "*", "epoch-*[0-9]")))


def await_checkpoint(model, process):
    """Waits for a new checkpoint."""
    before, new, until = checkpoints(model), set(), time.monotonic() + 600
    while not new and process.poll() is None and time.monotonic() < until:
        time.sleep(0.02)
        new = checkpoints(model) - before
    assert new, printed(model)


def interrupt(dataset, model, number, seconds, **changes):
    """Starts the program, signals it `seconds` after its first new checkpoint, and returns its exit status."""
    with started(dataset, model, **changes) as process:
        await_checkpoint(model, process)
        time.sleep(seconds)
        process.send_signal(number)
        return process.wait(timeout=600)


# Many steps in few epochs: each epoch traces its input anew, which takes longer than its steps.
LONG = {"epochs": 6, "batch_size": 4, "repetitions": 2, "checkpoint_minutes": 0.0005}


@pytest.fixture(scope="module")
def uninterrupted(dataset, tmp_path_factory):
    model = str(tmp_path_factory.mktemp("models") / "uninterrupted")
    train(dataset, model, **LONG)
    return [weights(model, repetition) for repetition in range(2)]


@pytest.mark.parametrize(
    ("number", "kills"),
    [(signal.SIGKILL, 1), (signal.SIGTERM, 1), pytest.param(signal.SIGKILL, 6, marks=pytest.mark.slow)],
)
def test_a_stopped_run_ends_with_the_same_bits(dataset, uninterrupted, tmp_path, number, kills):
    """Kills a real process at a random time after its first checkpoint, `kills` times, then finishes in this process."""
    model, rng = str(tmp_path / "broken"), random.Random(kills)
    statuses = [interrupt(dataset, model, number, rng.uniform(0, 0.5), **LONG) for _ in range(kills)]
    expected = {signal.SIGKILL: -signal.SIGKILL, signal.SIGTERM: 128 + signal.SIGTERM}[number]
    assert statuses == [expected] * kills, f"it ended before a signal; make it longer: {printed(model)}"
    train(dataset, model, **LONG)
    for repetition, straight in enumerate(uninterrupted):
        for ours, theirs in zip(straight, weights(model, repetition)):
            np.testing.assert_array_equal(ours, theirs)
    assert os.listdir(os.path.join(model, "checkpoints")) == []


@contextlib.contextmanager
def two_workers(dataset, model, **changes):
    with contextlib.ExitStack() as stack:
        workers = []
        for cluster in clusters.of(2):
            environment = {"TF_CONFIG": clusters.tf_config(cluster)}
            worker = started(dataset, model, environment, strategy="multiworker", **changes)
            workers.append(stack.enter_context(worker))
        yield workers


@pytest.mark.slow
def test_two_workers_give_what_one_process_gives(dataset, trained, tmp_path):
    model = str(tmp_path / "model")
    with two_workers(dataset, model) as workers:
        assert [worker.wait(timeout=600) for worker in workers] == [0, 0], printed(model)
    for repetition in range(REPETITIONS):
        for ours, theirs in zip(weights(trained, repetition), weights(model, repetition)):
            np.testing.assert_allclose(ours, theirs, rtol=1e-3, atol=1e-4)


@pytest.mark.slow
def test_a_signal_to_one_of_two_workers_stops_both(dataset, uninterrupted, tmp_path):
    model = str(tmp_path / "model")
    with two_workers(dataset, model, **LONG) as workers:
        await_checkpoint(model, workers[0])
        workers[1].send_signal(signal.SIGTERM)
        assert [worker.wait(timeout=600) for worker in workers] == [143, 143], printed(model)
    with two_workers(dataset, model, **LONG) as workers:
        assert [worker.wait(timeout=600) for worker in workers] == [0, 0], printed(model)
    for repetition, straight in enumerate(uninterrupted):
        for ours, theirs in zip(straight, weights(model, repetition)):
            np.testing.assert_allclose(ours, theirs, rtol=1e-3, atol=1e-4)


@pytest.mark.slow
@pytest.mark.parametrize("gone", range(2))
def test_the_death_of_one_of_two_workers_is_said_by_the_other(dataset, tmp_path, gone):
    model = str(tmp_path / "model")
    with two_workers(dataset, model, **{**LONG, "epochs": 2000}) as workers:
        await_checkpoint(model, workers[0])
        workers[gone].kill()
        assert workers[1 - gone].wait(timeout=600) == 1
    told = printed(model)
    assert re.search(rf"error: All workers must train to the end, but worker {gone} at \S+ has ended", told), told
