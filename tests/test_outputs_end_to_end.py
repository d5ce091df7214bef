"""Every output of every program: links are kept, modes too, and no output replaces an input."""

from __future__ import annotations

import os
import pathlib
import stat

import pytest

from mach_tf.errors import InputError
from tests.helpers import programs

_MODEL = ["--dataset_dir={dataset}", "--model_dir={model}"]
_DIRECTORY = [*_MODEL, "--output_dir={out}"]
_EXPLAIN = [*_DIRECTORY, "--input={text}"]
_ATTACK = ["--attack=fgsm", "--epsilon=0.1", "--bootstrap=10"]
_OLD = '{"file": "old.py", "text": "old", "imports": []}\n'  # the demo replaces its own files only
# Each program with its flags, the names of its output files, and the inputs that it must not replace.
PROGRAMS = {
    "predict": (
        "eval.predict",
        [_MODEL[1], "--input={text}", "--output={out}/out.txt"],
        ["out.txt"],
        "text model variables",
    ),
    "eval": (
        "eval.main",
        [*_DIRECTORY, *_ATTACK, "--limit=5"],
        ["metrics.json", "per_point.npz", "calibration.png", "repetitions.png", "robustness.json", "robustness.png"],
        "dataset shard model variables",
    ),
    "robustness": (
        "eval.robustness",
        [*_DIRECTORY, *_ATTACK, "--limit=5"],
        ["robustness.json", "robustness.png"],
        "dataset shard model variables",
    ),
    "explain": (
        "explain.main",
        [*_EXPLAIN, "--points=0", "--labels=top:1"],
        ["explanations.jsonl", "report.html"],
        "text dataset names model variables",
    ),
    "explain all": (
        "explain.main",
        [*_EXPLAIN, "--labels=all"],
        ["global.npz", "global.tsv"],
        "text dataset names model variables",
    ),
    "faithfulness": (
        "explain.faithfulness",
        [*_DIRECTORY, "--sample_points=3"],
        ["faithfulness.json", "faithfulness.png"],
        "dataset shard model variables",
    ),
    "demo": (
        "preprocess.demo_data",
        ["--source_dirs={sources}", "--output_dir={out}", "--workers=1"],
        ["train.jsonl", "valid.jsonl", "test.jsonl"],
        "source",
    ),
}


@pytest.fixture(scope="module")
def sources(tmp_path_factory):
    """Enough Python files for a point in each split."""
    directory = tmp_path_factory.mktemp("sources")
    for i in range(60):
        (directory / f"f{i:02d}.py").write_text(f"import even_{i % 2} as alias\nalias.used_{i % 2}({i})\n")
    return directory


def _run(world, sources, out, name):
    module, flags, _, _ = PROGRAMS[name]
    places = {**world._asdict(), "out": out, "sources": sources}
    programs.run(module, *(flag.format(**places) for flag in flags))


def _inputs(world, sources):
    paths = {
        "text": world.text,
        "model": f"{world.model}/model.json",
        "variables": f"{world.model}/repetition-001/variables/variables.index",
        "dataset": f"{world.dataset}/dataset.json",
        "shard": f"{world.dataset}/test-00000-of-00001.tfrecord",
        "names": f"{world.dataset}/label_names.txt",
        "source": f"{sources}/f07.py",
    }
    return {name: pathlib.Path(path) for name, path in paths.items()}


@pytest.mark.parametrize("name", PROGRAMS)
def test_links_and_modes_are_kept(world, sources, tmp_path, name):
    files = PROGRAMS[name][2]
    for directory in ("out", "elsewhere"):
        (tmp_path / directory).mkdir()
    for file in files:
        (tmp_path / "elsewhere" / file).write_text(_OLD)
        (tmp_path / "elsewhere" / file).chmod(0o640)
        (tmp_path / "out" / file).symlink_to(os.path.join("..", "elsewhere", file))
    _run(world, sources, tmp_path / "out", name)
    for file in files:
        target = tmp_path / "elsewhere" / file
        assert (tmp_path / "out" / file).is_symlink(), file
        assert stat.S_IMODE(target.stat().st_mode) == 0o640 and target.read_bytes() != _OLD.encode(), file
    assert sorted(os.listdir(tmp_path / "elsewhere")) == sorted(files)


@pytest.mark.parametrize("name", PROGRAMS)
def test_no_output_replaces_an_input(world, sources, tmp_path, name):
    """Each output is a link to one of the inputs, each input is what some output links to."""
    _, _, files, kinds = PROGRAMS[name]
    inputs = _inputs(world, sources)
    pairs = {(file, kinds.split()[0]) for file in files} | {(files[0], kind) for kind in kinds.split()}
    for number, (file, kind) in enumerate(sorted(pairs)):
        out = tmp_path / str(number)
        out.mkdir()
        before = inputs[kind].read_bytes()
        if number % 2:
            os.link(inputs[kind], out / file)
        else:
            (out / file).symlink_to(inputs[kind])
        with pytest.raises(InputError, match="must not be an input, which it would replace"):
            _run(world, sources, out, name)
        assert inputs[kind].read_bytes() == before and os.listdir(out) == [file], (file, kind)


def test_an_evaluation_that_is_compared_with_is_not_replaced(world, sources, tmp_path):
    module, flags, _, _ = PROGRAMS["eval"]
    flags = [flag.format(**world._asdict(), out=tmp_path) for flag in flags]
    programs.run(module, *flags)
    with pytest.raises(InputError, match=r"metrics\.json must not be an input"):
        programs.run(module, *flags, f"--compare={tmp_path}/metrics.json")


def test_a_plan_replaces_nothing(world, tmp_path):
    (tmp_path / "mine").write_text("mine")
    (tmp_path / "link").symlink_to("mine")
    os.mkfifo(tmp_path / "pipe")
    for name in ("mine", "link", "pipe"):
        with pytest.raises(InputError, match="output must be a new file"):
            programs.run("train.plan", f"--dataset_dir={world.dataset}", f"--output={tmp_path}/{name}")
    assert (tmp_path / "mine").read_text() == "mine" and stat.S_ISFIFO((tmp_path / "pipe").stat().st_mode)


def test_text_of_the_users_own_is_not_replaced_by_the_demo(world, sources, tmp_path):
    (tmp_path / "train.jsonl").write_text("mine")
    with pytest.raises(InputError, match=r"holds train\.jsonl, which this program did not write"):
        _run(world, sources, tmp_path, "demo")
    assert (tmp_path / "train.jsonl").read_text() == "mine" and os.listdir(tmp_path) == ["train.jsonl"]


def test_a_dataset_that_holds_an_input_is_not_replaced(world, tmp_path):
    flags = [f"--train={world.text}", f"--output_dir={tmp_path}/data"]
    programs.run("preprocess.to_tfrecord", *flags, f"--label_names={world.dataset}/label_names.txt")
    before = sorted(os.listdir(tmp_path / "data"))
    with pytest.raises(InputError, match="must hold no input"):
        names = f"--label_names={tmp_path}/data/label_names.txt"
        programs.run("preprocess.to_tfrecord", *flags, names, "--overwrite")
    assert sorted(os.listdir(tmp_path / "data")) == before and os.listdir(tmp_path) == ["data"]
