"""The benchmark of claims: differences point by point, and refusals."""

from __future__ import annotations

import importlib
import json
import os

import pytest
from absl.testing import flagsaver

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
    found = json.loads((tmp_path / "attribution_claims.json").read_text())
    same, different = found["pairs"]
    printed = capsys.readouterr().out
    assert json.loads(printed.splitlines()[-1]) == found
    assert [row["measure"] for row in found["over_pairs"]] == list(attribution_claims.CLAIMED_LARGER)
    assert found["ratios"] == attribution_claims.ratios(found["pairs"])
    assert same["points"] == same["drawn"] > different["points"] > 0
    assert same["epsilon"] == model_directory.EPSILON
    for name in attribution_claims.CLAIMED_LARGER:
        assert same["measures"][name]["difference"] == {"mean": 0, "low": 0, "high": 0}
        values = different["measures"][name]
        means = [values[key]["mean"] for key in ("adversarial", "clean", "difference")]
        assert means[0] - means[1] == pytest.approx(means[2])
    assert 0 < same["measures"]["Gini index"]["clean"]["mean"] < 1
    assert "| no difference seen: +0.0%" in printed
    # The data set stands there twice, so that both pairs are summed up.
    repeated = [line for line in printed.splitlines() if "| 2 " in line]
    assert len(repeated) == len(attribution_claims.CLAIMED_LARGER)
    assert sorted(os.listdir(tmp_path)) == ["attribution_claims.json"]


def test_a_stopped_run_goes_on(attribution_claims, world, other, tmp_path, capsys, monkeypatch):
    """The second time with one more pair, whose clean model is the adversarial one of the first."""
    measure, made = attribution_claims._measures, []

    def stop_at_the_second(model, *rest):
        made.append(model.model_dir)
        if len(made) == 2:
            raise KeyboardInterrupt
        return measure(model, *rest)

    monkeypatch.setattr(attribution_claims, "_measures", stop_at_the_second)

    def start(directory, *pairs):
        lists = (f"--{name}={','.join(paths)}" for name, paths in zip(("clean", "adversarial"), zip(*pairs)))
        arguments = [f"--dataset_dir={','.join([world.dataset] * len(pairs))}", *lists, "--draws=2"]
        with flagsaver.flagsaver():
            attribution_claims.FLAGS(["program", *arguments, f"--output_dir={directory}"])
            attribution_claims.main([])

    first, second = (other, world.model), (world.model, other)
    with pytest.raises(KeyboardInterrupt):
        start(tmp_path / "one", first)
    start(tmp_path / "one", first, second)
    assert made == [other, world.model, world.model, world.model, other]
    monkeypatch.setattr(attribution_claims, "_measures", measure)
    start(tmp_path / "two", first, second)
    one, two = ((tmp_path / name / "attribution_claims.json").read_text() for name in ("one", "two"))
    assert one == two
    assert capsys.readouterr().out


def test_verdicts(attribution_claims):
    larger, smaller, either = ({"mean": m, "low": m - 0.1, "high": m + 0.1} for m in (0.2, -0.2, 0.05))
    assert "max-sensitivity" in attribution_claims.CLAIMED_LARGER and len(attribution_claims.CLAIMED_LARGER) > 1
    for name in attribution_claims.CLAIMED_LARGER:
        said = [attribution_claims.verdict(name, 0.5, each) for each in (larger, smaller, either)]
        expected = ["holds: +40.0%", "the opposite: -40.0%"]
        if name == "max-sensitivity":
            expected = ["the opposite: +40.0%", "holds: -40.0%"]
        assert said == [*expected, "no difference seen: +10.0%"]
        assert attribution_claims.verdict(name, -50.0, smaller) == "negligible: -0.4%"


def test_trainings_of_one_data_set_are_summed_up(attribution_claims):
    def pair(dataset, difference):
        values = {"clean": {"mean": 0.5}, "difference": {"mean": difference}}
        return {
            "dataset": dataset,
            "epsilon": 0.1,
            "measures": dict.fromkeys(attribution_claims.CLAIMED_LARGER, values),
        }

    rows = attribution_claims.over_pairs([pair("a", 0.1), pair("b", 0.7), pair("a", 0.3)])
    assert {row["measure"] for row in rows} == set(attribution_claims.CLAIMED_LARGER)
    for row in rows:
        assert (row["dataset"], row["pairs"], row["clean"], row["low"], row["high"]) == ("a", 2, 0.5, 0.1, 0.3)
        assert row["mean"] == pytest.approx(0.2)


def test_ratios_are_of_the_sums_over_pairs(attribution_claims):
    def pair(dataset, clean, adversarial):
        values = {"clean": {"mean": clean}, "adversarial": {"mean": adversarial}}
        return {
            "dataset": f"data/{dataset}",
            "epsilon": 0.1,
            "measures": dict.fromkeys(attribution_claims.CLAIMED_LARGER, values),
        }

    found = [pair("a", 0.5, 0.6), pair("b", -2.0, 1.0), pair("a", 0.3, 0.2), pair("c", 0.0, 1.0)]
    assert attribution_claims.ratios(found) == {
        f"{name}, epsilon 0.1: {measure}: adversarial/clean": ratio
        for name, ratio in (("a", 1.0), ("b", -0.5))
        for measure in attribution_claims.CLAIMED_LARGER
    }


def test_lists_must_have_the_same_length(world):
    with pytest.raises(InputError, match=r"one entry for each pair \(got 1, 1, 2\)"):
        run([world.dataset], [world.model], [world.model] * 2)


def test_an_epsilon_of_0_is_not_the_default(world, other):
    with pytest.raises(InputError, match="epsilon must be positive numbers"):
        run([world.dataset], [world.model], [other], "--epsilon=0")
