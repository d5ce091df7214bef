"""The benchmark of claims: differences point by point, and refusals."""

from __future__ import annotations

import importlib
import json
import os

import pytest

from mach_tf.data.dataset_reader import DatasetReader
from mach_tf.errors import InputError
from tests.helpers import model_directory, programs


@pytest.fixture
def attribution_claims():
    programs.forget_flags()
    return importlib.import_module("benchmarks.attribution_claims")


@pytest.fixture(scope="module")
def other(world, tmp_path_factory):
    directory = str(tmp_path_factory.mktemp("other") / "model")
    os.makedirs(directory)
    model_directory.write(directory, dataset=DatasetReader.open(world.dataset).manifest, seed=3)
    return directory


def run(datasets, clean, adversarial, *flags):
    lists = zip(("dataset_dir", "clean", "adversarial"), (datasets, clean, adversarial))
    programs.run(
        "benchmarks.attribution_claims",
        *(f"--{name}={','.join(values)}" for name, values in lists),
        "--draws=2",
        *flags,
    )


def test_differences_are_those_of_the_means(attribution_claims, world, other, tmp_path, capsys):
    run([world.dataset] * 2, [world.model, other], [world.model, world.model], f"--output_dir={tmp_path}")
    same, different = found = json.loads((tmp_path / "attribution_claims.json").read_text())
    printed = capsys.readouterr().out
    assert json.loads(printed.splitlines()[-1]) == found
    assert same["points"] == same["drawn"] > different["points"] > 0
    assert same["epsilon"] == model_directory.EPSILON
    for name in attribution_claims.CLAIMED_LARGER:
        assert same["measures"][name]["difference"] == {"mean": 0, "low": 0, "high": 0}
        values = different["measures"][name]
        means = [values[key]["mean"] for key in ("adversarial", "clean", "difference")]
        assert means[0] - means[1] == pytest.approx(means[2])
    assert 0 < same["measures"]["Gini index"]["clean"]["mean"] < 1
    assert "| undecided" in printed


def test_verdicts(attribution_claims):
    larger, smaller = {"low": 0.1, "high": 0.2}, {"low": -0.2, "high": -0.1}
    assert "max-sensitivity" in attribution_claims.CLAIMED_LARGER and len(attribution_claims.CLAIMED_LARGER) > 1
    for name in attribution_claims.CLAIMED_LARGER:
        said = [attribution_claims.verdict(name, each) for each in (larger, smaller, {"low": -0.1, "high": 0.1})]
        expected = ["holds", "does not hold"] if name != "max-sensitivity" else ["does not hold", "holds"]
        assert said == [*expected, "undecided"]


def test_lists_must_have_the_same_length(world):
    with pytest.raises(InputError, match=r"one entry for each pair \(got 1, 1, 2\)"):
        run([world.dataset], [world.model], [world.model] * 2)
