"""What an evaluation's options accept and refuse."""

from __future__ import annotations

import pytest

from mach_tf import estimators
from mach_tf.choices import ATTACKS
from mach_tf.decoding.approximate import Approximate
from mach_tf.errors import InputError
from mach_tf.evaluation.certification import CertificationOptions
from mach_tf.evaluation.evaluation_options import EvaluationOptions
from mach_tf.metrics.ranking_metrics import cut_offs


@pytest.mark.parametrize(
    ("given", "names"),
    [
        ("all", list(estimators.ESTIMATORS)),
        (["all"], list(estimators.ESTIMATORS)),
        ("min", ["min"]),
        (("mean", "min"), ["mean", "min"]),
    ],
)
def test_estimators_are_names_or_all(given, names):
    assert EvaluationOptions(estimators=given).estimator_names == names


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"split": "dev"}, r"split must be one of train, valid, test \(got 'dev'\)"),
        ({"certify": [0.1, 0.1]}, r"certify must be a list of different numbers"),
        ({"certify": 0.1}, r"certify must be a number, or a list of numbers|certify must be a list"),
        ({"certify": [0.1], "estimators": "mean"}, r"Certificates need the estimator logit_mean"),
        ({"certify": [0.1], "name_weight": 1.0}, r"certify must be left out with name_weight"),
        ({"certify": [0.1], "filter_labels": "a"}, r"certify must be left out with filter_labels"),
        ({"certify": [0.1], "approximate": Approximate(1, 1)}, r"certify must be left out with approximate"),
        ({"limit": 0}, r"limit must be at least 1 \(got 0\)"),
        ({"estimators": "max"}, r"estimators must be all, or a list of different ones of logit_mean, .*\(got max\)"),
        ({"estimators": ["mean", "mean"]}, r"estimators must be .*\(got mean,mean\)"),
        ({"estimators": []}, r"estimators must be .*\(got \)"),
        ({"propensity": "jain"}, r"propensity must be one of amazon, default, wikipedia \(got 'jain'\)"),
        ({"bootstrap": -1}, r"bootstrap must be 0 or more \(got -1\)"),
        (
            {"attacks": ["shout"]},
            rf"An attack must be one of {', '.join(ATTACKS)} \(got 'shout'\)",
        ),
        ({"attacks": ["pgd"], "epsilons": [0.1, -0.2]}, r"epsilon must be 0 or more \(got -0\.2\)"),
        ({"propensity_a": 0}, r"propensity_a must be above 0 and at most 10 \(got 0\)"),
        ({"propensity_b": "1.5"}, r"propensity_b must be a finite number \(got '1\.5'\)"),
        ({"filter_labels": 3}, r"filter_labels must be a path \(got 3\)"),
        ({"propensity_b": -1.5}, r"propensity_b must be above 0 and at most 10 \(got -1\.5\)"),
        ({"propensity_b": float("nan")}, r"propensity_b must be a finite number \(got nan\)"),
        ({"name_weight": -1}, r"name_weight must be .*got -1"),
        ({"name_weight": 1, "attacks": ["pgd"]}, r"name_weight must be left out .* with attacks"),
        ({"name_weight": 1, "approximate": Approximate(3, 1)}, r"name_weight must be left out with approximate"),
    ],
)
def test_values_that_no_dataset_allows_are_refused(options, message):
    with pytest.raises(InputError, match=message):
        EvaluationOptions(**options)


def test_sizes_do_not_matter_without_attacks():
    assert EvaluationOptions(epsilons=()).attack_list == []


@pytest.mark.parametrize(
    ("options", "constants", "name"),
    [
        ({}, (0.55, 1.5), "default"),
        ({"propensity": "amazon"}, (0.6, 2.6), "amazon"),
        ({"propensity_a": 0.6, "propensity_b": 2.6}, (0.6, 2.6), "amazon"),
        ({"propensity": "amazon", "propensity_b": 2}, (0.6, 2.0), "0.6,2"),
        ({"propensity_a": 0.25}, (0.25, 1.5), "0.25,1.5"),
    ],
)
def test_constants_of_the_propensity_model(options, constants, name):
    chosen = EvaluationOptions(**options)
    assert chosen.propensity_constants == constants and chosen.propensity_name == name


@pytest.mark.parametrize("name", ["estimators", "attacks", "epsilons", "ks", "approximate", "compare", "propensity"])
@pytest.mark.parametrize("value", [2.5, object(), b"x", [None], len], ids=lambda value: type(value).__name__)
def test_values_of_another_kind_are_refused(name, value):
    with pytest.raises(InputError):
        options = EvaluationOptions(**{name: value})
        cut_offs(options.ks, 10)


def test_what_is_certified_has_the_evaluation_s_cut_offs():
    assert EvaluationOptions().certification is None and EvaluationOptions(certify=[]).certification is None
    options = EvaluationOptions(certify=CertificationOptions(epsilons=[0.1], support="dense", ks=[7]), ks=[1, 2])
    assert options.certification == CertificationOptions(epsilons=[0.1], support="dense", ks=[1, 2])
    assert EvaluationOptions(certify=[0, 0.1]).certification.epsilons == [0.0, 0.1]
