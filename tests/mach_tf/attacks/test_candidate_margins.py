"""Margins of candidates against the scores of the changed points."""

import numpy as np
import pytest

from mach_tf import estimators
from mach_tf.attacks.candidate_margins import candidate_margins
from mach_tf.attacks.feature_changes import FeatureChanges
from mach_tf.attacks.input_gradient import NonzeroInput, bucket_logits, forward_pass
from mach_tf.hashing import FeatureSpec
from mach_tf.ranker.added_part import AddedPart


@pytest.mark.parametrize(
    ("kind", "estimator"), [("ensemble", "logit_mean"), ("ensemble", "mean"), ("ranked", "logit_mean")]
)
@pytest.mark.parametrize("method", ["drop_words", "add_words"])
def test_margins_of_the_changed_points(request, points, method, kind, estimator):
    network = request.getfixturevalue(kind)
    changes = FeatureChanges(method, 20, FeatureSpec(0))
    states = changes.start(points, 0)
    candidates, build = changes.proposals(states, lambda some: np.zeros((len(some.points), 20), np.float32))
    labels = np.random.default_rng(0).permuted(np.tile(np.arange(25), (len(points), 1)), axis=1)[:, :2]
    hidden_inputs = forward_pass(network.repetitions, NonzeroInput(points, 20), points.feature_values).hidden_inputs
    found = candidate_margins(network, points, hidden_inputs, labels[:, 0], labels[:, 1], candidates, estimator)
    changed = build(np.arange(len(candidates))).points
    inputs = NonzeroInput(changed, 20)
    scores = estimators.bucket_scores(bucket_logits(network.repetitions, inputs, inputs.clean), estimator)
    pairs = labels[candidates.state]
    both = estimators.label_scores(scores, network.bucket_table, pairs, estimator)
    both = both + AddedPart(network.ranker_of(estimator), changed.features(20)).to(pairs)
    np.testing.assert_allclose(found, both[:, 0].astype(np.float64) - both[:, 1], atol=1e-4)
