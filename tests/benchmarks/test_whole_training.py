"""A training's parts by hand, and those of a real one, which add up."""

from __future__ import annotations

import json
import time

import numpy as np
import pytest

from benchmarks import whole_training
from benchmarks.whole_training import Steps
from tests.helpers import programs, tiny


def test_the_parts_add_up():
    # Two epochs of two steps of 1 s, then of 2 s; the first steps take 3 s and 4 s more.
    first = Steps(np.array([14.0, 15.5, 20.5, 21.5]), np.array([4.0, 1.0, 1.0, 1.0]), 2)
    second = Steps(np.array([36.0, 38.0, 41.0, 43.0]), np.array([6.0, 2.0, 2.0, 2.0]), 2)
    found = whole_training.parts([first, second], 5.0, 50.0)
    assert found == {
        "bare steps": 12.0,
        "start": 5.0,
        "tracing": 7.0,
        "between steps": 0.5,
        "between epochs": 5.0,
        "export": 15.5,
        "whole": 45.0,
        "ratio": 3.75,
    }
    assert sum(list(found.values())[:-2]) == found["whole"]


def test_the_steps_of_a_training_are_read_from_its_curves(dataset, tmp_path):
    begin = time.time()
    tiny.train(dataset, str(tmp_path), epochs=2)
    groups = whole_training.read_steps(str(tmp_path))
    assert [len(group.ends) for group in groups] == [8, 8] and {group.per_epoch for group in groups} == {4}
    ends = np.concatenate([group.ends for group in groups])
    begins = ends - np.concatenate([group.seconds for group in groups])
    # The curves hold the seconds rounded to float32.
    assert begin < begins[0] and np.all(begins[1:] > ends[:-1] - 1e-3) and ends[-1] < time.time()


@pytest.mark.slow
def test_the_program(dataset, capsys):
    given = f"--dataset_dir={dataset} --epochs=2 --hidden_units=8 --buckets=8 --repetitions=2"
    programs.run("benchmarks.whole_training", f"--training={given}")
    found = json.loads(capsys.readouterr().out.splitlines()[-1])
    assert found["ratio"] > 1 and sum(list(found.values())[:-2]) == pytest.approx(found["whole"], abs=0.01)
