"""A training's parts by hand, and those of a real one, which add up."""

from __future__ import annotations

import json

import numpy as np
import pytest

from benchmarks import whole_training
from benchmarks.training_steps import Steps
from tests.helpers import programs


def test_the_parts_add_up():
    # Two epochs of two steps of 1 s, then of 2 s; the first steps take 3 s and 4 s more.
    first = Steps(np.array([14.0, 15.5, 20.5, 21.5]), np.array([4.0, 1.0, 1.0, 1.0]), 2, 16)
    second = Steps(np.array([36.0, 38.0, 41.0, 43.0]), np.array([6.0, 2.0, 2.0, 2.0]), 2, 16)
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


@pytest.mark.slow
def test_the_program(dataset, capsys):
    given = f"--dataset_dir={dataset} --epochs=2 --hidden_units=8 --buckets=8 --repetitions=2"
    programs.run("benchmarks.whole_training", f"--training={given}")
    found = json.loads(capsys.readouterr().out.splitlines()[-1])
    *parts, whole = found["seconds"].values()
    assert found["ratios"]["whole/bare steps"] > 1 and sum(parts) == pytest.approx(whole, abs=0.01)
