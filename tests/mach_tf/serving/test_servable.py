from __future__ import annotations

import numpy as np
import pytest
import scipy.sparse
import tensorflow as tf

from mach_tf import points
from mach_tf.ensemble import Ensemble
from mach_tf.ranker.ranker import Ranker
from mach_tf.serving.raw_features import RawFeatures
from mach_tf.serving.row_places import RowPlaces
from mach_tf.serving.servable import EnsembleServable
from mach_tf.serving.stored_ranker import StoredRanker
from mach_tf.serving.stored_weights import StoredWeights


@pytest.fixture(scope="module")
def model(evaluated):
    return Ensemble.load(evaluated.model_dir)


@pytest.fixture(scope="module")
def raw(evaluated):
    return points.from_csr(evaluated.test[0])


def stored(model, **options):
    """The first three parts of a servable."""
    weights = [StoredWeights(repetition.weights, **options) for repetition in model.repetitions]
    return RawFeatures(model.manifest.feature_spec, model.manifest.features), weights, model.bucket_table


def make(model, estimator="logit_mean", reasons=4, feature_names=None, ranker=None, **options):
    names = [f"label-{label}" for label in range(model.labels)]
    ways = {"reasons": reasons, "ranker": ranker, "logit_scale": model.logit_scale}
    return EnsembleServable(*stored(model, **options), estimator, names, feature_names, **ways)


PRUNE = 0.2


def pruned(model, prune_entries):
    """Sets weights of W1 to zero, by NumPy; returns the options of `stored` that do the same."""
    kernels = np.stack([repetition.weights.hidden_kernel for repetition in model.repetitions])
    norms = np.linalg.norm(kernels, axis=(0, 2))
    least = np.argsort(norms, kind="stable")[: int(PRUNE * len(norms))]
    for index, kernel in enumerate(kernels):
        kernel[least] = np.nan
        ranks = np.argsort(np.abs(kernel), axis=None, kind="stable")
        kernel.reshape(-1)[ranks[: int(prune_entries * np.isfinite(kernel).sum())]] = 0
        kernel[least] = 0
        repetition = model.repetitions[index]
        weights = repetition.weights._replace(hidden_kernel=tf.constant(kernel))
        model.repetitions._loaded[index] = repetition._replace(weights=weights)
    return {"places": RowPlaces(norms, PRUNE), "prune_entries": prune_entries}


RANKER_WEIGHT = 4.5


def ranked_model(model_dir, tied=True):
    """The model with a ranker; tied: every second label shares the buckets and the ranker's weights of the one before it."""
    model = Ensemble.load(model_dir)
    weights = scipy.sparse.random(model.labels, model.manifest.columns, 0.3, "lil", np.float32, random_state=0) * 20
    weights = scipy.sparse.lil_matrix(weights.tocsr() - 9 * (weights != 0))
    if tied:
        weights[1::2] = weights[::2]
        model.bucket_table = model.bucket_table.copy()
        model.bucket_table[:, 1::2] = model.bucket_table[:, ::2]
    model.ranker = Ranker(scipy.sparse.csr_matrix(weights, dtype=np.float32), RANKER_WEIGHT)
    return model


@pytest.fixture(scope="module")
def signatures(model):
    """Made once: each signature takes seconds to trace."""
    return make(model).signatures()


def arrays(raw, k):
    return {
        "row_splits": tf.constant(raw.row_splits),
        "feature_ids": tf.constant(raw.feature_ids),
        "feature_values": tf.constant(raw.feature_values),
        "k": tf.constant(k, tf.int32),
    }


def serialized(raw):
    made = []
    for begin, end in zip(raw.row_splits[:-1], raw.row_splits[1:]):
        example = tf.train.Example()
        example.features.feature["feature_ids"].int64_list.value.extend(raw.feature_ids[begin:end])
        example.features.feature["feature_values"].float_list.value.extend(raw.feature_values[begin:end])
        made.append(example.SerializeToString())
    return tf.constant(made, tf.string)


@pytest.fixture(scope="module", params=["logit_mean", "mean"])
def by_estimator(request, model, signatures):
    return request.param, signatures if request.param == "logit_mean" else make(model, request.param).signatures()


@pytest.mark.parametrize("k", [1, 5, 30])
def test_answers_are_those_of_the_library(model, raw, evaluated, by_estimator, k):
    estimator, signatures = by_estimator
    expected = model.top_k(evaluated.test[0], k, estimator, scores="logit")
    probabilities = model.top_k(evaluated.test[0], k, estimator).scores
    for found in (
        signatures["sparse"](**arrays(raw, k)),
        signatures["serving_default"](serialized(raw), tf.constant(k)),
    ):
        np.testing.assert_array_equal(found["labels"], expected.labels)
        np.testing.assert_allclose(found["scores"], expected.scores, rtol=1e-6, atol=1e-6)
        np.testing.assert_allclose(found["probabilities"], probabilities, rtol=1e-6, atol=1e-6)
        assert found["label_names"].numpy()[3, 0].decode() == f"label-{expected.labels[3, 0]}"


@pytest.mark.parametrize("at_once", [1, 70, 10_000])
def test_points_are_decoded_in_steps(model, raw, evaluated, at_once, monkeypatch):
    monkeypatch.setattr("mach_tf.serving.servable._SCORES_AT_ONCE", at_once)
    found = make(model).signatures()["sparse"](**arrays(raw, 3))
    np.testing.assert_array_equal(found["labels"], model.top_k(evaluated.test[0], 3).labels)


@pytest.mark.parametrize("at_once", [1, 200, 1000])
def test_paths_of_explanations_are_in_memory_a_few_points_at_a_time(signatures, model, raw, at_once, monkeypatch):
    expected = signatures["explain"](**arrays(raw, 3))
    monkeypatch.setattr("mach_tf.serving.servable._PATHS_AT_ONCE", at_once)
    found = make(model).signatures()["explain"](**arrays(raw, 3))
    for name, array in expected.items():
        np.testing.assert_array_equal(found[name], array, err_msg=name)


def test_a_feature_that_occurs_twice_has_one_reason(signatures):
    def explained(ids, values):
        inputs = {"row_splits": [0, len(ids)], "feature_ids": ids}
        given = {name: tf.constant(each, tf.int64) for name, each in inputs.items()}
        return signatures["explain"](**given, feature_values=tf.constant(values), k=tf.constant(3))

    once, twice = explained([3, 17], [1.5, 1.0]), explained([17, 3, 3], [1.0, 0.5, 1.0])
    np.testing.assert_array_equal(once["features"], twice["features"])
    np.testing.assert_allclose(once["attributions"], twice["attributions"], rtol=1e-6)


def test_no_points_have_no_answers(signatures, raw):
    found = signatures["explain"](**arrays(raw[:0], 3))
    assert {name: value.shape.as_list() for name, value in found.items() if value.shape[0] != 0} == {}
    assert found["attributions"].shape == (0, 3, 4)


def test_ties_go_to_the_smaller_label(model, raw):
    servable = make(model)
    for variable in servable.variables:
        if variable.dtype == tf.float32:
            variable.assign(tf.zeros_like(variable))
    assert servable.signatures()["sparse"](**arrays(raw, 5))["labels"].numpy().tolist() == [[0, 1, 2, 3, 4]] * 25


@pytest.mark.parametrize("at_once", [1, 70, 10_000])
def test_the_ranker_adds_to_scores_as_in_the_library(evaluated, raw, at_once, monkeypatch):
    monkeypatch.setattr("mach_tf.serving.servable._SCORES_AT_ONCE", at_once)
    model = ranked_model(evaluated.model_dir)
    signatures = make(model, ranker=StoredRanker(model.ranker)).signatures()
    for k in (1, 5, 30):
        expected = model.top_k(evaluated.test[0], k, scores="logit")
        found = signatures["sparse"](**arrays(raw, k))
        np.testing.assert_array_equal(found["labels"], expected.labels)
        np.testing.assert_array_equal(found["scores"], expected.scores)
        chances = model.top_k(evaluated.test[0], k).scores
        np.testing.assert_allclose(found["probabilities"], chances, rtol=1e-6)
    assert (expected.scores[:, 1:] == expected.scores[:, :-1]).sum() > 300
    alone = Ensemble.load(evaluated.model_dir).top_k(evaluated.test[0], 5)
    assert (alone.labels != expected.labels[:, :5]).any()


def test_what_the_ranker_adds_is_explained_as_in_the_library(evaluated, raw):
    model, features = ranked_model(evaluated.model_dir), evaluated.test[0]
    servable = make(model, reasons=model.manifest.features, ranker=StoredRanker(model.ranker))
    found = {name: each.numpy() for name, each in servable.signatures()["explain"](**arrays(raw, 3)).items()}
    expected = model.explain(features, labels=found["labels"])
    # A last column for what is missing.
    dense = np.zeros((25, 3, model.manifest.features + 1))
    np.put_along_axis(dense, found["features"] % dense.shape[2], found["attributions"], axis=2)
    np.testing.assert_allclose(dense[:, :, :-1].reshape(75, -1), expected.toarray(), rtol=1e-5, atol=1e-5)
    np.testing.assert_allclose(found["baseline_scores"].ravel(), expected.baseline_scores, rtol=1e-5, atol=1e-6)
    alone = Ensemble.load(evaluated.model_dir).explain(features, labels=found["labels"])
    assert abs(alone - expected).max() > 1


@pytest.mark.parametrize("reasons", [3, 100])
def test_reasons_are_the_largest_attributions_of_the_library(model, raw, evaluated, reasons):
    names = [f"feature-{feature}" for feature in range(model.manifest.features)]
    found = make(model, reasons=reasons, feature_names=names).signatures()["explain"](**arrays(raw, 2))
    labels = found["labels"].numpy()
    expected = model.explain(evaluated.test[0], labels=labels)
    dense = expected.toarray().reshape(25, 2, -1)
    features, attributions = found["features"].numpy(), found["attributions"].numpy()
    for point in range(25):
        present = np.flatnonzero(evaluated.test[0][point].toarray())
        shown = min(reasons, len(present))
        for rank in range(2):
            ids = features[point, rank]
            assert set(ids[:shown]) <= set(present)
            assert (ids[shown:] == -1).all()
            assert not attributions[point, rank, shown:].any()
            ours = attributions[point, rank, :shown]
            np.testing.assert_allclose(ours, dense[point, rank, ids[:shown]], rtol=1e-5, atol=1e-6)
            largest = np.sort(np.abs(dense[point, rank, present]))[::-1][:shown]
            np.testing.assert_allclose(np.abs(ours), largest, rtol=1e-5, atol=1e-6)
            shown_names = found["feature_names"].numpy()[point, rank]
            assert [name.decode() for name in shown_names] == [names[i] if i >= 0 else "" for i in ids]
    np.testing.assert_allclose(found["baseline_scores"].numpy().ravel(), expected.baseline_scores, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"k": 0}, r"k must be in \[1, 30\] \(got 0\)"),
        ({"k": 31}, r"k must be in \[1, 30\] \(got 31\)"),
        ({"feature_ids": [60]}, r"point 0: feature_ids must be in \[0, 60\) \(got 60\)"),
        ({"feature_values": [np.nan]}, "point 0: feature_values must be finite"),
        ({"row_splits": [0, 2]}, "row_splits must begin with 0 and end with 1"),
    ],
)
@pytest.mark.parametrize("signature", ["sparse", "explain"])
def test_malformed_requests_are_refused(signatures, change, message, signature):
    inputs = {"row_splits": [0, 1], "feature_ids": [3], "feature_values": [1.0], "k": 2, **change}
    kinds = {"row_splits": tf.int64, "feature_ids": tf.int64, "feature_values": tf.float32, "k": tf.int32}
    with pytest.raises(tf.errors.InvalidArgumentError, match=message):
        signatures[signature](**{name: tf.constant(v, kinds[name]) for name, v in inputs.items()})


def test_smaller_weights_give_nearly_the_same_scores(model, signatures, raw):
    exact = signatures["sparse"](**arrays(raw, 5))
    for precision, tolerance in (("float16", 0.02), ("int8", 0.2)):
        rounded = make(model, precision=precision).signatures()["sparse"](**arrays(raw, 5))
        np.testing.assert_allclose(rounded["scores"], exact["scores"], atol=tolerance)


@pytest.mark.parametrize("prune_entries", [0.5, 0.99])
def test_without_entries_answers_and_reasons_are_those_of_a_library_without_them(evaluated, raw, prune_entries):
    model, whole = ranked_model(evaluated.model_dir), ranked_model(evaluated.model_dir)
    options = pruned(model, prune_entries)
    signatures = make(whole, reasons=4, ranker=StoredRanker(model.ranker), **options).signatures()
    expected = model.top_k(evaluated.test[0], 30, scores="logit")
    found = signatures["sparse"](**arrays(raw, 30))
    np.testing.assert_array_equal(found["labels"], expected.labels)
    np.testing.assert_array_equal(found["scores"], expected.scores)
    assert (expected.scores[:, 1:] == expected.scores[:, :-1]).sum() > 300
    assert (expected.scores != whole.top_k(evaluated.test[0], 30, scores="logit").scores).any()
    found = {name: each.numpy() for name, each in signatures["explain"](**arrays(raw, 2)).items()}
    reasons = model.explain(evaluated.test[0], labels=found["labels"]).toarray().reshape(25, 2, -1)
    of_shown = np.take_along_axis(reasons, np.maximum(found["features"], 0), axis=2)
    np.testing.assert_allclose(
        found["attributions"], np.where(found["features"] >= 0, of_shown, 0), rtol=1e-5, atol=1e-5
    )
    assert np.count_nonzero(found["attributions"]) > 100
