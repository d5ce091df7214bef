"""Attacks of points by several methods in one report, the names models go by, and what cannot be attacked."""

import json

import numpy as np
import pytest
import scipy.sparse

from mach_tf.attacks.attack_report import ReportOptions
from mach_tf.attacks.gradient_attacks import Attack
from mach_tf.errors import InputError
from mach_tf.evaluation import robustness
from mach_tf.points import from_csr
from tests.helpers.tiny_ensemble import make_ensemble, make_points


@pytest.fixture(scope="module")
def ensemble():
    return make_ensemble()


@pytest.mark.parametrize("epsilons", [[0.1], [0.0, 0.1], [0.1, 0.0]])
def test_lost_is_measured_from_clean_whether_asked_for_or_not(ensemble, epsilons):
    points = make_points(ensemble)
    attacks = [Attack("fgsm"), Attack("pgd", "push_out", steps=2)]
    entries = robustness.evaluate_attacks(ensemble, points, attacks, epsilons, ReportOptions(), "logit_mean")
    assert [(entry["attack"], entry["epsilon"]) for entry in entries] == [
        (attack.name, epsilon) for attack in attacks for epsilon in sorted(epsilons)
    ]
    (fgsm,) = (entry for entry in entries if entry["attack"] == "fgsm" and entry["epsilon"])
    clean = robustness.evaluate_attacks(ensemble, points, [Attack()], [0.0], ReportOptions(), "logit_mean")[0]
    assert fgsm["lost"]["P@3"] == pytest.approx(clean["metrics"]["P@3"] - fgsm["metrics"]["P@3"])
    assert clean["lost"]["P@3"] == 0


@pytest.mark.parametrize(
    ("names", "expected"),
    [
        (["a/clean", "a/adversarial/"], ["clean", "adversarial"]),
        (["a/bibtex", "b/bibtex"], ["a_bibtex", "b_bibtex"]),
    ],
)
def test_models_go_by_short_names_that_tell_them_apart(tmp_path, names, expected):
    points = make_points(make_ensemble())
    reports = {
        name: {
            "attacks": robustness.evaluate_attacks(make_ensemble(), points, [Attack()], [0.1], ReportOptions(), "mean")
        }
        for name in names
    }
    paths = robustness.write(str(tmp_path / "out"), reports, {"points": 30})
    assert all((tmp_path / "out" / "tensorboard" / name).is_dir() for name in expected)
    with open(paths[0]) as file:
        content = json.load(file)
    assert content["points"] == 30
    assert [model["model_dir"] for model in content["models"]] == names


def test_negative_values_cannot_be_clipped(ensemble):
    points = from_csr(scipy.sparse.csr_matrix(-np.eye(20, dtype=np.float32)), scipy.sparse.csr_matrix((20, 25)))
    with pytest.raises(InputError, match=r"not negative \(got -1.0"):
        robustness.evaluate_attacks(ensemble, points, [Attack(clip_nonnegative=True)], [0.1], ReportOptions(), "mean")


def test_no_points_cannot_be_attacked(ensemble):
    points = from_csr(scipy.sparse.csr_matrix((0, 20)), scipy.sparse.csr_matrix((0, 25)))
    with pytest.raises(InputError, match="at least one point"):
        robustness.evaluate_attacks(ensemble, points, [Attack()], [0.1], ReportOptions(), "mean")
