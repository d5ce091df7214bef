"""Every method under the interfaces of Python and of mach-explain: rows add up where they should, and what cannot be explained is refused."""

from __future__ import annotations

import dataclasses
import json

import numpy as np
import pytest
import scipy.sparse

from mach_tf import points
from mach_tf.choices import ATTRIBUTION_METHODS
from mach_tf.ensemble import Ensemble
from mach_tf.errors import InputError
from mach_tf.explanations.integrated_gradients.attribution import AttributionConfig
from mach_tf.explanations.reporting.driver_run import write_label_drivers
from mach_tf.explanations.reporting.explanation_inputs import open_inputs
from mach_tf.explanations.reporting.explanation_run import ExplanationOptions, write_explanations
from mach_tf.hashing import FeatureSpec
from tests.helpers import model_directory, rankers
from tests.helpers import world as worlds


@pytest.fixture(scope="module", params=["alone", "ranked"])
def model(request, world, tmp_path_factory):
    if request.param == "alone":
        return world.model
    return rankers.with_ranker(world.model, str(tmp_path_factory.mktemp("ranked") / "model"), 30, 40)


@pytest.mark.parametrize("method", ATTRIBUTION_METHODS)
def test_rows_add_up_and_are_like_integrated_gradients(world, model, method):
    ensemble = Ensemble.load(model)
    if method == "expected_gradients":
        with pytest.raises(InputError, match=r"must be of a model without feature hashing \(got 40 hashed features\)"):
            ensemble.explain(world.features, method=method, baseline=world.features[3:9])
        return
    found = ensemble.explain(world.features, method=method, steps=256)
    exact = ensemble.explain(world.features)
    sums = np.asarray(found.sum(axis=1)).ravel()
    if method != "gradient_x_input":
        np.testing.assert_allclose(sums, found.scores - found.baseline_scores, atol=0.02)
    correlation = np.corrcoef(found.toarray().ravel(), exact.toarray().ravel())[0, 1]
    assert correlation > 0.8
    np.testing.assert_allclose(found.scores, exact.scores, rtol=1e-5)
    np.testing.assert_allclose(found.baseline_scores, exact.baseline_scores, rtol=1e-5)


def test_expected_gradients_in_python(tmp_path):
    generator = np.random.default_rng(0)
    X = scipy.sparse.csr_matrix(generator.random((12, 40)) * (generator.random((12, 40)) < 0.3))
    model_directory.write(str(tmp_path), features=40)
    ensemble = Ensemble.load(tmp_path)
    ensemble.manifest = dataclasses.replace(ensemble.manifest, feature_spec=FeatureSpec(0))
    found = ensemble.explain(X[:4], [0, 1, 2, 3], "expected_gradients", baseline=X[4:])
    rows = [ensemble.explain(X[:4], [0, 1, 2, 3], baseline=X[i]).toarray() for i in range(4, 12)]
    np.testing.assert_allclose(found.toarray(), np.mean(rows, axis=0), atol=1e-7)
    with pytest.raises(InputError, match=r"must have baselines, .* \(got none\)"):
        ensemble.explain(X[:4], method="expected_gradients")


@pytest.mark.parametrize("method", ["gradient_x_input", "shapley", "expected_gradients"])
def test_reports(world, model, tmp_path, method):
    inputs = open_inputs(world.dataset, model, world.text)
    options = ExplanationOptions("0-3", "top:2", AttributionConfig(method=method, steps=8))
    written = write_explanations(inputs, options, str(tmp_path))
    assert written.count == 8
    for one in written.first:
        gap = sum(f.attribution for f in one.attributions) - (one.score - one.baseline_score)
        assert gap == pytest.approx(one.completeness_gap, abs=1e-9)
        assert method == "gradient_x_input" or abs(gap) < 1e-6
    page = (tmp_path / "report.html").read_text(encoding="utf-8")
    assert method in page and ("drawn at random" in page) == (method == "expected_gradients")


@pytest.mark.parametrize("method", ["exact", "gradient_x_input", "shapley"])
def test_a_contrast_is_the_difference_of_two_explanations(world, model, method):
    ensemble = Ensemble.load(model)
    labels, others = np.arange(12), (np.arange(12) + 5) % 30
    found = ensemble.explain(world.features, labels, method, against=others)
    first, second = (ensemble.explain(world.features, each, method) for each in (labels, others))
    np.testing.assert_allclose(found.toarray(), (first - second).toarray(), atol=1e-12)
    np.testing.assert_allclose(found.scores, first.scores - second.scores)
    np.testing.assert_allclose(found.baseline_scores, first.baseline_scores - second.baseline_scores)
    assert "label 0 rather than label 5" in str(found)
    for bad in (labels, others[:, None].repeat(2, axis=1)):
        with pytest.raises(InputError, match=r"^against must have one other label for each of labels, \[12, 1\]"):
            ensemble.explain(world.features, labels, against=bad)


@pytest.mark.parametrize("against", ["best", "label-4", "4"])
def test_contrasts_in_the_report(world, model, tmp_path, against):
    inputs = open_inputs(world.dataset, model, world.text)
    written = write_explanations(inputs, ExplanationOptions("0-5", "top:2", against=against), str(tmp_path))
    with open(written.lines_file, encoding="utf-8") as file:
        lines = [json.loads(line) for line in file]
    plain = ensemble_scores(world, model)
    for line in lines:
        best = next(label for label in np.argsort(-plain[line["point"]], kind="stable") if label != line["label"])
        assert line["against"] == (best if against == "best" or line["label"] == 4 else 4)
        assert line["against_name"] == f"label-{line['against']}" or line["against"] == 3
        expected = plain[line["point"], line["label"]] - plain[line["point"], line["against"]]
        assert line["score"] == pytest.approx(expected, abs=1e-5)
        total = sum(feature["attribution"] for feature in line["attributions"])
        assert total == pytest.approx(line["score"] - line["baseline_score"], abs=1e-9)
    assert " rather than " in written.table()
    with pytest.raises(InputError, match=r"^baseline=prior is of one label.*Use baseline=zero"):
        ExplanationOptions(against="best", baseline="prior")


def ensemble_scores(world, model):
    ensemble = Ensemble.load(model)
    return worlds.every_score(
        ensemble, ensemble.manifest.feature_spec.apply(points.from_csr(world.features)), "logit_mean"
    )


def test_expected_gradients_draw_their_own_baselines(world, tmp_path):
    inputs = open_inputs(world.dataset, world.model, world.text)
    config = AttributionConfig(method="expected_gradients", steps=4)
    contrasts = ExplanationOptions("0-3", "top:2", config, against="best")
    for one in write_explanations(inputs, contrasts, None).first:
        total = sum(feature.attribution for feature in one.attributions)
        assert one.against is not None and total == pytest.approx(one.score - one.baseline_score, abs=1e-6)
    with pytest.raises(InputError, match="baseline=zero means nothing there"):
        write_explanations(inputs, ExplanationOptions(attribution=config, baseline="zero"), None)
    with pytest.raises(InputError, match=r"labels=all begins at the zero baseline.*Use method='exact'"):
        write_label_drivers(inputs, config, str(tmp_path / "drivers"))
