"""The results table by hand, the commands it is made by, and all of it on a tiny data set."""

import importlib
import json
import lzma
import types

import numpy as np
import pytest

from mach_tf import files
from mach_tf.errors import InputError
from mach_tf.manifest import ModelManifest
from tests import programs


def entry(attack, epsilon, value, lost):
    names = ("P@1", "P@3", "P@5", "nDCG@5")
    return {
        "attack": attack,
        "epsilon": epsilon,
        "metrics": {name: value - i for i, name in enumerate(names)},
        "intervals": {name: [value - i - 1, value - i + 1] for i, name in enumerate(names)},
        "lost": {"P@1": lost},
        "lost_intervals": {"P@1": [lost - 0.5, lost + 0.5]},
    }


def report(prefix):
    trainings = {"clean": 40.0, "adversarial": 50.0}
    return {
        "models": [
            {
                "model_dir": f"{prefix}/{name}",
                "attacks": [
                    entry("fgsm", 0, 60.0, 0.0),
                    entry("fgsm", 0.02, under, 60 - under),
                    entry("pgd", 0.02, under - 1, 61 - under),
                ],
            }
            for name, under in trainings.items()
        ]
    }


def test_table_by_hand():
    programs.forget_flags()
    results = importlib.import_module("benchmarks.results")
    lines = results.markdown({"one": report("x/one"), "two": report("x/two")}).splitlines()
    assert lines[0] == (
        "| set | trained | P@1 | P@3 | P@5 | nDCG@5 | P@1 under fgsm | P@1 under pgd | lost to fgsm | lost to pgd | epsilon |"
    )
    assert lines[1] == "|" + " --- |" * 11
    assert lines[2] == (
        "| one | clean | 60.00 [59.00, 61.00] | 59.00 [58.00, 60.00] | 58.00 [57.00, 59.00] | 57.00 [56.00, 58.00] "
        "| 40.00 [39.00, 41.00] | 39.00 [38.00, 40.00] | 20.00 [19.50, 20.50] | 21.00 [20.50, 21.50] | 0.02 |"
    )
    assert [line.split(" | ")[:2] for line in lines[3:]] == [
        ["| one", "adversarial"],
        ["| two", "clean"],
        ["| two", "adversarial"],
    ]


def write_text(path, points, seed, features=30, labels=12):
    rng = np.random.default_rng(seed)
    lines = [f"{points} {features} {labels}"]
    for _ in range(points):
        chosen = np.sort(rng.choice(labels, 2, replace=False))
        values = " ".join(f"{feature}:1" for feature in np.sort(rng.choice(features, 5, replace=False)))
        lines.append(f"{','.join(map(str, chosen))} {values}")
    with lzma.open(path, "wt") as file:
        file.write("\n".join(lines) + "\n")


@pytest.fixture
def folders(tmp_path):
    """A data folder with one complete set, and presets for it and for another."""
    (tmp_path / "data" / "small").mkdir(parents=True)
    (tmp_path / "data" / "unknown").mkdir()
    (tmp_path / "configs").mkdir()
    write_text(tmp_path / "data" / "small" / "train.txt.xz", 60, 0)
    write_text(tmp_path / "data" / "small" / "test.txt.xz", 20, 1)
    write_text(tmp_path / "data" / "unknown" / "train.txt.xz", 20, 1)
    preset = "--buckets=6\n--repetitions=2\n--hidden_units=8\n--epochs=1\n--epsilon=0.3\n--adversarial_weight=1\n--batch_size=16\n"
    (tmp_path / "configs" / "small.flags").write_text(preset)
    return tmp_path


def run(folders, *arguments):
    places = [
        f"--{name}_dir={folders / folder}"
        for name, folder in (("data", "data"), ("configs", "configs"), ("output", "out"))
    ]
    programs.run("benchmarks.results", *places, *arguments)


@pytest.fixture
def commands(folders, monkeypatch):
    """What is run, with a stand-in for the programs that writes what they would."""
    seen = []

    def stand_in(command, **_):
        seen.append(command[2:])
        output = dict(argument[2:].split("=", 1) for argument in command[3:])
        if command[2] == "eval.robustness":
            files.write_json(f"{output['output_dir']}/robustness.json", report(output["output_dir"]))
        return types.SimpleNamespace(returncode=0)

    monkeypatch.setattr("subprocess.run", stand_in)
    monkeypatch.setattr(ModelManifest, "read", lambda _: types.SimpleNamespace(training={"epsilon": 0.3}))
    return seen


def test_commands(folders, commands, capsys):
    run(folders, "--limit=15", "--attack=fgsm")
    data, out = folders / "data" / "small", folders / "out" / "small"
    train = ["train.main", f"--flagfile={folders}/configs/small.flags", f"--dataset_dir={out}/dataset"]
    assert commands == [
        [
            "preprocess.to_tfrecord",
            f"--train={data}/train.txt.xz",
            f"--test={data}/test.txt.xz",
            "--feature_hash_dim=0",
            f"--output_dir={out}/dataset",
        ],
        [*train, f"--model_dir={out}/clean", "--adversarial_weight=0"],
        [*train, f"--model_dir={out}/adversarial"],
        [
            "eval.robustness",
            f"--dataset_dir={out}/dataset",
            f"--model_dir={out}/clean,{out}/adversarial",
            f"--output_dir={out}",
            "--attack=fgsm",
            "--epsilon=0,0.3",
            "--bootstrap=1000",
            "--limit=15",
        ],
    ]
    table = capsys.readouterr().out
    assert "| small | adversarial | 60.00" in table
    *table, last = table.splitlines(keepends=True)
    assert (folders / "out" / "results.md").read_text() == "".join(table)
    assert set(json.loads(last)["ratios"]["small"]) == {"fgsm", "pgd"}


def test_a_preset_goes_by_the_name_before_a_hyphen(folders, commands):
    (folders / "data" / "small").rename(folders / "data" / "small-2")
    run(folders)
    assert commands[1][1] == f"--flagfile={folders}/configs/small.flags"
    (folders / "configs" / "small-2.flags").write_text("--buckets=5\n")
    commands.clear()
    run(folders)
    assert commands[1][1] == f"--flagfile={folders}/configs/small-2.flags"


def test_a_program_that_fails_ends_it(folders, monkeypatch):
    monkeypatch.setattr("subprocess.run", lambda *_, **__: types.SimpleNamespace(returncode=3))
    with pytest.raises(InputError, match=r"preprocess\.to_tfrecord ended with status 3"):
        run(folders)


@pytest.mark.parametrize("sets", ["unknown", "small,none", ""])
def test_sets_that_are_not_ready_are_refused(folders, sets):
    with pytest.raises(InputError, match="--sets must name folders"):
        run(folders, f"--sets={sets}")


@pytest.mark.slow
def test_end_to_end(folders, capsys):
    run(folders, "--bootstrap=20")
    table = capsys.readouterr().out.splitlines()
    assert [line.split(" | ")[:2] for line in table[2:4]] == [["| small", "clean"], ["| small", "adversarial"]]
    assert all(line.endswith(" 0.3 |") for line in table[2:4])
    run(folders, "--bootstrap=20")
    assert capsys.readouterr().out.splitlines() == table


def test_ratios_by_hand():
    programs.forget_flags()
    results = importlib.import_module("benchmarks.results")
    assert results.ratios(report("x")["models"]) == {"fgsm": 1.25, "pgd": round(49 / 39, 3)}
    nothing_left = [{"attacks": [entry("fgsm", 0.1, under, 0)]} for under in (0, 10)]
    assert results.ratios(nothing_left) == {}


def test_a_missing_folder_is_refused(tmp_path):
    with pytest.raises(InputError, match="--data_dir must be a folder"):
        programs.run("benchmarks.results", f"--data_dir={tmp_path}/none", f"--output_dir={tmp_path}/out")
