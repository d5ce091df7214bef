"""Ensemble.explain_text: the explanations of the texts' points, with their words."""

from __future__ import annotations

import numpy as np
import pytest

from mach_tf.ensemble import Ensemble
from mach_tf.errors import InputError
from tests.helpers import model_directory, text_model

TEXTS = ["Quantum light, (wave) light!", {"title": "Matter", "content": "über field"}, ("光", "wave energy")]


@pytest.fixture(scope="module")
def model(tmp_path_factory):
    """A model of texts whose features are hashed, so that some terms share a hashed feature."""
    return Ensemble.load(text_model.write(tmp_path_factory.mktemp("model") / "model"))


def test_rows_are_those_of_the_points_and_words_add_up(model):
    found = model.explain_text(TEXTS, labels=np.array([[1, 2], [3, 4], [5, 6]]))
    raw = model.texts.points(TEXTS)
    plain = model.explain(raw.features(model.manifest.features), labels=np.array([[1, 2], [3, 4], [5, 6]]))
    np.testing.assert_array_equal(found.toarray(), plain.toarray())
    assert found.feature_names == text_model.TERMS and found.label_names == text_model.NAMES
    for row in range(6):
        words = found.words(row)
        assert words.rest == 0.0
        assert words.values.sum() == pytest.approx(found.scores[row] - found.baseline_scores[row], abs=1e-9)
    words = found.words(0)
    assert [words.text.word(i) for i in range(len(words.text))] == ["Quantum", "light", "wave", "light"]


def test_one_text_and_its_best_label(model):
    found = model.explain_text(TEXTS[0])
    assert (
        found.shape == (1, model.manifest.features)
        and found.labels.tolist() == model.predict_text(TEXTS[0], 1).top.labels[0].tolist()
    )
    assert "Quantum" in found._repr_html_() and "mach-words" in found._repr_html_()


def test_what_only_the_baseline_has_belongs_to_no_word(model):
    found = model.explain_text("light", labels=[3], baseline="wave")
    words = found.words(0)
    change = found.scores[0] - found.baseline_scores[0]
    assert words.values.sum() + words.rest == pytest.approx(change, abs=1e-9) and words.rest != 0


def test_refusals(model, tmp_path):
    for texts, labels, rule in (
        (3, None, "texts must be"),
        ("light", [99], "0, 12"),
        (["light", "wave"], [1], "integers"),
    ):
        with pytest.raises(InputError, match=rule):
            model.explain_text(texts, labels=labels)
    with pytest.warns(UserWarning, match="The text has no term"):
        model.explain_text("unknown")
    model_directory.write(str(tmp_path))
    with pytest.raises(InputError, match="bags of words"):
        Ensemble.load(str(tmp_path)).explain_text("light")


def test_labels_are_given_by_name_or_key(model):
    text = text_model.RECORDS[0]
    expected = model.explain_text(text, labels=[[3, 5]])
    for labels in ("Subject 3,Subject 5", [["Subject 3", text_model.KEYS[5]]], "3,id:5"):
        found = model.explain_text(text, labels=labels)
        assert found.labels.tolist() == [3, 5]
        np.testing.assert_array_equal(found.toarray(), expected.toarray())
    with pytest.raises(InputError, match=r"labels must hold .*'subject 3'\)\. Did you mean 'Subject 3'"):
        model.explain_text(text, labels=["subject 3"])
