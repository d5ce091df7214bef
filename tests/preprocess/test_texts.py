"""Texts through the program's flags, from each of three formats to a trained model."""

from __future__ import annotations

import os

import pytest

from mach_tf.data import model_dataset, verification
from mach_tf.errors import InputError
from mach_tf.manifest import DatasetManifest, ModelManifest
from tests.helpers import programs, sample_texts, tiny

# The program that writes each format, and its flags.
FORMATS = {
    "jsonl": (sample_texts.write_jsonl, ["--text_fields=title,content", "--label_field=labels", "--text_weights=2,1"]),
    "csv": (
        sample_texts.write_csv,
        ["--text_fields=title,content", "--label_field=labels", "--label_separator=;", "--fields_apart"],
    ),
    "tsv": (sample_texts.write_annif, ["--label_names={folder}/names", "--char_ngrams=3,4"]),
}


@pytest.mark.parametrize("form", FORMATS)
def test_from_a_file_to_a_trained_model(tmp_path, capsys, form):
    write, given = FORMATS[form]
    train = write(tmp_path / f"train.{form}", sample_texts.examples(60))
    test = write(tmp_path / f"test.{form}", sample_texts.examples(20, seed=1))
    (tmp_path / "names").write_text("".join(f"<http://example.org/{key}>\tThe {key}\n" for key in sample_texts.TOPICS))
    out, model = str(tmp_path / "out"), str(tmp_path / "model")
    programs.run(
        "preprocess.to_tfrecord",
        f"--train={train}",
        f"--test={test}",
        "--valid_fraction=0.2",
        "--min_document_frequency=3",
        f"--output_dir={out}",
        *[flag.format(folder=tmp_path) for flag in given],
    )
    shown = capsys.readouterr().out
    assert "in fewer than 3 training points (--min_document_frequency)" in shown and f"Dataset: {out}" in shown
    manifest = DatasetManifest.read(out)
    assert verification.verify(out).is_whole
    assert {split: manifest.splits[split].points for split in ("test",)} == {"test": 20}
    names, keys = manifest.read_label_names(out), manifest.read_label_keys(out)
    assert names is not None and len(names) == 3
    if form == "tsv":
        assert keys is not None and [f"The {key.rpartition('/')[2]}" for key in keys] == names
    terms = manifest.read_feature_names(out)
    assert terms is not None and any(term.startswith("title: ") for term in terms) == (form == "csv")
    assert any(term.startswith("~") for term in terms) == (form == "tsv")
    tiny.train(out, model, repetitions=1, epochs=1)
    model_dataset.check_dataset(ModelManifest.read(model), manifest, model, out)


def test_messages_name_flags(tmp_path):
    train = sample_texts.write_jsonl(tmp_path / "train.jsonl", sample_texts.examples(5))
    given = [f"--train={train}", f"--output_dir={tmp_path}/out"]
    with pytest.raises(InputError, match="--text_fields must name the fields with texts"):
        programs.run("preprocess.to_tfrecord", *given)
    with pytest.raises(InputError, match=r"--word_ngrams must be two numbers.*\(got \('x',\)\)"):
        programs.run("preprocess.to_tfrecord", *given, "--word_ngrams=x")
    with pytest.raises(InputError, match="--text_weights must hold one weight per text field"):
        programs.run("preprocess.to_tfrecord", *given, "--text_weights=2")
    (tmp_path / "bow.txt").write_text("1 2 1\n0 1:1\n")
    with pytest.raises(InputError, match="--max_vocabulary is an option for texts"):
        programs.run("preprocess.to_tfrecord", f"--train={tmp_path}/bow.txt", given[1], "--max_vocabulary=7")
    assert not os.path.exists(tmp_path / "out")
