"""Points scaled down until a label is as probable as among the training points, against a scan of the way from zero."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest

from mach_tf import estimators, points
from mach_tf.explanations.integrated_gradients.attribution import AttributionConfig
from mach_tf.explanations.reporting import point_explainer
from mach_tf.explanations.reporting.prior_baseline import PriorBaseline
from mach_tf.explanations.reporting.selection import choose_labels
from mach_tf.label_index import LabelIndex
from tests.helpers import world as worlds


def _probabilities(ensemble, hashed, time, estimator):
    """Returns the probability of every label of the points times `time`, [n, K], by NumPy."""
    scaled = points.from_csr(hashed.features(ensemble.manifest.columns) * np.float32(time))
    scores = worlds.every_score(ensemble, scaled, estimator)
    return estimators.probabilities(scores, estimator, ensemble.manifest.bucket_spec.buckets, ensemble.logit_scale)


def _probability(ensemble, score):
    return float(estimators.probabilities(np.array(score), "logit_mean", 6, ensemble.logit_scale))


@pytest.mark.parametrize("estimator", ["logit_mean", "mean", "median"])
def test_the_probability_crosses_the_prior_where_paths_begin(world, ensemble, estimator):
    hashed = ensemble.manifest.feature_spec.apply(points.from_csr(world.features))
    rows = np.repeat(np.arange(len(hashed)), 30)
    labels = np.tile(np.arange(30), len(hashed))
    ends = [_probabilities(ensemble, hashed, time, estimator) for time in (0.0, 1.0)]
    prior = PriorBaseline(np.median(np.concatenate(ends), axis=0))
    times = prior.times(ensemble, hashed[rows], labels, estimator).reshape(len(hashed), 30)
    wanted = prior.probabilities[None]
    rises = (ends[0] <= wanted) & (ends[1] > wanted)
    assert 30 < rises.sum() < rises.size and (times[~rises] == 0).all()
    for point, label in np.argwhere(rises)[::9]:
        low, high = (
            _probabilities(ensemble, hashed[point : point + 1], times[point, label] + step, estimator)[0, label]
            for step in (-1e-6, 2.0**-12 + 1e-6)
        )
        assert low <= wanted[0, label] * (1 + 1e-4) and high >= wanted[0, label] * (1 - 1e-4)
    starts = prior.starts(ensemble, hashed[rows], labels, estimator)
    features = hashed.features(ensemble.manifest.columns).toarray()
    np.testing.assert_allclose(starts.toarray(), features[rows] * times.reshape(-1, 1), rtol=1e-6)


def test_explanations_add_up_from_the_prior(world, ensemble):
    raw = points.from_csr(world.features, world.labels)
    request = point_explainer.ExplanationRequest(
        ensemble, AttributionConfig(), choose_labels("top:3", LabelIndex(30)), None, 0.0, True, None, None
    )
    from_zero = point_explainer.explain_points(request, raw, np.arange(len(raw)))
    # Half way between what the first label has at zero and at its point.
    firsts = [point.explained[0].explanation for point in from_zero]
    halves = [0.5 * (one.score + one.baseline_score) for one in firsts]
    wanted = np.full(30, 1e-9)
    for point, half in zip(from_zero, halves):
        wanted[point.explained[0].explanation.label] = _probability(ensemble, half)
    prior = PriorBaseline(wanted)
    found = point_explainer.explain_points(dataclasses.replace(request, baseline=prior), raw, np.arange(len(raw)))
    raised = 0
    for old, new in zip(from_zero, found):
        assert (old.point, old.predicted) == (new.point, new.predicted) and len(new.explained) == 3
        for one, other in zip(old.explained, new.explained):
            a, b = one.explanation, other.explanation
            assert (a.point, a.label, one.rank) == (b.point, b.label, other.rank) and a.score == pytest.approx(b.score)
            assert sum(f.attribution for f in b.attributions) == pytest.approx(b.score - b.baseline_score, abs=1e-9)
            assert {f.feature for f in a.attributions} == {f.feature for f in b.attributions}
            raised += a.baseline_score != b.baseline_score
            at_prior = _probability(ensemble, b.baseline_score) == pytest.approx(wanted[b.label], rel=0.01)
            assert a.baseline_score == b.baseline_score or at_prior
    assert raised > 3
