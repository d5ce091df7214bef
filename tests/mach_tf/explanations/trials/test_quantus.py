"""The measures are those of Quantus 0.6, where it is installed (with numpy<2 and opencv-python<4.11), on points that have all features.

Where the definitions differ, the test gives Quantus what makes them agree:

    baseline          Quantus' "black" is the smallest value of the point, ours zero.
    completeness      Quantus says whether two floats are equal; ours is the gap between them.
    infidelity        Quantus multiplies attributions by the values removed, so it takes the mean gradient, ours over value; and it removes
                      patches of an image one after the other, here single features, where ours removes random sets.
    correlation       Quantus removes a fixed number of the model's inputs, ours a share of the point's features.
    max-sensitivity   Quantus perturbs every input, ours the features present.
    sparseness        Quantus adds 1e-7 to each magnitude and counts every input of the model.
    randomisation     Quantus correlates over every input, which are mostly zeros of points of text; ours over the features present.
"""

from __future__ import annotations

import dataclasses
import types

import numpy as np
import pytest
import scipy.sparse
import tensorflow as tf

from mach_tf import points
from mach_tf.classifier import Weights
from mach_tf.explanations.integrated_gradients.attribution import AttributionConfig
from mach_tf.explanations.trials import attribution_measures, stability
from mach_tf.explanations.trials.best_label import attributions
from mach_tf.saved_repetition import Repetition
from tests.helpers import tiny_ensemble

quantus = pytest.importorskip("quantus")
pytestmark = pytest.mark.slow

N, WIDTH, HIDDEN, LABELS = 6, 12, 8, 25
QUIET = {"disable_warnings": True, "display_progressbar": False}
FROM_ZERO = {"perturb_baseline": 0.0, **QUIET}


@pytest.fixture(scope="module")
def case():
    ensemble = tiny_ensemble.make_ensemble(columns=WIDTH, hidden=HIDDEN, labels=LABELS)
    generator = np.random.default_rng(2)
    x = generator.uniform(0.2, 1.0, (N, WIDTH)).astype(np.float32)
    labels = generator.integers(LABELS, size=N)
    values = attribute(ensemble, x, labels)
    return types.SimpleNamespace(ensemble=ensemble, x=x, points=as_points(x), labels=labels, values=values)


def as_points(x):
    return points.from_csr(scipy.sparse.csr_matrix(np.asarray(x).reshape(len(x), -1)))


def attribute(ensemble, x, labels):
    """Returns our attributions, float64 [n, WIDTH]."""
    return attributions(ensemble, as_points(x), labels, AttributionConfig()).reshape(len(x), -1)


def score(case):
    def scores(some):
        dense = some.features(WIDTH).toarray().astype(np.float64)
        return tiny_ensemble.label_scores(case.ensemble, dense)[np.arange(N), case.labels]

    return scores


def keras_model(ensemble, shape=(WIDTH,)):
    """Returns the label scores of an ensemble as one Keras model: the hidden layers side by side, and their means."""
    weights = [[np.asarray(each) for each in repetition.weights] for repetition in ensemble.repetitions]
    count = len(weights)
    columns = [(w2[:, row], b2[row]) for (_, _, w2, b2), row in zip(weights, ensemble.bucket_table)]
    hidden = tf.keras.layers.Dense(count * HIDDEN, activation="relu")
    output = tf.keras.layers.Dense(LABELS)
    model = tf.keras.Sequential([tf.keras.layers.Flatten(input_shape=shape), hidden, output])
    hidden.set_weights([np.concatenate([w[i] for w in weights], axis=-1) for i in (0, 1)])
    output.set_weights([np.concatenate([w2 for w2, _ in columns]) / count, sum(b2 for _, b2 in columns) / count])
    return model


def ensemble_of(model):
    """Returns a Keras model as an ensemble of one repetition with a bucket for each label."""
    hidden, output = model.layers[1:]
    weights = Weights(*map(tf.constant, [*hidden.get_weights(), *output.get_weights()]))
    table = np.arange(LABELS, dtype=np.int32)[None]
    return types.SimpleNamespace(
        manifest=types.SimpleNamespace(columns=WIDTH),
        bucket_table=table,
        repetitions=tiny_ensemble.InMemory([Repetition(weights)]),
        ranker_of=lambda _: None,
    )


def run(metric, case, shape=(WIDTH,), values=None, **options):
    x = case.x.reshape(N, *shape)
    values = (case.values if values is None else values).reshape(x.shape)
    return metric(
        model=keras_model(case.ensemble, shape),
        x_batch=x,
        y_batch=case.labels,
        a_batch=values,
        channel_first=True,
        **options,
    )


def test_the_models_are_the_same(case):
    expected = tiny_ensemble.label_scores(case.ensemble, case.x.astype(np.float64))
    np.testing.assert_allclose(keras_model(case.ensemble).predict(case.x, verbose=0), expected, atol=1e-5)
    np.testing.assert_allclose(
        attribute(ensemble_of(keras_model(case.ensemble)), case.x, case.labels), case.values, atol=1e-5
    )


def test_completeness(case):
    changes = []

    def capture(difference):
        changes.append(difference)
        return difference

    run(quantus.Completeness(normalise=False, output_func=capture, **FROM_ZERO), case)
    np.testing.assert_allclose(case.values.sum(axis=1), changes[0], atol=1e-5)


def test_sparseness(case):
    found = run(quantus.Sparseness(normalise=False, **QUIET), case)
    np.testing.assert_allclose(attribution_measures.gini(case.points, case.values.reshape(-1)), found, atol=1e-5)


def test_infidelity(case):
    metric = quantus.Infidelity(perturb_patch_sizes=[1], n_perturb_samples=1, **FROM_ZERO)
    found = run(metric, case, (1, 1, WIDTH), values=case.values / case.x)
    # Feature after feature is removed, and none is put back.
    removals = [np.tile(np.arange(WIDTH) <= last, N) for last in range(WIDTH)]
    changes = attribution_measures.score_changes(case.points, removals, score(case))
    sums = attribution_measures.removed_sums(case.points, case.values.reshape(-1), removals)
    np.testing.assert_allclose(attribution_measures.infidelity(sums, changes), found, rtol=1e-4)


def test_faithfulness_correlation(case):
    removals = []

    def remove(arr, indices, **_):
        removed = np.zeros(arr.shape, bool)
        np.put_along_axis(removed, indices, True, axis=1)
        removals.append(removed.reshape(-1))
        return np.where(removed, np.float32(0), arr)

    metric = quantus.FaithfulnessCorrelation(
        nr_runs=40, subset_size=3, perturb_func=remove, return_aggregate=False, **QUIET
    )
    found = run(metric, case, (1, WIDTH))
    changes = attribution_measures.score_changes(case.points, removals, score(case))
    sums = attribution_measures.removed_sums(case.points, case.values.reshape(-1), removals)
    np.testing.assert_allclose(attribution_measures.faithfulness_correlation(sums, changes), found, atol=1e-4)


def test_max_sensitivity(case):
    epsilon, draws = 0.05, 12
    theirs, ours = np.random.default_rng(7), np.random.default_rng(7)

    def perturb(arr, **_):
        return arr + theirs.uniform(-epsilon, epsilon, arr.size).astype(np.float32).reshape(arr.shape)

    metric = quantus.MaxSensitivity(nr_samples=draws, perturb_func=perturb, **QUIET)
    found = run(
        metric, case, explain_func=lambda model, inputs, targets, **_: attribute(case.ensemble, inputs, targets)
    )

    def moved(some):
        return attribute(case.ensemble, some.features(WIDTH).toarray(), case.labels).reshape(-1)

    expected = attribution_measures.max_sensitivity(case.points, case.values.reshape(-1), moved, epsilon, draws, ours)
    np.testing.assert_allclose(expected, found, rtol=1e-5)


def test_randomisation(case):
    seen = []

    def explain(model, inputs, targets, **_):
        values = attribute(ensemble_of(model), inputs, targets)
        seen.append(values)
        return values

    found = run(quantus.MPRT(layer_order="top_down", **QUIET), case, explain_func=explain)
    first, *names = found
    assert first == "original" and len(names) == 2
    before = np.abs(case.values).reshape(-1)
    for name, values in zip(names, seen[-2:]):
        ours = stability.rank_correlation(case.points, before, np.abs(values).reshape(-1))
        np.testing.assert_allclose(ours, found[name], atol=1e-6)


def test_the_points_have_all_features(case):
    assert dataclasses.asdict(case.points)["feature_ids"].tolist() == [*range(WIDTH)] * N
