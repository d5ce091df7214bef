"""Texts as the points of a model, by the vocabulary that its directory keeps."""

from __future__ import annotations

import os

import numpy as np
import pyarrow
import pytest
from pyarrow import parquet

from mach_tf.data.libsvm import TextInput
from mach_tf.errors import InputError
from mach_tf.manifest import ModelManifest
from mach_tf.network import Network
from mach_tf.record_layout import RecordLayout
from mach_tf.text.model_texts import ModelTexts
from mach_tf.text.readers.opening import open_records
from mach_tf.text.readers.settings import InputSettings
from mach_tf.text.vectorizer import TextVectorizer
from mach_tf.text.vocabulary import Vocabulary
from tests.helpers import text_model
from tests.mach_tf.text.readers.reading import read


@pytest.fixture(scope="module")
def model(tmp_path_factory):
    return text_model.write(tmp_path_factory.mktemp("models") / "texts")


def test_texts_are_the_points_of_the_vectorizer(model):
    manifest = ModelManifest.read(model)
    texts = ModelTexts.open(model, manifest)
    assert texts.fields == ("title", "content")
    vectorizer = TextVectorizer(Vocabulary.read(model, manifest.text, manifest.features))
    expected = vectorizer.points([[record["title"], record["content"]] for record in text_model.RECORDS])
    found = texts.points(text_model.RECORDS)
    assert len(found) == 4 and np.diff(found.row_splits).tolist()[3] == 0
    for name in ("row_splits", "feature_ids", "feature_values"):
        np.testing.assert_array_equal(getattr(found, name), getattr(expected, name))


def test_a_model_of_bags_of_words_takes_no_texts(evaluated):
    with pytest.raises(
        InputError, match=r"must be a model of texts .*trained on bags of words\. Give it points with its 60 raw"
    ):
        _ = Network.load(evaluated.model_dir).texts


@pytest.mark.parametrize("name", ["feature_names.txt", "document_frequencies.npy"])
@pytest.mark.parametrize("damage", ["removed", "altered"])
def test_a_damaged_vocabulary_is_refused(tmp_path, name, damage):
    model = text_model.write(tmp_path / "model")
    manifest = ModelManifest.read(model)
    path = os.path.join(model, name)
    if damage == "removed":
        os.remove(path)
    else:
        with open(path, "r+b") as file:
            file.seek(-2, os.SEEK_END)
            file.write(b"\x07")
    for opened in (lambda: Network.load(model), lambda: ModelTexts.open(model, manifest)):
        with pytest.raises(InputError, match=rf"{name} is (missing|not the file that model\.json describes)"):
            opened()


def test_fields_may_have_other_names_in_a_file(model):
    texts = ModelTexts.open(model, ModelManifest.read(model))
    assert texts.fields_in(()) == ("title", "content") and texts.fields_in(["a", "b"]) == ("a", "b")
    with pytest.raises(InputError, match=r"text_fields must name 2 field\(s\).*title, content.*got a\)"):
        texts.fields_in(["a"])


TABLE = "title,content,tags\nlight,wave,a;b\n"


@pytest.mark.parametrize(
    ("layout", "name", "content", "expected"),
    [
        (None, "new.csv", TABLE, ("auto", (), None)),
        (RecordLayout("auto", (), ("tags",), ";"), "new.csv", TABLE, ("auto", ("tags",), ";")),
        (RecordLayout("csv", (), ("tags",), ";"), "new.txt", TABLE, ("csv", ("tags",), ";")),
        (RecordLayout("csv", (), ("tags",), ";"), "new.jsonl", "{}\n", ("auto", ("tags",), ";")),
        (RecordLayout("annif", ("tsv",)), "new.tsv", "light\thttps://example.org/1\n", ("annif", (), None)),
        (RecordLayout("annif", ("tsv",)), "new.jsonl", "{}\n", ("auto", (), None)),
        (RecordLayout("csv"), "pipe", None, ("csv", (), None)),
    ],
)
def test_files_are_read_as_the_training_data_were(model, tmp_path, layout, name, content, expected):
    texts = ModelTexts(ModelTexts.open(model, ModelManifest.read(model)).vectorizer, layout)
    path = tmp_path / name
    os.mkfifo(path) if content is None else path.write_text(content)
    found = texts.settings_for(TextInput(str(path)), InputSettings(labels_optional=True))
    assert (found.format, found.label_fields, found.label_separator) == expected
    assert found.text_fields == ("title", "content") and "text_fields" in found.trained


def test_what_is_given_comes_before_what_the_training_data_had(model, tmp_path):
    layout = RecordLayout("csv", (), ("tags",), ";")
    texts = ModelTexts(ModelTexts.open(model, ModelManifest.read(model)).vectorizer, layout)
    (tmp_path / "new.txt").write_text(TABLE)
    given = InputSettings("tsv", ("tags", "b"), (), ",", labels_optional=True)
    found = texts.settings_for(TextInput(str(tmp_path / "new.txt")), given)
    assert (found.format, found.text_fields, found.label_fields, found.label_separator) == (
        "tsv",
        ("tags", "b"),
        (),
        ",",
    )
    found = texts.settings_for(
        TextInput(str(tmp_path / "new.txt")), InputSettings(label_fields=("x",), labels_optional=True)
    )
    assert (found.format, found.label_fields, found.label_separator) == ("csv", ("x",), None)


def test_a_file_that_differs_from_the_training_data_is_told(model, tmp_path):
    texts = ModelTexts(ModelTexts.open(model, ModelManifest.read(model)).vectorizer, RecordLayout("csv"))
    (tmp_path / "new.txt").write_text("no table\n")
    settings = texts.settings_for(TextInput(str(tmp_path / "new.txt")), InputSettings(labels_optional=True))
    message = "must be a column 'title' .*It was read as csv, because the training data were; if .* give input_format"
    with pytest.raises(InputError, match=message), open_records(TextInput(str(tmp_path / "new.txt")), settings):
        pass


@pytest.mark.parametrize("name", ["new.ft", "new.tsv"])
def test_formats_without_fields_ignore_the_fields_of_the_training_data(model, tmp_path, name):
    texts = ModelTexts(
        ModelTexts.open(model, ModelManifest.read(model)).vectorizer, RecordLayout("auto", (), ("tags",), ";")
    )
    (tmp_path / name).write_text("__label__x light" if name == "new.ft" else "light\t<https://example.org/1>\n")
    settings = texts.settings_for(TextInput(str(tmp_path / name)), InputSettings(labels_optional=True))
    records, _ = read(tmp_path / name, settings)
    assert [(record.texts, len(record.labels)) for record in records] == [(("light",), 1)]


@pytest.mark.parametrize("name", ["new.csv", "new.parquet"])
def test_fields_that_nobody_named_are_told_to_be_those_of_training(model, tmp_path, name):
    texts = ModelTexts.open(model, ModelManifest.read(model))
    path = tmp_path / name
    if name == "new.csv":
        path.write_text("head,body\nlight,wave\n")
    else:
        parquet.write_table(pyarrow.table({"head": ["light"], "body": ["wave"]}), path)
    source = TextInput(str(path))
    settings = texts.settings_for(source, InputSettings(labels_optional=True))
    message = r"a column 'title' .*\. text_fields are title, content by default, as in training; name others"
    with pytest.raises(InputError, match=message), open_records(source, settings):
        pass
    named = texts.settings_for(source, InputSettings(text_fields=("head", "missing"), labels_optional=True))
    with pytest.raises(InputError, match=r"a column 'missing' .* Name "), open_records(source, named):
        pass
