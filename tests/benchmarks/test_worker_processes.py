"""Two processes train together, and all end when one is killed."""

from __future__ import annotations

import json

import pytest

from tests.helpers import programs


@pytest.mark.slow
def test_two_processes_train_and_end_within_a_minute_of_a_kill(dataset, capsys):
    given = f"--dataset_dir={dataset} --epochs=150 --hidden_units=8 --buckets=8 --repetitions=1 --batch_size=16"
    programs.run("benchmarks.worker_processes", f"--training={given}", "--processes=2")
    found = json.loads(capsys.readouterr().out.splitlines()[-1])
    assert found["throughput"][0]["points per second"] > 0
    assert found["ratios"] == {}  # nothing to compare with
    (killed,) = found["killed"]
    assert killed["ended"] == 2 and killed["seconds"] < 60
    assert "but worker 1 at 127.0.0.1:" in killed["said"]


@pytest.mark.slow
def test_a_training_that_fails_is_an_error_with_its_reason(tmp_path):
    programs.forget_flags()
    from benchmarks import worker_processes

    with pytest.raises(RuntimeError, match="dataset"):
        worker_processes.throughput(1, [f"--dataset_dir={tmp_path / 'none'}", "--epochs=1"])
