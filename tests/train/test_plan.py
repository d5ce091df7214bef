from __future__ import annotations

import pytest

from mach_tf.errors import InputError
from mach_tf.manifest import DatasetManifest
from tests import programs

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
    assert f"Recommended: --buckets={buckets.replace(',', '')} --repetitions={repetitions} " in printed
    assert "24.0 GB of memory, 1,000 Gflop/s, 50.0 GB/s" in printed


def test_a_dataset_says_what_the_numbers_would(capsys, dataset):
    manifest = DatasetManifest.read(dataset)
    train = manifest.split("train")
    numbers = {
        "labels": manifest.labels,
        "features": manifest.features,
        "points": train.points,
        "features_per_point": train.features / train.points,
        "labels_per_point": train.labels / train.points,
        "feature_hash_dim": 0,
    }
    machine = ("--memory=24GB", "--gflops=1e3", "--bandwidth=50")
    printed = _run(capsys, f"--dataset_dir={dataset}", *machine)
    assert printed == _run(capsys, *(f"--{name}={value!r}" for name, value in numbers.items()), *machine)
    assert "recommended" in printed


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--labels=9"], "missing --features, --points"),
        (["--dataset_dir=DATASET", "--points=9", "--labels_per_point=2"], "what --points, --labels_per_point would"),
    ],
)
def test_neither_both_nor_half(dataset, arguments, message):
    with pytest.raises(InputError, match=message):
        programs.run("train.plan", *(argument.replace("DATASET", dataset) for argument in arguments))


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


@pytest.mark.parametrize(
    ("text", "expected"),
    [("24GB", 24 * 10**9), ("512 MB", 512 * 10**6), ("1.5G", 1_500_000_000), ("2e9", 2 * 10**9), ("16GiB", 16 << 30)],
)
def test_sizes(text, expected):
    from train import plan

    assert plan.parse_bytes(text) == expected


@pytest.mark.parametrize("text", ["", "GB", "0GB", "-1GB", "1.2.3GB", "24XB"])
def test_sizes_that_are_none(text):
    from train import plan

    with pytest.raises(InputError, match="--memory must be a size"):
        plan.parse_bytes(text)


def test_numbers_that_are_none():
    with pytest.raises(InputError, match="--buckets must be numbers of at least 2"):
        programs.run("train.plan", *AMAZON, "--buckets=1,100")
