"""The results table compared with one made by hand, the commands that make it, and the whole program on a tiny data set."""

import importlib
import json
import lzma
import os
import types

import numpy as np
import pytest

from mach_tf import files
from mach_tf.errors import InputError
from mach_tf.manifest import ModelManifest
from tests.helpers import programs


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


def attacks(under):
    return [
        entry("fgsm", 0, 60.0, 0.0),
        entry("fgsm", 0.02, under, 60 - under),
        entry("pgd", 0.02, under - 1, 61 - under),
    ]


def models():
    measured = {name: entry("", 0, 61.0, 0.0)[name] for name in ("metrics", "intervals")}
    return [
        {"trained": "clean", "seconds": 90.0, **measured, "attacks": attacks(40.0), "certified": 31.0},
        {"trained": "adversarial", "seconds": None, **measured, "attacks": attacks(50.0), "certified": 41.0},
    ]


def test_table_by_hand():
    programs.forget_flags()
    results = importlib.import_module("benchmarks.results")
    lines = results.markdown({"one": models(), "two": models()}).splitlines()
    assert lines[0] == (
        "| set | trained | P@1 | P@3 | P@5 | nDCG@5 | minutes | epsilon | P@1 lost to fgsm | P@1 lost to pgd "
        "| of P@1 | certified P@1 |"
    )
    assert lines[1] == "|" + " --- |" * 12
    assert lines[2] == (
        "| one | clean | 61.00 [60.00, 62.00] | 60.00 [59.00, 61.00] | 59.00 [58.00, 60.00] | 58.00 [57.00, 59.00] "
        "| 1.5 | 0.02 | 20.00 [19.50, 20.50] | 21.00 [20.50, 21.50] | 60.00 | 31.00 |"
    )
    assert [line.split(" | ")[:2] for line in lines[3:]] == [
        ["| one", "adversarial"],
        ["| two", "clean"],
        ["| two", "adversarial"],
    ]
    assert " |  | 0.02 | " in lines[3]


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
    """The commands that are run; a stand-in writes what the programs would."""
    seen = []

    def stand_in(command, **_):
        seen.append(command[2:])
        output = dict(argument[2:].split("=", 1) for argument in command[3:])
        if command[2] == "eval.robustness":
            reports = {"models": [{"attacks": model["attacks"]} for model in models()]}
            files.write_json(f"{output['output_dir']}/robustness.json", reports)
        if command[2] == "eval.certify":
            certified = {"sizes": [{"epsilon": 0.3, "metrics": {"certified P@1": 31.0}}]}
            files.write_json(f"{output['output_dir']}/certificates.json", certified)
        if command[2] == "train.main":
            os.makedirs(output["model_dir"], exist_ok=True)
        if command[2] == "eval.main":
            files.write_json(f"{output['output_dir']}/metrics.json", models()[0])
        return types.SimpleNamespace(returncode=0)

    monkeypatch.setattr("subprocess.run", stand_in)
    monkeypatch.setattr(
        ModelManifest, "read", lambda _: types.SimpleNamespace(training=types.SimpleNamespace(epsilon=0.3))
    )
    return seen


def test_commands(folders, commands, capsys):
    run(folders, "--attack_limit=15", "--attack=fgsm")
    data, out = folders / "data" / "small", folders / "out" / "small"

    def evaluate(model):
        places = [f"--dataset_dir={out}/dataset", f"--model_dir={out}/{model}", f"--output_dir={out}/{model}"]
        return ["eval.main", *places, "--bootstrap=1000"]

    def certify(model):
        places = [f"--dataset_dir={out}/dataset", f"--model_dir={out}/{model}", f"--output_dir={out}/{model}"]
        return ["eval.certify", *places, "--epsilon=0.3", "--k=1", "--limit=15"]

    train = ["train.main", f"--flagfile={folders}/configs/small.flags", f"--dataset_dir={out}/dataset"]
    assert commands == [
        [
            "preprocess.to_tfrecord",
            f"--train={data}/train.txt.xz",
            f"--test={data}/test.txt.xz",
            "--feature_hash_dim=0",
            f"--output_dir={out}/dataset",
        ],
        [*train, "--adversarial_weight=0", f"--model_dir={out}/clean"],
        evaluate("clean"),
        [*train, "--adversarial_weight=1", f"--model_dir={out}/adversarial"],
        evaluate("adversarial"),
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
        certify("clean"),
        certify("adversarial"),
    ]
    table = capsys.readouterr().out
    assert "| small | adversarial | 61.00" in table
    *table, last = table.splitlines(keepends=True)
    assert (folders / "out" / "results.md").read_text() == "".join(table)
    assert set(json.loads(last)["ratios"]["small"]) == {"fgsm", "pgd"}


def test_texts_have_their_own_files_and_flags(folders, commands):
    data = folders / "data" / "words"
    data.mkdir()
    for name in ("train.tsv.xz", "test.tsv.xz", "label_names.tsv", "Yf.txt"):
        (data / name).touch()
    for folder in ("", "preprocess"):
        (folders / "configs" / folder).mkdir(exist_ok=True)
        (folders / "configs" / folder / "words.flags").touch()
    run(folders, "--sets=words")
    assert commands[0] == [
        "preprocess.to_tfrecord",
        f"--flagfile={folders}/configs/preprocess/words.flags",
        f"--train={data}/train.tsv.xz",
        f"--test={data}/test.tsv.xz",
        f"--label_names={data}/label_names.tsv",
        "--feature_hash_dim=0",
        f"--output_dir={folders}/out/words/dataset",
    ]


def test_finished_work_is_not_done_again_and_the_time_stays(folders, commands, capsys):
    run(folders)
    first = capsys.readouterr().out
    commands.clear()
    run(folders)
    assert {command[0] for command in commands} == {
        "preprocess.to_tfrecord",
        "train.main",
    }  # the stand-in makes no dataset
    assert capsys.readouterr().out == first


def test_reports_with_other_arguments_are_made_again(folders, commands, monkeypatch):
    run(folders)
    reports = [f"eval.{name}" for name in ("robustness", "certify", "certify")]

    def made():
        return [command[0] for command in commands if command[0].startswith("eval")]

    for flag, expected in (("--attack_limit=7", reports), ("--attack=fgsm", reports[:1]), ("--attack=fgsm", [])):
        commands.clear()
        run(folders, "--attack_limit=7", flag)
        assert made() == expected, flag
    commands.clear()
    training = types.SimpleNamespace(epsilon=0.4)
    monkeypatch.setattr(ModelManifest, "read", lambda _: types.SimpleNamespace(training=training))
    run(folders, "--attack_limit=7", "--attack=fgsm")
    assert made() == reports
    commands.clear()
    (folders / "out" / "small" / "clean" / "eval.certify.arguments.json").unlink()  # of an interrupted or an older run
    run(folders, "--attack_limit=7", "--attack=fgsm")
    assert made() == ["eval.certify"]


def test_no_time_of_a_training_that_was_interrupted(folders, commands, capsys):
    os.makedirs(folders / "out" / "small" / "adversarial")
    run(folders)
    clean, adversarial = capsys.readouterr().out.splitlines()[2:4]
    assert " | 0.0 | 0.02 | " in clean
    assert " |  | 0.02 | " in adversarial


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
    assert all(" | 0.3 | " in line for line in table[2:4])
    run(folders, "--bootstrap=20")
    assert capsys.readouterr().out.splitlines() == table


def test_ratios_by_hand():
    programs.forget_flags()
    results = importlib.import_module("benchmarks.results")
    assert results.ratios(models()) == {"fgsm": 1.25, "pgd": round(49 / 39, 3)}
    nothing_left = [{"attacks": [entry("fgsm", 0.1, under, 0)]} for under in (0, 10)]
    assert results.ratios(nothing_left) == {}


def test_a_missing_folder_is_refused(tmp_path):
    with pytest.raises(InputError, match=r"--data_dir must be a folder of data sets .*which is not a folder"):
        programs.run("benchmarks.results", f"--data_dir={tmp_path}/none", f"--output_dir={tmp_path}/out")
