"""eval.predict through its flags, against Ensemble.predict; and what it refuses."""

from __future__ import annotations

import bz2
import json
import os

import numpy as np
import pytest
import scipy.sparse

from mach_tf.ensemble import Ensemble
from mach_tf.errors import InputError
from tests.helpers import model_directory, programs, text_model


def write_text(path, features, labels=None, header=None, opener=open):
    points, width = features.shape
    with opener(path, "wt") as file:
        file.write(header or f"{points} {width} 30\n")
        for i in range(points):
            row = features[i]
            ids = "" if labels is None else ",".join(map(str, labels[i].indices))
            file.write(ids + " " + " ".join(f"{a}:{float(b)!r}" for a, b in zip(row.indices, row.data)) + "\n")
    return path


def predict(evaluated, source, output, *arguments):
    programs.run(
        "eval.predict", f"--model_dir={evaluated.model_dir}", f"--input={source}", f"--output={output}", *arguments
    )
    first, *lines = output.read_text().splitlines()
    pairs = [[pair.split(":") for pair in line.split()] for line in lines]
    return (
        first,
        [[int(label) for label, _ in row] for row in pairs],
        [[float(score) for _, score in row] for row in pairs],
    )


@pytest.mark.parametrize("with_labels", [True, False])
@pytest.mark.parametrize(("estimator", "k"), [("logit_mean", 5), ("mean", 2), ("min", 30)])
def test_it_writes_what_the_ensemble_predicts(evaluated, tmp_path, with_labels, estimator, k):
    features, labels = evaluated.test
    source = write_text(tmp_path / "points.txt", features, labels if with_labels else None)
    first, got, scores = predict(evaluated, source, tmp_path / "out.txt", f"--k={k}", f"--estimator={estimator}")
    expected = Ensemble.load(evaluated.model_dir).predict(features, k=k, estimator=estimator)
    assert first == "25 30"
    np.testing.assert_array_equal(got, expected.indices.reshape(25, k))
    np.testing.assert_array_equal(np.array(scores, np.float32), expected.data.reshape(25, k))


def test_scores_may_be_those_that_are_ranked_and_explained(evaluated, tmp_path):
    source = write_text(tmp_path / "points.txt", evaluated.test[0])
    _, got, scores = predict(evaluated, source, tmp_path / "out.txt", "--scores=logit")
    expected = Ensemble.load(evaluated.model_dir).predict(evaluated.test[0], scores="logit")
    np.testing.assert_array_equal(got, expected.indices.reshape(25, 5))
    np.testing.assert_array_equal(np.array(scores, np.float32), expected.data.reshape(25, 5))
    assert expected.data.max() > 1


def test_compressed_input_and_fewer_repetitions(evaluated, tmp_path):
    source = write_text(tmp_path / "points.txt.bz2", evaluated.test[0], opener=bz2.open)
    _, got, _ = predict(evaluated, source, tmp_path / "out.txt", "--repetitions=1")
    expected = Ensemble.load(evaluated.model_dir, repetitions=1).predict(evaluated.test[0])
    np.testing.assert_array_equal(got, expected.indices.reshape(25, 5))


@pytest.mark.parametrize(
    ("header", "arguments", "message"),
    [
        ("25 61 30\n", [], r"points\.txt, line 1: the model was trained on 60 raw features, the file has 61"),
        ("26 60 30\n", [], r"line 26: a file must have as many lines"),
        (None, ["--k=31"], r"--k must be at most 30"),
        (None, ["--output=/proc/nowhere/out.txt"], r"--output must be a file in an existing folder"),
    ],
)
def test_refusals_leave_no_output(evaluated, tmp_path, header, arguments, message):
    source = write_text(tmp_path / "points.txt", evaluated.test[0], header=header)
    with pytest.raises(InputError, match=message):
        predict(evaluated, source, tmp_path / "out.txt", *arguments)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["points.txt"]


def test_a_bad_line_is_named(evaluated, tmp_path):
    source = tmp_path / "points.txt"
    source.write_text("2 60 30\n1 3:1\n1 3:x\n")
    with pytest.raises(InputError, match=r"points\.txt, line 3"):
        predict(evaluated, source, tmp_path / "out.txt")
    assert not (tmp_path / "out.txt").exists()


def test_json_lines_of_chosen_labels_through_the_flags(evaluated, tmp_path):
    source = write_text(tmp_path / "points.txt", evaluated.test[0])
    (tmp_path / "Yf.txt").write_text("".join(f"name {label}\n" for label in range(30)))
    (tmp_path / "chosen.txt").write_text("name 3\n17\nname 4\n")
    programs.run(
        "eval.predict", f"--model_dir={evaluated.model_dir}", f"--input={source}", f"--output={tmp_path}/out.jsonl",
        "--format=jsonl", f"--label_names={tmp_path}/Yf.txt", f"--only_labels={tmp_path}/chosen.txt", "--min_probability=0.4",
    )  # fmt: skip
    lines = [json.loads(line) for line in (tmp_path / "out.jsonl").read_text().splitlines()]
    labels, _ = Ensemble.load(evaluated.model_dir).top_k(evaluated.test[0], only_labels=[3, 4, 17], min_probability=0.4)
    assert labels.shape == (25, 3) and (labels < 0).any()
    assert [[entry["label"] for entry in line["labels"]] for line in lines] == [
        [label for label in row if label >= 0] for row in labels.tolist()
    ]
    assert {entry["name"] for line in lines for entry in line["labels"]} <= {"name 3", "name 17", "name 4"}


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (
            ["--label_names=Yf.txt"],
            r"--label_names has no effect on score matrices.*--format=jsonl, or with --only_labels",
        ),
        (["--only_labels=30"], r"--only_labels must hold label ids in \[0, 30\)"),
        (["--objective=psp"], r"--objective=psp needs --format=jsonl or --format=tsv.*score matrices"),
        (["--objective=psp", "--format=jsonl"], r"--objective=psp needs the training frequencies of the labels"),
        (["--objective=psp", "--estimator=mean"], r"--objective=psp needs the estimator logit_mean"),
        (["--min_probability=2"], r"--min_probability must be at most 1 \(got 2\.0\)"),
    ],
)
def test_refusals_name_flags(evaluated, tmp_path, arguments, message):
    source = write_text(tmp_path / "points.txt", evaluated.test[0])
    with pytest.raises(InputError, match=message):
        predict(evaluated, source, tmp_path / "out.txt", *arguments)


@pytest.fixture(scope="module")
def texts(tmp_path_factory):
    return text_model.write(tmp_path_factory.mktemp("models") / "texts")


@pytest.mark.filterwarnings("ignore:1 of 4 texts")
def test_texts_are_predicted_by_the_fields_of_the_training_data(texts, tmp_path):
    source = text_model.write_records(tmp_path / "new.jsonl", subjects=["a"])
    programs.run("eval.predict", f"--model_dir={texts}", f"--input={source}", f"--output={tmp_path}/top.jsonl", "--k=2")
    lines = [json.loads(line) for line in (tmp_path / "top.jsonl").read_text().splitlines()]
    assert lines == Ensemble.load(texts).predict_text(text_model.RECORDS, k=2).to_json()


def test_other_fields_are_named_by_a_flag_and_bad_lines_skipped(texts, tmp_path):
    (tmp_path / "new.csv").write_text("body,head\nwave,light\nonly one cell\n")
    flags = ["--text_fields=head,body", "--on_bad_line=skip", "--input_format=csv", "--format=tsv", "--k=1"]
    with pytest.warns(UserWarning, match="1 of 2 points .* have no predictions"):
        programs.run(
            "eval.predict", f"--model_dir={texts}", f"--input={tmp_path}/new.csv", f"--output={tmp_path}/out", *flags
        )
    header, row = (tmp_path / "out").read_text().splitlines()
    best = Ensemble.load(texts).predict_text([("light", "wave")], k=1)[0][0]
    assert header == "point\tlabel\tkey\tname\tprobability" and row.split("\t")[:4:2] == ["0", best.key]


def test_a_text_of_the_command_line_prints_a_table(texts, capsys):
    programs.run("eval.predict", f"--model_dir={texts}", "--text=Quantum light", "--k=3")
    assert capsys.readouterr().out == f"{Ensemble.load(texts).predict_text('Quantum light', k=3)}\n"
    programs.run("eval.predict", f"--model_dir={texts}", "--text=light", "--text=wave", "--k=1")
    assert capsys.readouterr().out.splitlines()[0].split() == ["point", "probability", "name", "key"]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--text=a", "--output=b"], "--text prints a table of its own text, so --output has no effect"),
        (["--text=a", "--input=b"], "--text prints .* --input has no effect"),
        (["--text=a", "--format=jsonl"], "--format has no effect"),
        ([], "--input must name a file, because --text is not given"),
        (["--input=a"], "--output must name a file"),
        (["--text=a", "--k=13"], r"--k must be at most 12 \(got 13\)"),
    ],
)
def test_a_text_and_a_file_are_not_given_together(texts, arguments, message):
    with pytest.raises(InputError, match=message):
        programs.run("eval.predict", f"--model_dir={texts}", *arguments)


def test_a_text_for_a_model_of_bags_of_words_is_refused(evaluated, tmp_path):
    with pytest.raises(InputError, match="must be a model of texts"):
        programs.run("eval.predict", f"--model_dir={evaluated.model_dir}", "--text=light")
    source = text_model.write_records(tmp_path / "new.jsonl")
    with pytest.raises(InputError, match=r"must be a bag of words, because .*--input_format=bow"):
        predict(evaluated, source, tmp_path / "out.txt")


def test_a_model_of_few_labels_predicts_them_all_by_default(tmp_path):
    os.mkdir(tmp_path / "model")
    model_directory.write(str(tmp_path / "model"), features=6, labels=3, columns=6)
    source = write_text(tmp_path / "points.txt", scipy.sparse.eye(4, 6, format="csr"), header="4 6 3\n")
    arguments = [f"--model_dir={tmp_path}/model", f"--input={source}", f"--output={tmp_path}/out.txt"]
    programs.run("eval.predict", *arguments)
    first, *lines = (tmp_path / "out.txt").read_text().splitlines()
    assert first == "4 3" and all(len(line.split()) == 3 for line in lines)
    with pytest.raises(InputError, match=r"--k must be"):
        programs.run("eval.predict", *arguments, "--k=5")
