"""The benchmark of attacks on a small random network, and on a model of a dataset."""

from __future__ import annotations

import json

import pytest

from tests.helpers import programs


@pytest.mark.parametrize("support", ["nonzero", "dense"])
def test_a_random_network(tmp_path, support, capsys):
    sizes = [
        "--features=200",
        "--labels=50",
        "--hidden_units=16",
        "--buckets=8",
        "--repetitions=2",
        "--point_features=9",
    ]
    measurement = [
        "--points=6",
        "--runs=1",
        "--attack=fgsm,strongest",
        f"--output_dir={tmp_path}",
        f"--support={support}",
    ]
    programs.run("benchmarks.attacks", *sizes, *measurement)
    found = json.loads((tmp_path / "attacks.json").read_text())
    printed = capsys.readouterr().out
    assert json.loads(printed.splitlines()[-1]) == found
    assert (found["points"], found["labels"]) == (6, 50)
    gradients = {f"gradient of the {name}" for name in ("loss", "margin", "precision")}
    assert set(found["milliseconds"]) == {"prediction", *gradients} and min(found["milliseconds"].values()) > 0
    assert found["ratios"] == {
        f"{name}/prediction": pytest.approx(found["milliseconds"][name] / found["milliseconds"]["prediction"])
        for name in gradients
    }
    assert set(found["points_per_second"]) == {"fgsm", "strongest"}
    assert min(found["points_per_second"].values()) > 0


def test_a_model_of_a_dataset(evaluated, capsys):
    arguments = [f"--dataset_dir={evaluated.dataset_dir}", f"--model_dir={evaluated.model_dir}", "--points=5"]
    programs.run("benchmarks.attacks", *arguments, "--runs=1", "--attack=fgsm")
    found = json.loads(capsys.readouterr().out.splitlines()[-1])
    assert (found["points"], found["labels"]) == (5, 30)
