"""Scores, curves and stability against NumPy, one point and one feature at a time."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest
import scipy.integrate
import scipy.sparse

from mach_tf import points
from mach_tf.ensemble import Ensemble
from mach_tf.errors import InputError
from mach_tf.explanations.integrated_gradients.attribution import Attribution
from mach_tf.explanations.trials import faithfulness_trial
from tests.helpers import world as worlds

ESTIMATORS = ["mean", "logit_mean"]


@pytest.fixture(scope="module")
def ensemble(world):
    return Ensemble.load(world.model)


@pytest.fixture(scope="module")
def hashed(world, ensemble):
    return ensemble.manifest.feature_spec.apply(points.from_csr(world.features, world.labels))


@pytest.mark.parametrize("estimator", ESTIMATORS)
def test_best_labels_and_their_scores(ensemble, hashed, estimator):
    scores = worlds.every_score(ensemble, hashed, estimator)
    labels = faithfulness_trial.best_labels(ensemble, hashed, estimator)
    assert labels.tolist() == scores.argmax(axis=1).tolist()
    found = faithfulness_trial.label_scores(ensemble, hashed, labels, estimator)
    np.testing.assert_allclose(found, scores.max(axis=1), rtol=1e-4, atol=1e-6)


@pytest.mark.parametrize("estimator", ESTIMATORS)
def test_integrated_gradients_add_up(ensemble, hashed, estimator, monkeypatch):
    monkeypatch.setattr(faithfulness_trial, "_CHUNK_POINTS", 5)  # twelve points: three chunks
    labels = faithfulness_trial.best_labels(ensemble, hashed, estimator)
    found = faithfulness_trial.integrated_gradients(ensemble, hashed, labels, Attribution(estimator))
    nothing = points.from_csr(scipy.sparse.csr_matrix((1, ensemble.manifest.columns)))
    base = worlds.every_score(ensemble, nothing, estimator)[0, labels]
    change = worlds.every_score(ensemble, hashed, estimator).max(axis=1) - base
    np.testing.assert_allclose(np.add.reduceat(found, hashed.row_splits[:-1]), change, atol=1e-5)


@pytest.mark.parametrize("estimator", ESTIMATORS)
def test_gradient_x_input_is_the_networks(ensemble, hashed, estimator):
    labels = faithfulness_trial.best_labels(ensemble, hashed, estimator)
    found = faithfulness_trial.gradient_x_input(ensemble, hashed, labels, Attribution(estimator))
    base = faithfulness_trial.label_scores(ensemble, hashed, labels, estimator)
    for entry in range(0, len(found), 7):
        values = hashed.feature_values.copy()
        values[entry] *= 1.001
        point = np.searchsorted(hashed.row_splits, entry, side="right") - 1
        moved = faithfulness_trial.label_scores(
            ensemble, dataclasses.replace(hashed, feature_values=values), labels, estimator
        )
        assert (moved - base)[point] / 0.001 == pytest.approx(found[entry], rel=0.05, abs=4e-3)


def _without(ensemble, hashed, point, label, gone):
    """The score of a label of a point that lacks the features at the positions `gone`."""
    dense = hashed.features(ensemble.manifest.columns)[point].toarray()[0]
    dense[hashed.feature_ids[hashed.row_splits[point] : hashed.row_splits[point + 1]][gone]] = 0
    row = points.from_csr(scipy.sparse.csr_matrix(dense[None].astype(np.float32)))
    return worlds.every_score(ensemble, row, "logit_mean")[0, label]


def test_curves_areas_and_scores_lost(ensemble, hashed):
    settings = Attribution("logit_mean")
    found = faithfulness_trial.faithfulness_of(ensemble, hashed, settings, seed=3)
    assert found == faithfulness_trial.faithfulness_of(ensemble, hashed, settings, seed=3)
    labels = faithfulness_trial.best_labels(ensemble, hashed, "logit_mean")
    ours = faithfulness_trial.integrated_gradients(ensemble, hashed, labels, settings)
    deletion, insertion = (np.zeros((len(hashed), len(faithfulness_trial.FRACTIONS))) for _ in range(2))
    for point in range(len(hashed)):
        order = np.argsort(-ours[hashed.row_splits[point] : hashed.row_splits[point + 1]], kind="stable")
        for column, fraction in enumerate(faithfulness_trial.FRACTIONS):
            count = int(np.ceil(round(fraction * len(order), 6)))
            deletion[point, column] = _without(ensemble, hashed, point, labels[point], order[:count])
            insertion[point, column] = _without(ensemble, hashed, point, labels[point], order[count:])
    curves = found["curves"][faithfulness_trial.OURS]
    np.testing.assert_allclose(curves["deletion"], deletion.mean(axis=0), atol=1e-5)
    np.testing.assert_allclose(curves["insertion"], insertion.mean(axis=0), atol=1e-5)
    at = faithfulness_trial.FRACTIONS.index(0.2)
    for measure, scores in (("comprehensiveness", deletion), ("sufficiency", insertion)):
        lost = found[measure][faithfulness_trial.OURS]["20%"]
        assert lost["mean"] == pytest.approx((insertion[:, -1] - scores[:, at]).mean(), abs=1e-5)
        assert lost["low"] < lost["mean"] < lost["high"]
    for other in faithfulness_trial.OTHERS:
        for kind, sign in (("deletion", -1), ("insertion", 1)):
            difference = sign * (np.array(curves[kind]) - found["curves"][other][kind])
            between = scipy.integrate.trapezoid(difference, faithfulness_trial.FRACTIONS)
            assert found["areas"][f"{faithfulness_trial.OURS} over {other}"][kind]["mean"] == pytest.approx(
                between, abs=1e-6
            )


def test_the_larger_the_step_the_less_is_kept(ensemble, hashed):
    still, small, large = (
        faithfulness_trial.stability_of(ensemble, hashed, Attribution(), epsilon, 0) for epsilon in (1e-7, 0.05, 0.5)
    )
    assert still["label_kept"]["mean"] == 1 and still["top_10_overlap"]["mean"] == pytest.approx(1)
    assert still["rank_correlation"]["mean"] > 0.999
    assert still["rank_correlation"]["mean"] > small["rank_correlation"]["mean"] > large["rank_correlation"]["mean"]


def test_attributions_without_an_order_are_refused(ensemble, hashed):
    alone = points.from_csr(scipy.sparse.identity(3, np.float32, "csr"), scipy.sparse.csr_matrix((3, 30)))
    with pytest.raises(InputError, match="must differ within some point"):
        faithfulness_trial.stability_of(ensemble, alone, Attribution(), 0.01, 0)
