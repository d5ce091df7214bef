"""Predictions, ranks, support and the FGSM step, against scoring every label with NumPy."""

from __future__ import annotations

import dataclasses
import json

import numpy as np
import pytest

from mach_tf import points
from mach_tf.attacks.gradient_attacks import fgsm_step
from mach_tf.ensemble import Ensemble
from mach_tf.explanations.integrated_gradients.attribution import Attribution
from mach_tf.explanations.reporting import point_explainer
from tests.helpers import world as worlds

EPSILON = 0.1


@pytest.fixture(scope="module")
def ensemble(world):
    return Ensemble.load(world.model)


def ask(world, ensemble, labels="top:2", estimator="logit_mean", epsilon=EPSILON, known_truth=True):
    """The question, its raw points, and the answers of points called 100, 101, ..."""
    names = [f"name {i}" for i in range(ensemble.labels)]
    question = point_explainer.Question(
        ensemble, Attribution(estimator), labels, None, epsilon, known_truth, None, names
    )
    raw = points.from_csr(world.features, world.labels if known_truth else None)
    return question, raw, point_explainer.answer(question, raw, np.arange(len(raw)) + 100)


def hashed(ensemble, raw):
    return ensemble.manifest.feature_spec.apply(raw)


@pytest.mark.parametrize("estimator", ["logit_mean", "mean"])
@pytest.mark.parametrize("labels", ["top:2", "top:9", "true", "3,29"])
def test_predictions_ranks_and_support(world, ensemble, estimator, labels):
    _, raw, found = ask(world, ensemble, labels, estimator)
    scores = worlds.every_score(ensemble, hashed(ensemble, raw), estimator)
    order = np.argsort(-scores, axis=1, kind="stable")
    assert [answer.point for answer in found] == list(range(100, 100 + len(raw)))
    for i, answer in enumerate(found):
        truth = world.labels[i].indices.tolist()
        shown = 9 if labels == "top:9" else 5
        assert answer.true_labels == truth and [label for label, _ in answer.predicted] == order[i, :shown].tolist()
        np.testing.assert_allclose([s for _, s in answer.predicted], scores[i, order[i, :shown]], rtol=1e-4, atol=1e-6)
        asked = truth if labels == "true" else [3, 29] if labels == "3,29" else order[i, : int(labels[-1])].tolist()
        assert [view.explanation.label for view in answer.views] == asked
        for view in answer.views:
            label = view.explanation.label
            assert view.explanation.point == answer.point and view.explanation.label_name == f"name {label}"
            assert order[i, view.rank - 1] == label
            assert view.buckets.tolist() == ensemble.bucket_table[:, label].tolist()
            # Means of logits and of probabilities alike are means of what is shown of the repetitions.
            assert view.bucket_scores.mean() == pytest.approx(scores[i, label], rel=1e-4, abs=1e-6)


def test_ranks_are_known_down_to_a_limit(world, ensemble, monkeypatch):
    monkeypatch.setattr(point_explainer, "RANKED", 7)
    _, raw, found = ask(world, ensemble, ",".join(map(str, range(30))))
    scores = worlds.every_score(ensemble, hashed(ensemble, raw), "logit_mean")
    for answer, row in zip(found, np.argsort(-scores, axis=1, kind="stable")):
        ranks = {view.explanation.label: view.rank for view in answer.views}
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
    for i, answer in enumerate(found):
        assert (answer.true_labels is None) == (not known_truth)
        first, then = (order[i, :5].tolist() for order in orders)
        assert [row.label for row in answer.attacked] == first + [label for label in then if label not in first]
        for row in answer.attacked:
            assert row.before == pytest.approx(before[i, row.label], rel=1e-4, abs=1e-5)
            assert row.after == pytest.approx(after[i, row.label], rel=1e-4, abs=1e-5)
            assert orders[0][i, row.rank_before - 1] == orders[1][i, row.rank_after - 1] == row.label
    assert any(answer.attacked[0].rank_after > 1 for answer in found)


def test_no_step_without_epsilon(world, ensemble):
    assert all(answer.attacked is None for answer in ask(world, ensemble, epsilon=0)[2])


def test_lines_of_json(world, ensemble):
    question, _, found = ask(world, ensemble)
    answer = next(answer for answer in found if answer.true_labels)
    lines = [json.loads(json.dumps(line, allow_nan=False)) for line in answer.json_lines(question.label_names)]
    assert len(lines) == len(answer.views)
    for view, line in zip(answer.views, lines):
        assert (line["label"], line["rank"]) == (view.explanation.label, view.rank)
        assert line["true"] == (line["label"] in answer.true_labels)
        assert [r["bucket"] for r in line["repetitions"]] == view.buckets.tolist()
        for neighbour in line["neighbours"]:
            assert neighbour["label"] != line["label"] and neighbour["label_name"] == f"name {neighbour['label']}"
            buckets = ensemble.bucket_table[:, neighbour["label"]][neighbour["repetitions"]]
            assert buckets.tolist() == view.buckets[neighbour["repetitions"]].tolist()
