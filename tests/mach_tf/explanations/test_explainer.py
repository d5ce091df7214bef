"""Attributions of raw features add up for every kind of baseline and do not depend on the chunks."""

from __future__ import annotations

import json
import types

import numpy as np
import pytest
import scipy.sparse
import tensorflow as tf

from mach_tf import points
from mach_tf.classifier import Weights
from mach_tf.ensemble import Ensemble
from mach_tf.explanations import explainer
from mach_tf.explanations.integrated_gradients.attribution import AttributionConfig
from mach_tf.explanations.integrated_gradients.paths import Pairs
from mach_tf.hashing import FeatureSpec
from mach_tf.saved_repetition import Repetition
from tests.helpers import model_directory, rankers

_FEATURES = 50


def _raw(n, seed=0):
    matrix = scipy.sparse.random(n, _FEATURES, 0.2, "csr", np.float32, random_state=seed)
    return points.from_csr(matrix, scipy.sparse.random(n, 7, 0.3, "csr", random_state=seed))


def _explain(spec, raw, pairs, **options):
    rng = np.random.default_rng(0)
    columns = spec.columns(_FEATURES)
    shapes = ((columns, 12), (12,), (12, 5), (5,))
    made = [Weights(*(tf.constant(rng.normal(size=s), tf.float32) for s in shapes)) for _ in range(3)]
    ensemble = types.SimpleNamespace(
        repetitions=[Repetition(weights) for weights in made],
        bucket_table=rng.integers(0, 5, (3, 7)).astype(np.int32),
        manifest=types.SimpleNamespace(feature_spec=spec, columns=columns),
        ranker_of=lambda estimator: None,
        hash_points=lambda some: spec.apply(some).features(columns),
    )
    return list(explainer.explain(ensemble, raw, pairs, AttributionConfig("mean"), **options))


@pytest.mark.parametrize("dim", [0, 16])
@pytest.mark.parametrize("baseline", ["zero", "points", "one point", "mean"])
def test_complete_in_raw_features(dim, baseline):
    spec, raw = FeatureSpec(dim), _raw(6)
    start = {"zero": None, "points": _raw(6, 1), "one point": _raw(1, 2)}.get(baseline)
    if baseline == "mean":
        start = spec.apply(_raw(9, 3)).features(spec.columns(_FEATURES)).mean(axis=0)
        start = scipy.sparse.csr_matrix(start)
    pairs = Pairs(np.array([0, 2, 2, 3, 4, 5, 7]), np.array([0, 6, 1, 2, 3, 4, 5]))
    (explained,) = _explain(spec, raw, pairs, baseline=start)
    sums = [explained.raw.attributions[a:b].sum() for a, b in zip(explained.raw.splits, explained.raw.splits[1:])]
    np.testing.assert_allclose(sums, explained.scores - explained.baseline_scores, atol=1e-7)
    found = list(explained.explanations(np.arange(100, 106)))
    assert [(e.point, e.label) for e in found] == list(zip(pairs.points() + 100, pairs.labels))
    for explanation in found:
        sizes = [abs(feature.attribution) for feature in explanation.attributions]
        assert sizes == sorted(sizes, reverse=True)
        json.dumps(explanation.to_json(), allow_nan=False)


def test_chunks_change_nothing(monkeypatch):
    spec, raw = FeatureSpec(16), _raw(6)
    pairs = Pairs(np.array([0, 2, 2, 3, 4, 5, 7]), np.array([0, 6, 1, 2, 3, 4, 5]))
    baseline = _raw(6, 1)
    (whole,) = _explain(spec, raw, pairs, baseline=baseline)
    monkeypatch.setattr(explainer, "_CHUNK_ENTRIES", 40)
    parts = _explain(spec, raw, pairs, baseline=baseline)
    assert len(parts) > 2
    np.testing.assert_array_equal(np.concatenate([part.scores for part in parts]), whole.scores)
    np.testing.assert_array_equal(
        scipy.sparse.vstack([part.matrix(_FEATURES) for part in parts]).toarray(), whole.matrix(_FEATURES).toarray()
    )


def test_names_follow_ids():
    spec, raw = FeatureSpec(16), _raw(2)
    pairs = Pairs(np.array([0, 1, 2]), np.array([3, 4]))
    (explained,) = _explain(spec, raw, pairs)
    names = [f"f{i}" for i in range(_FEATURES)]
    for explanation in explained.explanations(np.arange(2), names, [f"l{i}" for i in range(7)]):
        assert explanation.label_name == f"l{explanation.label}"
        assert all(feature.feature_name == f"f{feature.feature}" for feature in explanation.attributions)
        row = {f.feature: f.value for f in explanation.attributions}
        dense = raw.features(_FEATURES).toarray()[explanation.point]
        assert row == {i: dense[i] for i in np.flatnonzero(dense)}


@pytest.fixture(scope="module")
def ensemble(tmp_path_factory):
    directory = str(tmp_path_factory.mktemp("model"))
    model_directory.write(directory)
    return Ensemble.load(directory)


@pytest.mark.parametrize("method", ["exact", "tape"])
@pytest.mark.parametrize("each", [None, 1, 3])
def test_from_python_a_matrix_that_adds_up(ensemble, method, each):
    raw = scipy.sparse.random(4, 60, 0.2, "csr", random_state=7)
    labels = None if each is None else np.random.default_rng(0).integers(0, 30, (4, each))
    found = ensemble.explain(raw, labels if each != 1 else labels[:, 0], method, "mean", steps=500)
    assert scipy.sparse.issparse(found) and found.shape == (4 * (each or 1), 60)
    best = ensemble.predict(raw, 1, "mean").indices
    assert found.labels.tolist() == (best if each is None else labels).reshape(-1).tolist()
    np.testing.assert_allclose(found.sum(axis=1).A1, found.scores - found.baseline_scores, atol=1e-2)
    present = raw.toarray() != 0
    assert not found.toarray()[~np.repeat(present, each or 1, axis=0)].any()
    assert "label" in found._repr_html_()


@pytest.mark.parametrize("method", ["exact", "tape"])
@pytest.mark.parametrize("baseline", [None, scipy.sparse.random(1, 60, 0.3, "csr", random_state=3)])
def test_what_a_ranker_adds_is_explained(ensemble, tmp_path, method, baseline):
    ranked = Ensemble.load(rankers.with_ranker(ensemble.model_dir, str(tmp_path / "ranked"), 30, 40))
    raw = scipy.sparse.random(4, 60, 0.2, "csr", random_state=7)
    options = {"method": method, "baseline": baseline, "steps": 1000}
    found, decoded = ranked.explain(raw, **options), ranked.decode(ranked.hash(raw), 1)
    assert found.labels.tolist() == decoded.labels[:, 0].tolist() != ensemble.explain(raw).labels.tolist()
    np.testing.assert_allclose(found.scores, decoded.scores[:, 0], rtol=1e-5)
    np.testing.assert_allclose(found.sum(axis=1).A1, found.scores - found.baseline_scores, atol=0.1)
    alone = ensemble.explain(raw, found.labels, **options)
    of_ranker = rankers.added(ranked.ranker, ranked.hash(raw).toarray())
    np.testing.assert_allclose(found.scores - alone.scores, of_ranker[np.arange(4), found.labels], atol=1e-5)
    assert np.abs(found - alone).max() > 0.5
    # Other estimators score by the ensemble alone.
    means = [model.explain(raw, found.labels, estimator="mean", **options) for model in (ranked, ensemble)]
    np.testing.assert_array_equal(means[0].toarray(), means[1].toarray())


def test_from_python_with_a_baseline(ensemble):
    raw = scipy.sparse.random(3, 60, 0.2, "csr", random_state=7)
    to_itself = ensemble.explain(raw[:1], baseline=raw[0])
    np.testing.assert_allclose(to_itself.toarray(), 0, atol=1e-12)
    there, back = (ensemble.explain(a, np.array([5]), baseline=b) for a, b in ((raw[0], raw[1]), (raw[1], raw[0])))
    np.testing.assert_allclose(there.toarray(), -back.toarray(), atol=1e-6)
    assert ensemble.explain(raw[:0]).shape == (0, 60)


@pytest.mark.parametrize(
    ("labels", "baseline", "rule"),
    [
        (np.array([1, 2]), None, "integers \\[3\\]"),
        (np.array([1.0, 2, 3]), None, "integers"),
        (np.array([1, 2, 30]), None, "0, 30"),
        (np.array([-1, 2, 3]), None, "0, 30"),
        (None, scipy.sparse.csr_matrix((2, 60)), "1 or 3 rows"),
        (None, scipy.sparse.csr_matrix((1, 59)), "60"),
    ],
)
def test_from_python_refusals(ensemble, labels, baseline, rule):
    with pytest.raises(ValueError, match=rule):
        ensemble.explain(scipy.sparse.random(3, 60, 0.2, "csr"), labels, baseline=baseline)


@pytest.mark.parametrize("keep", [True, False])
def test_weights_that_are_read_one_by_one_give_the_same(ensemble, keep):
    raw = scipy.sparse.random(4, 60, 0.2, "csr", random_state=7)
    again = Ensemble.load(ensemble.model_dir, keep=keep).explain(raw)
    np.testing.assert_array_equal(again.toarray(), ensemble.explain(raw).toarray())
