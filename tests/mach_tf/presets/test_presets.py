from __future__ import annotations

import os
import re

import pytest

from benchmarks.scale_shapes import SHAPES
from mach_tf import presets
from mach_tf.errors import InputError
from mach_tf.sizing import memory_plan, planning, recommendation
from mach_tf.sizing.machine import Machine
from mach_tf.training_config import TrainingConfig


def test_the_presets_by_name():
    assert presets.names() == sorted(presets.names())
    assert {"demo", "bibtex", "eurlex57k", "delicious-clean"} <= set(presets.names())
    assert all(os.path.isfile(presets.path(name)) for name in presets.names())


def test_configs_is_the_same_folder():
    root = os.path.dirname(os.path.dirname(os.path.dirname(os.path.dirname(__file__))))
    assert os.path.realpath(os.path.join(root, "configs")) == os.path.dirname(os.path.realpath(presets.path("demo")))


@pytest.mark.parametrize("name", presets.names())
def test_a_preset_reads_as_absl_reads_its_flagfile(name):
    with open(presets.path(name)) as file:
        lines = [line.rstrip("\n") for line in file if not line.startswith("#")]
    assert [f"--{setting}={value}" for setting, value in presets.read(name).items()] == lines


@pytest.mark.parametrize("name", ["nobody", "", "../errors", "eurlex57k.flags"])
def test_an_unknown_preset_is_refused_with_those_that_exist(name):
    for function in (presets.path, presets.read):
        with pytest.raises(InputError, match=r"preset must be one of amazon-670k, .*, wiki10-31k \(got "):
            function(name)


@pytest.mark.parametrize("line", ["--buckets", "buckets=3", "--nodropout"])
def test_a_line_that_is_no_setting_is_refused_with_its_place(tmp_path, monkeypatch, line):
    (tmp_path / "mine.flags").write_text(f"# comment\n\n{line}\n")
    monkeypatch.setattr(presets, "_DIRECTORY", str(tmp_path))
    with pytest.raises(InputError, match=r"mine\.flags:3 must be a comment or --name=value"):
        presets.read("mine")


# Presets that were not run on their data; features are hashed to 50,000 columns.
ESTIMATED = {
    name: name.replace("-paper", "") for name in ("amazon-670k", "amazon-670k-paper", "delicious-200k", "wiki10-31k")
}
TWO_CORES = Machine(24 << 30, 140e9, 25e9)


def problem(name):
    shape = SHAPES[name]
    return planning.Problem(shape.labels, 50_000, shape.points, shape.features_per_point, shape.labels_per_point)


@pytest.mark.parametrize("name", ESTIMATED)
def test_the_estimates_in_a_preset_are_those_of_plans(name):
    settings, data = presets.read(name), problem(ESTIMATED[name])
    given = {each: settings[each] for each in ("optimizer", "fgsm_support") if each in settings}
    sizes = {each: int(settings[each]) for each in ("hidden_units", "epochs", "batch_size")}
    config = TrainingConfig(adversarial_weight=float(settings["adversarial_weight"]), **sizes, **given)
    buckets, repetitions = int(settings["buckets"]), int(settings["repetitions"])
    plan = planning.make_plan(data, TWO_CORES, config, buckets, repetitions)
    with open(presets.path(name)) as file:
        found = re.search(
            r"Estimate: ([\d.]+) GB of memory for (\d+) side by side, ([\d.]+) hours on two cores", file.read()
        )
    shapes = memory_plan.Shapes(data.columns, buckets, data.features, labels=data.labels)
    memory = memory_plan.plan(config, shapes, int(found[2])).total
    assert float(found[1]) == pytest.approx(memory / 1e9, rel=0.01)
    assert float(found[3]) == pytest.approx(plan.training_seconds / 3600, rel=0.1)


def test_the_preset_of_amazon_670k_is_the_plan():
    flags = recommendation.recommend(problem("amazon-670k"), TWO_CORES).flags()
    plan = dict(flag[2:].split("=") for flag in flags)
    settings = presets.read("amazon-670k")
    assert settings.pop("learning_rate_decay") == "linear" == TrainingConfig.learning_rate_decay
    assert {name: plan[name] for name in settings} == settings
