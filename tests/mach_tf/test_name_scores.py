"""Names of labels as a second score, in memory and through files, against adding and sorting all scores."""

from __future__ import annotations

import json

import numpy as np
import pytest

from mach_tf import estimators, prediction
from mach_tf.ensemble import Ensemble
from mach_tf.errors import InputError
from mach_tf.label_titles import LabelTitles
from mach_tf.name_scores import name_score
from mach_tf.text.vectorizer import TextVectorizer
from tests.helpers import model_directory, text_model

NAMES = [
    "Light",
    "unrelated",
    "matter wave",
    "Über",
    "energy",
    "quantum field",
    "x",
    "y",
    "z",
    "光",
    "wave",
    "light wave",
]
TEXTS = [text_model.RECORDS[0], text_model.RECORDS[1], "light matter", "光 energy"]


@pytest.fixture(scope="module")
def model(tmp_path_factory):
    return Ensemble.load(text_model.write(tmp_path_factory.mktemp("models") / "texts", names=NAMES))


def _sums(model, estimator, weight):
    """All scores of all labels, and the cosines, computed by the vectorizer alone."""
    features = model.hash_points(model.texts.points(TEXTS))
    every = np.tile(np.arange(text_model.LABELS), (len(TEXTS), 1))
    scores = estimators.bucket_scores(model.bucket_logits(features), estimator)
    of_names = TextVectorizer(model.texts.vectorizer.vocabulary).points([[name, name] for name in NAMES])
    cosines = (features @ model.hash_points(of_names).T).toarray()
    assert (cosines > 0).sum(axis=1).min() > 0 and cosines.max() < 1.001
    return estimators.label_scores(scores, model.bucket_table, every, estimator) + np.float32(weight) * cosines


@pytest.mark.parametrize("estimator", estimators.ESTIMATORS)
@pytest.mark.parametrize("weight", [0.01, 0.5, 20.0])
def test_texts_that_resemble_a_name_rank_its_label_higher(model, estimator, weight):
    expected = _sums(model, estimator, weight)
    top = model.predict_text(TEXTS, k=5, estimator=estimator, scores="logit", name_weight=weight).top
    order = np.argsort(-expected, axis=1, kind="stable")[:, :5]
    shown = estimators.reported(np.take_along_axis(expected, order, 1), estimator, model.manifest.bucket_spec.buckets)
    np.testing.assert_allclose(top.scores, shown, rtol=1e-5, atol=1e-5)
    np.testing.assert_allclose(
        np.take_along_axis(expected, top.labels, 1), np.take_along_axis(expected, order, 1), atol=1e-5
    )
    probable = model.predict_text(TEXTS, k=5, estimator=estimator, name_weight=weight).top
    np.testing.assert_array_equal(probable.labels, top.labels)
    assert probable.scores.min() > 0 and probable.scores.max() <= 1 and (np.diff(probable.scores, axis=1) <= 0).all()


def test_a_large_weight_ranks_by_the_names(model):
    top = model.predict_text(["matter wave", "Quantum field."], k=1, name_weight=1000.0).top
    assert [NAMES[label] for label in top.labels[:, 0]] == ["matter wave", "quantum field"]


def test_among_some_labels(model):
    every = model.predict_text(TEXTS, k=text_model.LABELS, name_weight=2.0).top
    some = model.predict_text(TEXTS, k=5, name_weight=2.0, only_labels=[1, 4, 11]).top
    for row, expected in zip(some.labels, every.labels):
        assert row.tolist() == [label for label in expected if label in (1, 4, 11)]


def test_files_are_predicted_as_texts_in_memory(model, tmp_path):
    source = text_model.write_records(tmp_path / "new.jsonl", text_model.RECORDS[:3])
    prediction.predict_file(model, source, str(tmp_path / "top.jsonl"), k=3, name_weight=3.0)
    lines = [json.loads(line) for line in (tmp_path / "top.jsonl").read_text().splitlines()]
    assert lines == model.predict_text(text_model.RECORDS[:3], k=3, name_weight=3.0).to_json()
    assert lines != model.predict_text(text_model.RECORDS[:3], k=3).to_json()


def test_names_of_a_file_are_compared(model, tmp_path):
    source = text_model.write_records(tmp_path / "new.jsonl", [{"title": "light", "content": "quantum"}])
    names = ["none"] * text_model.LABELS
    names[7] = "Light quantum"
    (tmp_path / "names").write_text("".join(f"{name}\n" for name in names))
    options = {"k": 1, "name_weight": 1000.0, "label_names": str(tmp_path / "names"), "force": True}
    prediction.predict_file(model, source, str(tmp_path / "top.txt"), **options)
    assert (tmp_path / "top.txt").read_text().split()[2].startswith("7:")


def test_what_cannot_be_compared_is_refused(model, tmp_path):
    assert name_score(model, 0.0) is None
    for weight, got in ((-1.0, "-1"), (float("nan"), "nan"), ("1", "'1'"), (1e9, "1")):
        with pytest.raises(InputError, match=f"name_weight must be .*{got}"):
            model.predict_text(TEXTS, name_weight=weight)
    with pytest.raises(InputError, match=r"name_weight compares texts with the names of labels, but .* has none"):
        name_score(model, 1.0, LabelTitles())
    with pytest.raises(InputError, match="must have words of the vocabulary"):
        name_score(model, 1.0, LabelTitles(["?"] * text_model.LABELS))
    bags = tmp_path / "bags"
    bags.mkdir()
    model_directory.write(str(bags), features=60, labels=12, columns=40, hidden=7, repetitions=2)
    with pytest.raises(InputError, match="must be a model of texts"):
        name_score(Ensemble.load(str(bags)), 1.0, LabelTitles(NAMES))
