"""Texts as the points of a model, by the vocabulary that its directory keeps."""

from __future__ import annotations

import os

import numpy as np
import pytest

from mach_tf.errors import InputError
from mach_tf.manifest import ModelManifest
from mach_tf.network import Network
from mach_tf.text.model_texts import ModelTexts
from mach_tf.text.vectorizer import TextVectorizer
from mach_tf.text.vocabulary import Vocabulary
from tests.helpers import text_model


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
