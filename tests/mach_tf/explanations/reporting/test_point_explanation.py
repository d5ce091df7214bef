"""The JSON of an explained point, against the objects it is made from."""

from __future__ import annotations

import json

import numpy as np
import pytest

from mach_tf import points
from mach_tf.ensemble import Ensemble
from mach_tf.explanations.explanation import Explanation
from mach_tf.explanations.integrated_gradients.attribution import AttributionConfig
from mach_tf.explanations.reporting.label_support import Neighbours
from mach_tf.explanations.reporting.point_explainer import ExplanationRequest, explain_points
from mach_tf.explanations.reporting.point_explanation import AttackedLabel, ExplainedLabel, PointExplanation
from mach_tf.explanations.reporting.selection import LabelChoice


@pytest.fixture(scope="module")
def ensemble(world):
    return Ensemble.load(world.model)


def explain(world, ensemble):
    names = [f"name {i}" for i in range(ensemble.labels)]
    request = ExplanationRequest(ensemble, AttributionConfig(), LabelChoice(top=2), None, 0.1, True, None, names)
    raw = points.from_csr(world.features, world.labels)
    return explain_points(request, raw, np.arange(len(raw)))


def test_lines_of_json(world, ensemble):
    found = explain(world, ensemble)
    point = next(point for point in found if point.true_labels)
    lines = [json.loads(json.dumps(line, allow_nan=False)) for line in point.json_lines()]
    assert len(lines) == len(point.explained)
    for one, line in zip(point.explained, lines):
        assert (line["label"], line["rank"]) == (one.explanation.label, one.rank)
        assert line["true"] == (line["label"] in point.true_labels)
        assert [r["bucket"] for r in line["repetitions"]] == one.buckets.tolist()
        for neighbour in line["neighbours"]:
            assert neighbour["label"] != line["label"] and neighbour["label_name"] == f"name {neighbour['label']}"
            buckets = ensemble.bucket_table[:, neighbour["label"]][neighbour["repetitions"]]
            assert buckets.tolist() == one.buckets[neighbour["repetitions"]].tolist()


def test_json_of_a_whole_point():
    explanation = Explanation(7, 2, None, 0.5, 0.25, 0.0, [])
    one = ExplainedLabel(explanation, 3, np.array([4]), np.array([0.5]), Neighbours(np.array([1]), [np.array([0])]))
    point = PointExplanation(7, None, [(2, 0.5), (1, 0.25)], [one], [AttackedLabel(2, 0.5, 0.125, 1, None)])
    value = json.loads(json.dumps(point.to_json(), allow_nan=False))
    (line,) = value.pop("explanations")
    assert value == {
        "point": 7,
        "true_labels": None,
        "predicted": [{"label": 2, "score": 0.5}, {"label": 1, "score": 0.25}],
        "attacked": [{"label": 2, "before": 0.5, "after": 0.125, "rank_before": 1, "rank_after": None}],
    }
    assert list(line) == [
        "point", "label", "label_name", "score", "baseline_score", "completeness_gap", "rank", "true", "attributions",
        "repetitions", "neighbours",
    ]  # fmt: skip
    assert line["true"] is None and line["rank"] == 3
    assert line["repetitions"] == [{"repetition": 0, "bucket": 4, "score": 0.5}]
    assert line["neighbours"] == [{"label": 1, "label_name": None, "repetitions": [0]}]
