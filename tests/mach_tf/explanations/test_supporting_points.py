"""Supporting points: against gradient steps taken one by one, the representer theorem, and training without a point."""

from __future__ import annotations

import dataclasses
import types

import numpy as np
import pytest
import scipy.optimize
import scipy.sparse
import scipy.special
import scipy.stats
import tensorflow as tf

import mach_tf
from mach_tf import points
from mach_tf.classifier import Weights
from mach_tf.data.dataset_reader import DatasetReader
from mach_tf.ensemble import Ensemble
from mach_tf.errors import InputError
from mach_tf.explanations import supporting_points
from mach_tf.explanations.integrated_gradients.paths import Pairs
from mach_tf.explanations.supporting_points import SupportingPoint, find
from mach_tf.saved_repetition import Repetition
from tests.helpers import rankers, tiny_ensemble
from tests.helpers import world as worlds


@pytest.fixture(scope="module")
def model(world):
    return Ensemble.load(world.model)


def stepped_scores(ensemble, training, x, size):
    """Returns the scores of all labels at dense points after a step on each training point alone, [training, n, K], and before."""
    dense, table = training.features(ensemble.manifest.columns).toarray().astype(np.float64), ensemble.bucket_table
    labels = training.labels(table.shape[1]).toarray() > 0
    before, after = 0, np.zeros((len(dense), len(x), table.shape[1]))
    for weights, buckets in zip(ensemble.repetitions, table):
        w1, b1, w2, b2 = (np.asarray(each, np.float64) for each in weights.weights)
        hidden = np.maximum(x @ w1 + b1, 0)
        before = before + (hidden @ w2 + b2)[:, buckets] / len(table)
        for i, own in enumerate(np.maximum(dense @ w1 + b1, 0)):
            target = np.zeros(len(b2))
            target[buckets[labels[i]]] = 1
            gradient = scipy.special.expit(own @ w2 + b2) - target
            moved = hidden @ (w2 - size * np.outer(own, gradient)) + b2 - size * gradient
            after[i] += moved[:, buckets] / len(table)
    return after, before


def supports_of(ensemble, training, x, pairs):
    hidden = [
        np.maximum(x @ np.asarray(each.weights[0]) + np.asarray(each.weights[1]), 0) for each in ensemble.repetitions
    ]
    return supporting_points.supports(ensemble, training, hidden, pairs)


@pytest.mark.parametrize("size", [1e-3, 1.0, 50.0])
def test_support_is_what_a_gradient_step_changes(size):
    ensemble = tiny_ensemble.make_ensemble()
    training = tiny_ensemble.make_points(ensemble)
    x = training.features(20)[[3, 5, 8]]  # the first has no features
    pairs = Pairs(np.array([0, 2, 3, 5]), np.array([4, 11, 0, 24, 7]))
    after, before = stepped_scores(ensemble, training, x.toarray().astype(np.float64), size)
    expected = ((after - before) / size)[:, pairs.points(), pairs.labels].T
    np.testing.assert_allclose(supports_of(ensemble, training, x, pairs), expected, atol=2e-4)
    found = find(ensemble, [training[:7], training[7:8], training[8:]], x, pairs, 6)
    for best, values in zip(found, expected):
        order = [i for i in np.argsort(-values) if values[i] > 0][:6]
        assert [one.point for one in best] == order
        np.testing.assert_allclose([one.support for one in best], values[order], atol=2e-4)
        for one in best:
            own = training.label_ids[training.label_splits[one.point] : training.label_splits[one.point + 1]]
            assert one.labels == tuple(own)


def test_the_support_of_a_difference_is_the_difference():
    ensemble = tiny_ensemble.make_ensemble()
    training = tiny_ensemble.make_points(ensemble)
    x, pairs = training.features(20)[:2], Pairs(np.array([0, 1, 2]), np.array([4, 11]))
    everything = [
        {one.point: one.support for one in best} for best in find(ensemble, [training], x, pairs, 30, np.array([5, 3]))
    ]
    ours, theirs = (
        supports_of(ensemble, training, x, pairs._replace(labels=labels)) for labels in (pairs.labels, np.array([5, 3]))
    )
    for best, values in zip(everything, ours - theirs):
        assert best == {i: value for i, value in enumerate(values.tolist()) if value > 0}


def test_equal_supports_are_in_the_order_of_the_points():
    ensemble = tiny_ensemble.make_ensemble()
    one = tiny_ensemble.make_points(ensemble)[:1]
    several = points.concatenate([one] * 9)
    pairs = Pairs(np.array([0, 1]), one.label_ids[:1])
    for chunks in ([several], [several[:4], several[4:]], [one] * 9):
        (best,) = find(ensemble, chunks, one.features(20), pairs, 3)
        assert [found.point for found in best] == [0, 1, 2]
    assert find(ensemble, [], one.features(20), pairs, 3) == [[]]
    assert find(ensemble, [several], one.features(20)[:0], Pairs(np.array([0]), np.zeros(0, np.int64)), 3) == []


def minimum(hidden, targets, decay):
    """Returns the output layer, [H + 1, B], with the smallest cross-entropy and squared weights."""
    inputs = np.column_stack([hidden, np.ones(len(hidden))])

    def objective(flat):
        weights = flat.reshape(inputs.shape[1], -1)
        logits = inputs @ weights
        loss = np.logaddexp(0, logits).sum() - (targets * logits).sum() + 0.5 * decay * (flat**2).sum()
        return loss, (inputs.T @ (scipy.special.expit(logits) - targets) + decay * weights).reshape(-1)

    start = np.zeros(inputs.shape[1] * targets.shape[1])
    found = scipy.optimize.minimize(
        objective, start, jac=True, method="L-BFGS-B", options={"gtol": 1e-9, "ftol": 1e-15}
    )
    return found.x.reshape(inputs.shape[1], -1)


@pytest.fixture(scope="module", params=[0.5, 10.0, 200.0])
def fitted(request):
    """An ensemble of one repetition whose output layer is at its minimum."""
    decay, generator = request.param, np.random.default_rng(0)
    base = tiny_ensemble.make_ensemble(repetitions=1)
    training = tiny_ensemble.make_points(base, points=60)
    hidden_layer = [np.asarray(each) for each in base.repetitions[0].weights[:2]]
    hidden = np.maximum(training.features(20) @ hidden_layer[0] + hidden_layer[1], 0)
    table = base.bucket_table[0]
    targets = (training.labels(25) @ np.eye(6)[table] > 0).astype(np.float64)

    def at_minimum(kept):
        output = minimum(hidden[kept], targets[kept], decay)
        weights = Weights(
            *map(tf.constant, [*hidden_layer, output[:-1].astype(np.float32), output[-1].astype(np.float32)])
        )
        return types.SimpleNamespace(
            manifest=base.manifest,
            bucket_table=base.bucket_table,
            repetitions=tiny_ensemble.InMemory([Repetition(weights)]),
            ranker_of=lambda _: None,
        )

    x = generator.permutation(60)[:8]
    return types.SimpleNamespace(at_minimum=at_minimum, training=training, decay=decay, chosen=x)


def test_supports_add_up_to_the_score_at_the_minimum(fitted):
    """The representer theorem."""
    ensemble = fitted.at_minimum(np.arange(60))
    x = fitted.training.features(20)[fitted.chosen]
    pairs = Pairs(np.arange(9), np.arange(8))
    scores = tiny_ensemble.label_scores(ensemble, x.toarray().astype(np.float64))[np.arange(8), np.arange(8)]
    np.testing.assert_allclose(
        supports_of(ensemble, fitted.training, x, pairs).sum(axis=1), fitted.decay * scores, atol=1e-3
    )


def test_the_score_falls_without_the_points_that_support_it(fitted):
    """Leaves each training point out in turn and trains the output layer again; the more its weights are held back, the closer."""
    ensemble = fitted.at_minimum(np.arange(60))
    x = fitted.training.features(20)[fitted.chosen]
    pairs = Pairs(np.arange(9), fitted.training.label_ids[fitted.training.label_splits[:-1]][fitted.chosen])
    supports = supports_of(ensemble, fitted.training, x, pairs)
    dense = x.toarray().astype(np.float64)
    before = tiny_ensemble.label_scores(ensemble, dense)
    lost = np.stack(
        [before - tiny_ensemble.label_scores(fitted.at_minimum(np.delete(np.arange(60), i)), dense) for i in range(60)]
    )[:, np.arange(8), pairs.labels].T
    correlations = [scipy.stats.spearmanr(one, other).statistic for one, other in zip(supports, lost)]
    assert np.mean(correlations) > {0.5: 0.45, 10.0: 0.8, 200.0: 0.98}[fitted.decay]
    assert all(lost[pair, supports[pair].argmax()] > 0 for pair in range(8))


def test_from_python(world, model):
    training = DatasetReader.open(world.dataset).read_points("train")
    features = model.hash(world.features)
    found = mach_tf.supporting_points(model, world.features, world.dataset, k=4)
    best = model.decode(features, 1).labels
    pairs = Pairs(np.arange(worlds.POINTS + 1), best[:, 0].astype(np.int64))
    assert found == find(model, [training], features, pairs, 4)
    assert all(isinstance(one, SupportingPoint) for one in found[0]) and any(found)
    chosen = mach_tf.supporting_points(world.model, world.features[:2], world.dataset, labels=[[3, 5], [3, 7]], k=99)
    assert len(chosen) == 4 and max(map(len, chosen)) <= worlds.POINTS


def test_bounds_of_memory_change_nothing(world, model, monkeypatch):
    labels = [[3, 5]] * worlds.POINTS
    before = mach_tf.supporting_points(model, world.features, world.dataset, labels)
    for name, value in (("_ENTRIES", 5 * 2 * worlds.POINTS), ("_POINTS", 5), ("_BATCH", 3)):
        monkeypatch.setattr(supporting_points, name, value)
        after = mach_tf.supporting_points(model, world.features, world.dataset, labels)
        for one, other in zip(before, after):
            assert [(each.point, each.labels) for each in one] == [(each.point, each.labels) for each in other]
            np.testing.assert_allclose([each.support for each in one], [each.support for each in other], rtol=1e-5)
    assert mach_tf.supporting_points(model, world.features[:0], world.dataset) == []


def test_streamed_repetitions_give_the_same(world, model):
    streamed = Ensemble.load(world.model, keep=False)
    assert mach_tf.supporting_points(streamed, world.features, world.dataset) == mach_tf.supporting_points(
        model, world.features, world.dataset
    )


def test_a_ranker_changes_nothing_but_the_best_labels(world, model, tmp_path):
    ranked = Ensemble.load(rankers.with_ranker(world.model, str(tmp_path / "model"), 30, 40))
    labels = np.arange(worlds.POINTS)
    one, other = (mach_tf.supporting_points(each, world.features, world.dataset, labels) for each in (model, ranked))
    assert one == other


def test_refuses(world, model, tmp_path):
    other = worlds.make(str(tmp_path))
    manifest = dataclasses.replace(model.manifest, dataset_fingerprint="0" * 64)
    stranger = Ensemble(model.model_dir, manifest, model.repetitions)
    with pytest.raises(InputError, match=r"must be those that .* was trained on, and .* is another dataset"):
        mach_tf.supporting_points(stranger, world.features, other.dataset)
    for arguments, match in (
        ({"k": 0}, "k must be at least 1"),
        ({"labels": [30] * worlds.POINTS}, r"labels must be in \[0, 30\)"),
        ({"labels": [1]}, r"labels must be integers \[12\]"),
    ):
        with pytest.raises(InputError, match=match):
            mach_tf.supporting_points(model, world.features, world.dataset, **arguments)
    data = DatasetReader.open(world.dataset)
    with pytest.raises(InputError, match=r"are of the estimator logit_mean.*\(got mean\)"):
        supporting_points.check_training_data(model, data, "mean")
    multiclass = dataclasses.replace(
        model.manifest, training=dataclasses.replace(model.manifest.training, task="multiclass")
    )
    with pytest.raises(InputError, match="Supporting points need a model with task=multilabel"):
        supporting_points.check_training_data(Ensemble(model.model_dir, multiclass, model.repetitions), data)
