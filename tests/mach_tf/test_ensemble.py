"""Predicting from Python, against the same network in NumPy."""

from __future__ import annotations

import os

import numpy as np
import pytest
import scipy.sparse

import mach_tf
from mach_tf import estimators, points
from mach_tf.ensemble import Ensemble
from mach_tf.errors import InputError
from mach_tf.serving.contents import ServableContents
from tests.helpers import model_directory, text_model


def hashed(ensemble, raw):
    return ensemble.manifest.feature_spec.apply(points.from_csr(raw)).features(ensemble.manifest.columns)


KINDS = {
    "dense": lambda raw: raw.toarray(),
    "float64 list": lambda raw: raw.toarray().tolist(),
    "csc": scipy.sparse.csc_matrix,
    "coo array": scipy.sparse.coo_array,
}


@pytest.mark.parametrize("kind", KINDS)
def test_any_kind_of_matrix_gives_what_csr_gives(model, raw, kind):
    ensemble = Ensemble.load(model[0])
    raw = raw.astype(np.float32)
    assert (ensemble.predict(KINDS[kind](raw), 3) != ensemble.predict(raw, 3)).nnz == 0
    assert (ensemble.explain(KINDS[kind](raw[:4])) != ensemble.explain(raw[:4])).nnz == 0


@pytest.mark.parametrize("estimator", estimators.ESTIMATORS)
@pytest.mark.parametrize("chunk", [1, 5, 1000])
def test_predict_gives_the_best_labels_best_first(model, raw, estimator, chunk):
    ensemble = Ensemble.load(model[0])
    ensemble.chunk_points = chunk
    predicted = ensemble.predict(raw, k=4, estimator=estimator, scores="logit")
    scores = estimators.bucket_scores(model_directory.logits(model[1], hashed(ensemble, raw)), estimator)
    every = np.broadcast_to(np.arange(30), (23, 30))
    expected = estimators.reported(
        estimators.label_scores(scores, ensemble.bucket_table, every, estimator), estimator, 8
    )
    assert predicted.shape == (23, 30) and predicted.dtype == np.float32
    stored = predicted.data.reshape(23, 4)
    assert (np.diff(stored, axis=1) <= 0).all()
    np.testing.assert_allclose(stored, -np.sort(-expected, axis=1)[:, :4], rtol=1e-4, atol=1e-5)
    columns = predicted.indices.reshape(23, 4)
    np.testing.assert_allclose(np.take_along_axis(expected, columns, 1), stored, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("estimator", estimators.ESTIMATORS)
def test_a_dense_copy_of_predictions_ranks_as_the_decoder_does(model, raw, estimator):
    ensemble = Ensemble.load(model[0])
    labels, scores = ensemble.top_k(raw, k=4, estimator=estimator)
    predicted = ensemble.predict(raw, k=4, estimator=estimator)
    np.testing.assert_array_equal(predicted.indices.reshape(23, 4), labels)
    np.testing.assert_array_equal(predicted.data.reshape(23, 4), scores)
    np.testing.assert_array_equal(np.argsort(-predicted.toarray(), axis=1, kind="stable")[:, :4], labels)
    assert labels.dtype == np.int32 and scores.dtype == np.float32 and scores.min() > 0 and scores.max() <= 1
    ranked = ensemble.predict(raw, k=4, estimator=estimator, scores="logit")
    np.testing.assert_array_equal(ranked.indices, predicted.indices)
    expected = estimators.probabilities(ensemble.decode(ensemble.hash(raw), 4, estimator).scores, estimator, 8)
    np.testing.assert_allclose(scores, expected, rtol=1e-6)


def test_unknown_scores_are_refused(model, raw):
    with pytest.raises(InputError, match=r"scores must be one of probability, logit \(got 'percent'\)"):
        Ensemble.load(model[0]).predict(raw, scores="percent")


def test_no_points_give_no_labels(model):
    ensemble = Ensemble.load(model[0])
    assert ensemble.predict(scipy.sparse.csr_matrix((0, 60)), k=2).shape == (0, 30)


def test_features_that_do_not_fit_are_refused(model):
    ensemble = Ensemble.load(model[0])
    with pytest.raises(ValueError, match=r"X must have 60 columns, one for each of the 60 features \(got 61\)"):
        ensemble.predict(scipy.sparse.csr_matrix((1, 61)))
    with pytest.raises(ValueError, match=r"must be \[n, 40\]"):
        ensemble.bucket_logits(scipy.sparse.csr_matrix((1, 41)))
    with pytest.raises(ValueError, match="must be finite"):
        ensemble.predict(scipy.sparse.csr_matrix(np.where(np.arange(60) == 3, np.nan, 0.0)[None]))


def test_it_is_exported_by_the_package():
    assert mach_tf.Ensemble is Ensemble


def test_names_are_shown_and_must_fit(model, raw):
    ensemble = Ensemble.load(model[0])
    features, labels = [f"word {i}" for i in range(60)], [f"topic {i}" for i in range(30)]
    explained = ensemble.explain(raw[:1], feature_names=features, label_names=labels)
    html = explained._repr_html_()
    assert f"topic {explained.labels[0]}" in html and f"word {explained.indices[abs(explained.data).argmax()]}" in html
    with pytest.raises(ValueError, match=r"feature_names must hold 60 names, one per feature \(got 59\)"):
        ensemble.explain(raw[:1], feature_names=features[1:])
    with pytest.raises(ValueError, match=r"label_names must hold 30 names, one per label \(got 31\)"):
        ensemble.explain(raw[:1], label_names=["another", *labels])


@pytest.mark.parametrize("estimator", estimators.ESTIMATORS)
@pytest.mark.parametrize("chunk", [5, 1000])
def test_labels_are_chosen_among_some(model, raw, estimator, chunk):
    ensemble = Ensemble.load(model[0])
    ensemble.chunk_points = chunk
    chosen = [2, 11, 17, 29]
    every = ensemble.top_k(raw, k=30, estimator=estimator, scores="logit")
    found = ensemble.top_k(raw, k=3, estimator=estimator, scores="logit", only_labels=chosen)
    inside = np.isin(every.labels, chosen)
    np.testing.assert_array_equal(found.labels, every.labels[inside].reshape(23, 4)[:, :3])
    np.testing.assert_array_equal(found.scores, every.scores[inside].reshape(23, 4)[:, :3])
    assert ensemble.top_k(raw, k=9, only_labels=chosen).labels.shape == (23, 4)


def test_labels_above_a_probability(model, raw):
    ensemble = Ensemble.load(model[0])
    every, some = ensemble.predict(raw, k=30), ensemble.predict(raw, k=30, min_probability=0.5)
    np.testing.assert_array_equal(some.toarray(), np.where(every.toarray() >= 0.5, every.toarray(), 0))
    assert 0 < some.nnz < every.nnz
    with pytest.raises(InputError, match=r"min_probability must be at most 1 \(got 7\)"):
        ensemble.predict(raw, min_probability=7)
    with pytest.raises(InputError, match=r"only_labels must hold label ids in \[0, 30\) \(got '30'\)"):
        ensemble.predict(raw, only_labels=[30])


@pytest.mark.parametrize("labels", [[[1], [2, 3]], [1], [0.5, 1.5], [["a"], ["b"]], [None, 1], 3])
def test_labels_to_explain_are_equally_many_for_each_point(model, raw, labels):
    with pytest.raises(ValueError, match=r"^labels must be integers \[2\] or \[2, m\], equally many for each point"):
        Ensemble.load(model[0]).explain(raw[:2], labels)


@pytest.mark.filterwarnings("ignore:1 of 4 texts")
def test_texts_are_predicted_as_their_points(tmp_path):
    ensemble = Ensemble.load(text_model.write(tmp_path / "texts"))
    raw = ensemble.texts.points(text_model.RECORDS).features(ensemble.manifest.features)
    for options in ({}, {"k": 3, "scores": "logit"}, {"estimator": "mean"}, {"k": 12, "min_probability": 0.4}):
        found, expected = ensemble.predict_text(text_model.RECORDS, **options), ensemble.top_k(raw, **options)
        for ours, theirs in zip(found.top, expected):
            np.testing.assert_array_equal(ours, theirs)
    best = ensemble.predict_text("Quantum light", k=1)[0][0]
    assert best.name in text_model.NAMES and text_model.KEYS.index(best.key) == text_model.NAMES.index(best.name)
    only = ensemble.predict_text("wave", only_labels=["Subject 3", "id:5"])
    assert {label.key for label in only[0]} == {text_model.KEYS[3], text_model.KEYS[5]}
    with pytest.warns(
        UserWarning, match="1 of 2 texts has no term that the model was trained with; .* Check the language"
    ):
        ensemble.predict_text(["light", "unknown"])


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"k": 13}, r"k must be at most 12 \(got 13\)"),
        ({"scores": "cosine"}, "scores must be one of"),
        ({"only_labels": "nobody"}, "or names or keys of labels"),
        ({"texts": [3]}, "texts must hold for each point a text"),
    ],
)
def test_what_cannot_be_predicted_of_texts_is_refused(tmp_path, options, message):
    ensemble = Ensemble.load(text_model.write(tmp_path / "texts"))
    with pytest.raises(InputError, match=message):
        ensemble.predict_text(**{"texts": "light", **options})


def test_a_model_of_bags_of_words_predicts_no_texts(model):
    with pytest.raises(InputError, match="must be a model of texts"):
        Ensemble.load(model[0]).predict_text("light")


def test_explanations_show_the_names_that_the_model_has(tmp_path):
    ensemble = Ensemble.load(text_model.write(tmp_path / "texts"))
    raw = ensemble.texts.points(["light"]).features(ensemble.manifest.features)
    assert ensemble.explain(raw).label_names == text_model.NAMES


def test_a_model_exports_itself(model, raw, tmp_path):
    ensemble = Ensemble.load(model[0])
    servable = ensemble.export(tmp_path / "tiny" / "3", weights="float16")
    assert (servable.name, os.path.basename(servable.path)) == ("tiny", "3")
    assert ServableContents.read(servable.path).weights == "float16"
    with pytest.raises(InputError, match="must not exist yet"):
        ensemble.export(servable.path)
    with pytest.raises(TypeError, match="weigths"):
        ensemble.export(tmp_path / "tiny" / "4", weigths="int8")
