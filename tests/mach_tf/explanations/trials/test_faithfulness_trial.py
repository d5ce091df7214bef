"""Scores, curves and stability against NumPy, one point and one feature at a time."""

from __future__ import annotations

import numpy as np
import pytest
import scipy.integrate
import scipy.sparse

from mach_tf import points
from mach_tf.data.dataset_reader import DatasetReader
from mach_tf.ensemble import Ensemble
from mach_tf.errors import InputError
from mach_tf.explanations.integrated_gradients.attribution import AttributionConfig
from mach_tf.explanations.trials import best_label, faithfulness_trial
from tests.helpers import model_directory
from tests.helpers import world as worlds

ESTIMATORS = ["mean", "logit_mean"]


@pytest.fixture(scope="module")
def ensemble(world):
    return Ensemble.load(world.model)


@pytest.fixture(scope="module")
def hashed(world, ensemble):
    return ensemble.manifest.feature_spec.apply(points.from_csr(world.features, world.labels))


def _without(ensemble, hashed, point, label, gone):
    """Returns the score of a label of a point without the features at the positions `gone`."""
    dense = hashed.features(ensemble.manifest.columns)[point].toarray()[0]
    dense[hashed.feature_ids[hashed.row_splits[point] : hashed.row_splits[point + 1]][gone]] = 0
    row = points.from_csr(scipy.sparse.csr_matrix(dense[None].astype(np.float32)))
    return worlds.every_score(ensemble, row, "logit_mean")[0, label]


def test_curves_areas_and_scores_lost(ensemble, hashed):
    settings = AttributionConfig("logit_mean")
    found = faithfulness_trial.measure_faithfulness(ensemble, hashed, settings, seed=3)
    assert found == faithfulness_trial.measure_faithfulness(ensemble, hashed, settings, seed=3)
    labels = best_label.best_labels(ensemble, hashed, "logit_mean")
    ours = best_label.attributions(ensemble, hashed, labels, settings)
    deletion, insertion = (np.zeros((len(hashed), len(faithfulness_trial.FRACTIONS))) for _ in range(2))
    for point in range(len(hashed)):
        order = np.argsort(-ours[hashed.row_splits[point] : hashed.row_splits[point + 1]], kind="stable")
        for column, fraction in enumerate(faithfulness_trial.FRACTIONS):
            count = int(np.ceil(round(fraction * len(order), 6)))
            deletion[point, column] = _without(ensemble, hashed, point, labels[point], order[:count])
            insertion[point, column] = _without(ensemble, hashed, point, labels[point], order[count:])
    curves = found.curves[faithfulness_trial.OURS]
    np.testing.assert_allclose(curves.deletion, deletion.mean(axis=0), atol=1e-5)
    np.testing.assert_allclose(curves.insertion, insertion.mean(axis=0), atol=1e-5)
    at = faithfulness_trial.FRACTIONS.index(0.2)
    for measure, scores in (("comprehensiveness", deletion), ("sufficiency", insertion)):
        lost = getattr(found, measure)[faithfulness_trial.OURS]["20%"]
        assert lost.mean == pytest.approx((insertion[:, -1] - scores[:, at]).mean(), abs=1e-5)
        assert lost.low < lost.mean < lost.high
    for other in faithfulness_trial.OTHERS:
        for kind, sign in (("deletion", -1), ("insertion", 1)):
            difference = sign * (np.array(getattr(curves, kind)) - getattr(found.curves[other], kind))
            between = scipy.integrate.trapezoid(difference, faithfulness_trial.FRACTIONS)
            assert getattr(found.areas[f"{faithfulness_trial.OURS} over {other}"], kind).mean == pytest.approx(
                between, abs=1e-6
            )


def test_the_larger_the_step_the_less_is_kept(ensemble, hashed):
    still, small, large = (
        faithfulness_trial.measure_stability(ensemble, hashed, AttributionConfig(), epsilon, 0)
        for epsilon in (1e-7, 0.05, 0.5)
    )
    assert still.label_kept.mean == 1 and still.top_10_overlap.mean == pytest.approx(1)
    assert still.rank_correlation.mean > 0.999
    assert still.rank_correlation.mean > small.rank_correlation.mean > large.rank_correlation.mean


def test_attributions_without_an_order_are_refused(ensemble, hashed):
    alone = points.from_csr(scipy.sparse.identity(3, np.float32, "csr"), scipy.sparse.csr_matrix((3, 30)))
    with pytest.raises(InputError, match="of at least one point must differ to have an order"):
        faithfulness_trial.measure_stability(ensemble, alone, AttributionConfig(), 0.01, 0)


@pytest.mark.parametrize("epsilon", [["x"], [0], [-1.0], ["0.1", "inf"], [float("nan")]])
def test_epsilons_must_be_positive(epsilon):
    with pytest.raises(InputError, match=r"^epsilon must be positive numbers \(got "):
        faithfulness_trial.TrialOptions(epsilon=epsilon)
    assert faithfulness_trial.TrialOptions(epsilon=["0.01", 0.3]).epsilon == (0.01, 0.3)


def test_a_model_trained_without_attacks_has_no_epsilon_of_its_own(tmp_path):
    world = worlds.make(str(tmp_path), epsilon=0.0)
    with pytest.raises(InputError, match=r"^epsilon must be positive numbers \(got none, and .* was trained with 0\)"):
        faithfulness_trial.run_trial(world.dataset, [world.model], faithfulness_trial.TrialOptions())


def test_the_sample_is_of_points_with_two_features_or_more(world):
    data = DatasetReader.open(world.dataset)
    everything = data.read_points("test")
    usable = int((np.diff(everything.row_splits) > 1).sum())
    for wanted in (3, 500):
        options = faithfulness_trial.TrialOptions(sample_points=wanted, seed=1)
        sample = faithfulness_trial.sample_points(data, options)
        assert len(sample) == min(wanted, usable) and (np.diff(sample.row_splits) > 1).all()
        again = faithfulness_trial.sample_points(data, options)
        np.testing.assert_array_equal(sample.feature_values, again.feature_values)


def test_a_trial_measures_each_model_at_each_epsilon(world):
    options = faithfulness_trial.TrialOptions(sample_points=4, epsilon=[0.01, 0.3])
    trial = faithfulness_trial.run_trial(world.dataset, [world.model, world.model], options)
    assert (trial.points, trial.split, trial.estimator) == (4, "test", "logit_mean")
    assert [(row.model, row.epsilon) for row in trial.stability] == [(world.model, e) for e in (0.01, 0.01, 0.3, 0.3)]
    own = faithfulness_trial.run_trial(world.dataset, [world.model], faithfulness_trial.TrialOptions(sample_points=4))
    assert [row.epsilon for row in own.stability] == [model_directory.EPSILON]
    assert own.faithfulness == trial.faithfulness
