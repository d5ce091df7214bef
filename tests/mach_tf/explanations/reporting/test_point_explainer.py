"""Predictions, ranks, support and the FGSM step, against scoring every label with NumPy."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest

from mach_tf import points
from mach_tf.attacks.gradient_attacks import fgsm_step
from mach_tf.explanations import explainer
from mach_tf.explanations.integrated_gradients.attribution import AttributionConfig
from mach_tf.explanations.reporting import point_explainer
from mach_tf.explanations.reporting.selection import choose_labels
from mach_tf.label_index import LabelIndex
from tests.helpers import world as worlds
from tests.mach_tf.explanations.words.sample import explained_text

EPSILON = 0.1


def ask(world, ensemble, labels="top:2", estimator="logit_mean", epsilon=EPSILON, known_truth=True):
    """Returns the request, its raw points, and the explanations of points with the numbers 100, 101, ..."""
    names = [f"name {i}" for i in range(ensemble.labels)]
    request = point_explainer.ExplanationRequest(
        ensemble,
        AttributionConfig(estimator),
        choose_labels(labels, LabelIndex(30)),
        None,
        epsilon,
        known_truth,
        None,
        names,
    )
    raw = points.from_csr(world.features, world.labels if known_truth else None)
    return request, raw, point_explainer.explain_points(request, raw, np.arange(len(raw)) + 100)


def hashed(ensemble, raw):
    return ensemble.manifest.feature_spec.apply(raw)


@pytest.mark.parametrize("estimator", ["logit_mean", "mean"])
@pytest.mark.parametrize("labels", ["top:2", "top:9", "true", "3,29"])
def test_predictions_ranks_and_support(world, ensemble, estimator, labels):
    _, raw, found = ask(world, ensemble, labels, estimator)
    scores = worlds.every_score(ensemble, hashed(ensemble, raw), estimator)
    of_ensemble = worlds.ensemble_score(ensemble, hashed(ensemble, raw), estimator)
    order = np.argsort(-scores, axis=1, kind="stable")
    assert [point.point for point in found] == list(range(100, 100 + len(raw)))
    for i, point in enumerate(found):
        truth = world.labels[i].indices.tolist()
        shown = 9 if labels == "top:9" else 5
        assert point.true_labels == truth and [label for label, _ in point.predicted] == order[i, :shown].tolist()
        np.testing.assert_allclose([s for _, s in point.predicted], scores[i, order[i, :shown]], rtol=1e-4, atol=1e-6)
        asked = truth if labels == "true" else [3, 29] if labels == "3,29" else order[i, : int(labels[-1])].tolist()
        assert [one.explanation.label for one in point.explained] == asked
        for one in point.explained:
            label = one.explanation.label
            assert one.explanation.point == point.point and one.explanation.label_name == f"name {label}"
            assert order[i, one.rank - 1] == label
            assert one.buckets.tolist() == ensemble.bucket_table[:, label].tolist()
            # Both estimators are means of the bucket scores that are shown, and what a ranker adds.
            assert one.bucket_scores.mean() == pytest.approx(of_ensemble[i, label], rel=1e-4, abs=1e-6)


def test_ranks_are_known_down_to_a_limit(world, ensemble, monkeypatch):
    monkeypatch.setattr(point_explainer, "RANKED", 7)
    _, raw, found = ask(world, ensemble, ",".join(map(str, range(30))))
    scores = worlds.every_score(ensemble, hashed(ensemble, raw), "logit_mean")
    for point, row in zip(found, np.argsort(-scores, axis=1, kind="stable")):
        ranks = {one.explanation.label: one.rank for one in point.explained}
        assert ranks == {label: place + 1 if place < 7 else None for place, label in enumerate(row.tolist())}


@pytest.mark.parametrize("known_truth", [True, False])
def test_the_step_is_on_the_true_labels_or_on_the_best(world, ensemble, known_truth):
    _, raw, found = ask(world, ensemble, known_truth=known_truth)
    clean = hashed(ensemble, raw)
    before = worlds.every_score(ensemble, clean, "logit_mean")
    if not known_truth:
        best = before.argmax(axis=1)
        clean = dataclasses.replace(clean, label_splits=np.arange(len(raw) + 1), label_ids=best)
    after = worlds.every_score(ensemble, fgsm_step(ensemble, clean, "logit_mean", EPSILON), "logit_mean")
    orders = [np.argsort(-scores, axis=1, kind="stable") for scores in (before, after)]
    for i, point in enumerate(found):
        assert (point.true_labels is None) == (not known_truth)
        first, then = (order[i, :5].tolist() for order in orders)
        assert [row.label for row in point.attacked] == first + [label for label in then if label not in first]
        for row in point.attacked:
            assert row.before == pytest.approx(before[i, row.label], rel=1e-4, abs=1e-5)
            assert row.after == pytest.approx(after[i, row.label], rel=1e-4, abs=1e-5)
            assert orders[0][i, row.rank_before - 1] == orders[1][i, row.rank_after - 1] == row.label
    assert any(point.attacked[0].rank_after > 1 for point in found)


def test_no_step_without_epsilon(world, ensemble):
    assert all(point.attacked is None for point in ask(world, ensemble, epsilon=0)[2])


@pytest.mark.parametrize("entries", [1, 1 << 19])
def test_words_of_texts_have_the_attributions_of_their_points(world, ensemble, monkeypatch, entries):
    monkeypatch.setattr(explainer, "_CHUNK_ENTRIES", entries)  # 1: each point is a chunk of its own
    request, raw, without = ask(world, ensemble, "top:2", epsilon=0.0)
    texts = []
    for point in range(len(raw)):
        ids = raw[point : point + 1].feature_ids
        text = " ".join(f"w{i}" for i in ids)
        texts.append(explained_text(text, occurrences=[(feature, word, word) for word, feature in enumerate(ids)]))
    found = point_explainer.explain_points(request, raw, np.arange(len(raw)), texts)
    for i, (point, plain) in enumerate(zip(found, without)):
        assert point.text is texts[i] and plain.text is None
        for one, other in zip(point.explained, plain.explained):
            of_words = {f"w{f.feature}": f.attribution for f in other.explanation.attributions}
            assert {word["word"]: word["attribution"] for word in one.explanation.words.to_json()} == of_words
            assert other.explanation.words is None
        (line, *_), (plain_line, *_) = point.json_lines(), plain.json_lines()
        assert {*line} - {*plain_line} == {"words", "unplaced_attribution"} and line["unplaced_attribution"] == 0.0
