from __future__ import annotations

import dataclasses

import numpy as np
import pytest
import scipy.sparse

import mach_tf
from mach_tf.errors import InputError
from mach_tf.hashing import FeatureSpec
from mach_tf.manifest import DatasetManifest, ModelManifest
from tests.helpers import programs, sample

AMAZON = (
    "--labels=670091",
    "--features=135909",
    "--points=490449",
    "--hidden_units=4096",
    "--gflops=1e3",
    "--bandwidth=50",
)


def _run(capsys, *arguments):
    programs.run("train.plan", *arguments)
    return capsys.readouterr().out


def test_amazon_670k(capsys):
    printed = _run(capsys, *AMAZON, "--memory=24GB")
    lines = printed.splitlines()
    row = next(line.split() for line in lines if line.split()[:2] == ["2,000", "8"])
    # 8 x (50,000 x 4,096 + 4,096 + 4,096 x 2,000 + 2,000) parameters
    assert row[2:4] == ["1,704", "M"]
    recommended = [line.split() for line in lines if line.endswith("<- recommended")]
    assert len(recommended) == 1
    buckets, repetitions = recommended[0][:2]
    assert (
        f"Recommended: --buckets={buckets.replace(',', '')} --repetitions={repetitions} --hidden_units=4096 " in printed
    )
    assert "24.0 GB of memory, 1,000 Gflop/s, 50.0 GB/s" in printed


def _dataset(path, labels, dim=0):
    rng = np.random.default_rng(0)
    features, labels = (scipy.sparse.random(60, n, 0.05, "csr", np.float32, rng) for n in (40, labels))
    mach_tf.write_dataset(features, labels, str(path), spec=FeatureSpec(dim))
    return str(path)


def test_a_dataset_says_what_the_numbers_would(capsys, tmp_path):
    path = _dataset(tmp_path / "data", 100, dim=16)
    train = DatasetManifest.read(path).split("train")
    assert train.features < train.raw_features, "features of a point collide"
    numbers = {
        "labels": 100,
        "features": 40,
        "points": 60,
        "features_per_point": train.features / 60,
        "labels_per_point": train.labels / 60,
        "feature_hash_dim": 16,
    }
    machine = ("--memory=24GB", "--gflops=1e-2", "--bandwidth=1e-2", "--hours=1e6")
    printed = _run(capsys, f"--dataset_dir={path}", *machine)
    by_numbers = _run(capsys, *(f"--{name}={value!r}" for name, value in numbers.items()), *machine)
    assert printed == "".join(line for line in by_numbers.splitlines(True) if not line.startswith("Assumed: "))
    assert "recommended" in printed


def test_what_is_recommended_is_a_flagfile_of_train_main(capsys, tmp_path):
    data, preset = _dataset(tmp_path / "data", 100), tmp_path / "mine.flags"
    given = ("--hidden_units=7", "--adversarial_weight=0", "--batch_size=9", "--epochs=2")
    printed = _run(capsys, f"--dataset_dir={data}", *given, f"--output={preset}")
    programs.run("train.main", f"--flagfile={preset}", f"--dataset_dir={data}", f"--model_dir={tmp_path / 'model'}")
    model = ModelManifest.read(str(tmp_path / "model"))
    expected = {"hidden_units": 7, "adversarial_weight": 0, "batch_size": 9, "epochs": 2, "dropout": 0.0}
    assert expected.items() <= dataclasses.asdict(model.training).items()
    flags = [line for line in preset.read_text().splitlines() if not line.startswith("#")]
    assert f"Recommended: {' '.join(flags)}\n" in printed
    (row,) = (line.split() for line in printed.splitlines() if line.endswith("<- recommended"))
    assert row[:2] == [str(model.bucket_spec.buckets), str(model.bucket_spec.repetitions)]


def test_nothing_recommended_is_nothing_written(tmp_path):
    preset = tmp_path / "mine.flags"
    with pytest.raises(InputError, match="none of the plans fits"):
        programs.run("train.plan", *AMAZON, "--memory=2GB", f"--output={preset}")
    assert not preset.exists()


def test_an_output_that_is_there_or_cannot_be(tmp_path):
    (tmp_path / "mine.flags").write_text("--epochs=3")
    for path, message in (("mine.flags", "must be a new file"), ("no/mine.flags", "in an existing folder")):
        with pytest.raises(InputError, match=message):
            programs.run("train.plan", *AMAZON, "--memory=24GB", f"--output={tmp_path / path}")
    assert (tmp_path / "mine.flags").read_text() == "--epochs=3"


def test_a_plan_needs_points_and_labels(tmp_path):
    one_label, no_points = _dataset(tmp_path / "one_label", 1), str(tmp_path / "no_points")
    points = sample.random_points(20)
    sample.write(no_points, train=points[np.zeros(20, bool)], valid=points)
    for path, message in ((one_label, "at least 2 labels"), (no_points, "must have points")):
        with pytest.raises(InputError, match=message):
            programs.run("train.plan", f"--dataset_dir={path}")


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--labels=9"], "missing --features, --points"),
        (["--dataset_dir=data", "--points=9", "--labels_per_point=2"], "what --points, --labels_per_point would"),
    ],
)
def test_neither_both_nor_half(arguments, message):
    with pytest.raises(InputError, match=message):
        programs.run("train.plan", *arguments)


def test_chosen_combinations_only(capsys):
    printed = _run(capsys, *AMAZON, "--memory=24GB", "--buckets=3000,700", "--repetitions=6")
    first = [line.split()[:2] for line in printed.splitlines()[2:4]]
    assert first == [["3,000", "6"], ["700", "6"]]


@pytest.mark.parametrize("limit", ["--memory=2GB", "--hours=0.001"])
def test_nothing_fits(capsys, limit):
    printed = _run(capsys, *AMAZON, *(["--memory=24GB"] if "hours" in limit else []), limit)
    assert "None of these fits" in printed and "recommended" not in printed


def test_the_machine_is_measured_and_its_memory_taken(capsys):
    printed = _run(capsys, "--labels=50", "--features=100", "--points=1000")
    machine = next(line for line in printed.splitlines() if line.startswith("Machine: "))
    assert " 0.0 " not in machine


@pytest.mark.parametrize("text", ["GB", "0GB", "-1GB", "1.2.3GB", "24XB"])
def test_sizes_that_are_none(text):
    with pytest.raises(InputError, match="--memory must be a size"):
        programs.run("train.plan", *AMAZON, f"--memory={text}")


def test_numbers_that_are_none():
    with pytest.raises(InputError, match="--buckets must be numbers of at least 2"):
        programs.run("train.plan", *AMAZON, "--buckets=1,100")
