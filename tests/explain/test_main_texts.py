"""The program on texts: of a file, and of the command line, with and without colours."""

from __future__ import annotations

import json
import os
import re
import sys

import pytest

from mach_tf.ensemble import Ensemble
from mach_tf.errors import InputError
from mach_tf.programs import terminal_colours
from tests.helpers import programs, text_model

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


@pytest.mark.parametrize(
    ("flags", "rule"),
    [
        (["--text=light", "--input=x.jsonl"], "--text=.* --input means nothing there"),
        (["--text=light", "--points=0"], "--points means nothing there"),
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
    with pytest.raises(InputError, match="bags of words"):
        programs.run("explain.main", f"--model_dir={world.model}", "--text=light", f"--dataset_dir={world.dataset}")
