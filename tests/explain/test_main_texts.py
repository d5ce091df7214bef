"""The program on texts: of a file, and of the command line, with and without colours."""

from __future__ import annotations

import dataclasses
import json
import os
import re
import sys

import pytest

import mach_tf
from mach_tf import kept_files
from mach_tf.data.libsvm import TextInput
from mach_tf.ensemble import Ensemble
from mach_tf.errors import InputError
from mach_tf.explanations.reporting import source_text
from mach_tf.manifest import DatasetManifest, ModelManifest
from mach_tf.programs import terminal_colours
from mach_tf.text.readers.settings import InputSettings
from tests.helpers import model_directory, programs, text_model

TEXT = "Quantum <script>light</script> wave"


@pytest.fixture(scope="module")
def model(tmp_path_factory):
    return text_model.write(tmp_path_factory.mktemp("model") / "model")


def explain(model, *flags):
    programs.run("explain.main", f"--model_dir={model}", *map(str, flags))


def lines_of(directory):
    text = (directory / "explanations.jsonl").read_text(encoding="utf-8")
    return [json.loads(line) for line in text.splitlines()]


def test_a_text_of_the_command_line_needs_neither_dataset_nor_directory(model, capsys, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    explain(model, f"--text={TEXT}", "--labels=3,5")
    printed = capsys.readouterr().out
    assert "\x1b" not in printed and os.listdir(tmp_path) == []
    assert printed.startswith("Subject 3: score ") and "\nSubject 5: score " in printed
    words = re.search(r"Quantum\[([-+].*?)\] <script>light\[(.*?)\]</script> wave\[(.*?)\]", printed)
    expected = Ensemble.load(model).explain_text(TEXT, labels=[[3, 5]]).words(0).values
    assert [float(number) for number in words.groups()] == pytest.approx(
        [expected[0], expected[2], expected[4]], rel=0.1
    )
    assert "features with the largest attributions" in printed


def test_a_terminal_shows_colours(model, capsys, monkeypatch):
    explain(model, f"--text={TEXT}", "--labels=3")
    plain = capsys.readouterr().out
    monkeypatch.setattr(terminal_colours, "shows_colours", lambda stream: stream is sys.stdout)
    explain(model, f"--text={TEXT}", "--labels=3")
    coloured = capsys.readouterr().out
    assert "\x1b[1m" in coloured and re.sub(r"\x1b\[[0-9;]*m", "", coloured) == plain


def test_several_texts_and_their_files(model, capsys, tmp_path):
    explain(model, "--text=light", "--text=matter wave", "--labels=top:2", f"--output_dir={tmp_path}")
    lines = lines_of(tmp_path)
    assert [line["point"] for line in lines] == [0, 0, 1, 1] and all(line["true"] is None for line in lines)
    assert [word["word"] for word in lines[2]["words"]] == ["matter", "wave"]
    assert "4 explanations in" in capsys.readouterr().out
    assert "The given text" in (tmp_path / "report.html").read_text(encoding="utf-8")


def test_a_file_of_texts(model, tmp_path, capsys):
    labels = {"subjects": [text_model.KEYS[2]]}
    path = text_model.write_records(tmp_path / "new.jsonl", text_model.RECORDS[:3], **labels)
    out = tmp_path / "out"
    explain(model, f"--input={path}", "--label_field=subjects", "--points=0-2", "--labels=true", f"--output_dir={out}")
    lines = lines_of(out)
    assert [(line["point"], line["label"], line["true"]) for line in lines] == [
        (0, 2, True),
        (1, 2, True),
        (2, 2, True),
    ]
    for line, record in zip(lines, text_model.RECORDS):
        assert line["label_name"] == "Subject 2" and abs(line["completeness_gap"]) < 1e-9
        total = sum(word["attribution"] for word in line["words"]) + line["unplaced_attribution"]
        assert total == pytest.approx(sum(feature["attribution"] for feature in line["attributions"]), abs=1e-9)
        for word in line["words"]:
            assert record[word["field"]].encode()[word["begin"] : word["end"]].decode() == word["word"]
    assert "mach" not in capsys.readouterr().out.split("explanations in")[0]


def test_the_features_that_drive_each_label_from_texts(model, tmp_path):
    path = text_model.write_records(tmp_path / "new.jsonl", text_model.RECORDS[:3], subjects=[text_model.KEYS[2]])
    out = tmp_path / "out"
    explain(model, f"--input={path}", "--label_field=subjects", "--labels=all", f"--output_dir={out}")
    table = (out / "global.tsv").read_text(encoding="utf-8")
    assert "Subject 2" in table and "light" in table


def test_hostile_texts_stay_text(model, tmp_path):
    hostile = [
        "<script>alert(1)</script> light",
        "\0\x1b[31m light \u202ewave",
        "x" * 1_000_000 + " light",
        "light " * 20_000,
    ]
    path = text_model.write_records(tmp_path / "new.jsonl", [{"title": text, "content": ""} for text in hostile])
    explain(model, f"--input={path}", "--points=all", "--labels=top:1", f"--output_dir={tmp_path}")
    page = (tmp_path / "report.html").read_text(encoding="utf-8")
    assert len(page) < 300_000 and "<script>alert" not in page and not {"\0", "\x1b", "\u202e"} & {*page}
    lines = lines_of(tmp_path)
    for line, text in zip(lines, hostile):
        for word in (*line["words"][:3], *line["words"][-3:]):
            assert text.encode()[word["begin"] : word["end"]].decode() == word["word"]
    assert [len(line["words"]) for line in lines] == [1, 2, 1, 20_000]


@pytest.fixture(scope="module")
def dataset(tmp_path_factory):
    """A dataset of texts, and a model with random weights that passes for one trained on it."""
    root = tmp_path_factory.mktemp("texts")
    for name in ("train", "test"):
        with open(root / f"{name}.jsonl", "w", encoding="utf-8") as file:
            for i, record in enumerate(text_model.RECORDS[:3] * 2):
                file.write(json.dumps({**record, "subjects": [text_model.KEYS[i % 4]]}) + "\n")
    data, model = str(root / "data"), str(root / "model")
    files = {name: str(root / f"{name}.jsonl") for name in ("train", "test")}
    fields = {"text_fields": ["title", "content"], "label_field": "subjects"}
    converted = mach_tf.preprocess(data, **files, **fields, fields_apart=True, feature_hash_dim=40, progress=False)
    made = converted.manifest
    os.mkdir(model)
    model_directory.write(model, features=made.features, labels=made.labels, columns=made.columns, dataset=made)
    kept = kept_files.of_dataset(data, made)
    manifest = dataclasses.replace(ModelManifest.read(model), text=made.text, files_sha256=kept)
    manifest.write(model)
    kept_files.copy(data, model)
    return root, data, model


def test_the_texts_of_a_split(dataset, tmp_path):
    root, data, model = dataset
    flags = [
        f"--dataset_dir={data}",
        "--label_field=subjects",
        "--points=label:https://example.org/1:2",
        "--labels=true",
    ]
    explain(model, *flags, f"--output_dir={tmp_path}")
    lines = lines_of(tmp_path)
    assert [(line["point"], line["label_name"]) for line in lines] == [(1, text_model.KEYS[1]), (5, text_model.KEYS[1])]
    assert lines[0]["words"][0]["word"] == "MATTER"
    terms = {feature["feature_name"] for feature in lines[0]["attributions"]}
    assert "title: matter" in terms and "content: wave field" in terms
    assert lines == explain_file(model, tmp_path / "again", root / "test.jsonl", flags[1:])


def explain_file(model, out, path, flags):
    """Explains a file by the model alone."""
    explain(model, f"--input={path}", *flags, f"--output_dir={out}")
    return lines_of(out)


def test_texts_that_are_gone_or_shared_with_another_split(dataset, tmp_path):
    root = dataset[0]
    held, settings = str(tmp_path / "held"), InputSettings(labels_optional=True)
    fields = {"text_fields": ["title", "content"], "label_field": "subjects", "min_document_frequency": 1}
    mach_tf.preprocess(held, train=str(root / "train.jsonl"), valid_fraction=0.2, progress=False, **fields)
    manifest = DatasetManifest.read(held)
    for split in ("train", "valid"):
        with pytest.raises(InputError, match=r"only a part of the points of the training files.*input=PATH"):
            source_text.find_records(manifest, split, settings)
    copy = tmp_path / "copy.jsonl"
    copy.write_bytes((root / "train.jsonl").read_bytes())
    mach_tf.preprocess(held, train=str(copy), progress=False, overwrite=True, **fields)
    assert source_text.find_records(DatasetManifest.read(held), "train", settings) == [TextInput(str(copy))]
    copy.write_text("{}")
    with pytest.raises(InputError, match=r"copy.jsonl.*gone or changed"):
        source_text.find_records(DatasetManifest.read(held), "train", settings)


def test_parallel_lines_of_a_split_are_found_without_naming_the_format(tmp_path):
    paths = [str(tmp_path / name) for name in ("texts.a", "labels.a", "texts.b", "labels.b")]
    for path in paths:
        with open(path, "w", encoding="utf-8") as file:
            file.write("light wave\nwave light\n")
    data, settings = str(tmp_path / "data"), InputSettings(labels_optional=True)
    pairs = list(zip(paths[::2], paths[1::2]))
    mach_tf.preprocess(data, train=pairs, input_format="lines", progress=False)
    manifest = DatasetManifest.read(data)
    found = [TextInput(*pair) for pair in pairs]
    assert source_text.find_records(manifest, "train", settings) == found
    named = dataclasses.replace(settings, format="lines")
    assert source_text.find_records(manifest, "train", named) == found
    with open(tmp_path / "table", "w", encoding="utf-8") as file:
        file.write("text,label\nlight wave,a\nlight,b\n")
    fields = {"text_fields": "text", "label_field": "label", "input_format": "csv", "min_document_frequency": 1}
    mach_tf.preprocess(data, train=str(tmp_path / "table"), progress=False, overwrite=True, **fields)
    manifest = DatasetManifest.read(data)
    assert source_text.find_records(manifest, "train", settings) == [TextInput(str(tmp_path / "table"))]
    # As earlier versions wrote it.
    unknown = dataclasses.replace(manifest, text=dataclasses.replace(manifest.text, layout=None))
    with pytest.raises(InputError, match=r"table must have a known format.* Give input_format"):
        source_text.find_records(unknown, "train", settings)


@pytest.mark.parametrize(
    ("flags", "rule"),
    [
        (["--text=light", "--input=x.jsonl"], "--text=.* --input means nothing there"),
        (["--text=light", "--points=0"], "--points means nothing there"),
        (["--text=light", "--label_field=x"], "--text_fields, --label_field or --label_separator means nothing there"),
        (["--text=light", "--epsilon=0.1"], "Without --output_dir there is no report: --epsilon means nothing there"),
        (["--input=x.jsonl", "--text_fields=a,b,c", "--output_dir=out"], r"--text_fields must name 2 field\(s\)"),
        (["--text=light", "--labels=all"], "--labels=all needs points with labels"),
        (["--text=light", "--labels=true"], "--labels=true needs points with labels"),
        (["--text=light", "--baseline=mean"], "Give --dataset_dir"),
        (["--text=qwxyz"], "The given text must have words of the model's vocabulary"),
        (["--input=new.jsonl"], "--output_dir must be given"),
        (["--output_dir=out"], "--dataset_dir, --input or --text must be given"),
    ],
)
def test_refusals(model, flags, rule, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(InputError, match=rule):
        explain(model, *flags)


def test_a_model_of_bags_of_words_needs_its_dataset(world, tmp_path):
    flags = [f"--model_dir={world.model}", f"--input={world.text}", f"--output_dir={tmp_path}"]
    with pytest.raises(InputError, match=r"--dataset_dir must be given, because .* bags of words"):
        programs.run("explain.main", *flags)
    flags += [f"--dataset_dir={world.dataset}", "--label_field=x"]
    with pytest.raises(InputError, match="--label_field and --label_separator say how texts are read"):
        programs.run("explain.main", *flags)
    with pytest.raises(InputError, match="bags of words"):
        programs.run("explain.main", f"--model_dir={world.model}", "--text=light", f"--dataset_dir={world.dataset}")
