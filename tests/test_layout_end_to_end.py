"""Files of the layout of the training data are predicted and explained without flags about it."""

from __future__ import annotations

import json

import pytest

import mach_tf
from tests.helpers import programs

ROWS = [("light wave lens", 1, 0), ("stork wing nest", 0, 1), ("light lens", 1, 0), ("wing nest light", 1, 1)]
CONTENT = "No;Text ;Optics;Birds\n" + "".join(f"7;{text};{a};{b}\n" for text, a, b in ROWS)


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    """A model of a table of zeros and ones under a name that does not tell the format."""
    folder = tmp_path_factory.mktemp("layout")
    for name in ("train.txt", "test.txt", "new.txt"):
        (folder / name).write_text(CONTENT)
    flags = ["--text_fields=Text", "--label_field=Optics,Birds", "--label_indicators", "--input_format=csv"]
    files = [f"--train={folder}/train.txt", f"--test={folder}/test.txt", f"--output_dir={folder}/data"]
    programs.run("preprocess.to_tfrecord", *files, *flags, "--min_document_frequency=1")
    small = {"buckets": 2, "repetitions": 2, "hidden_units": 8, "epochs": 2, "strategy": "one_device"}
    mach_tf.fit(folder / "data", folder / "model", progress=False, **small)
    return folder


def test_prediction_reads_the_format_of_the_training_data(trained):
    flags = [f"--model_dir={trained}/model", f"--input={trained}/new.txt", f"--output={trained}/top.jsonl"]
    programs.run("eval.predict", *flags)
    lines = [json.loads(line) for line in (trained / "top.jsonl").read_text().splitlines()]
    assert len(lines) == len(ROWS)
    assert {label["name"] for line in lines for label in line["labels"]} == {"Optics", "Birds"}


@pytest.mark.parametrize(
    "inputs", [["--dataset_dir={}/data"], ["--input={}/new.txt"], ["--dataset_dir={}/data", "--input={}/new.txt"]]
)
def test_explanation_reads_the_labels_of_the_training_data(trained, inputs, tmp_path):
    given = [flag.format(trained) for flag in inputs]
    programs.run(
        "explain.main",
        f"--model_dir={trained}/model",
        f"--output_dir={tmp_path}/out",
        "--points=0-3",
        "--labels=true",
        *given,
    )
    lines = [json.loads(line) for line in (tmp_path / "out" / "explanations.jsonl").read_text().splitlines()]
    found = [(line["point"], line["label_name"]) for line in lines]
    assert sorted(found) == [(0, "Optics"), (1, "Birds"), (2, "Optics"), (3, "Birds"), (3, "Optics")]
