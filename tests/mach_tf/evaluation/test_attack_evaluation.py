"""Attacks of points by several methods in one report, and what cannot be attacked."""

import types

import numpy as np
import pytest
import scipy.sparse

from mach_tf.attacks import bucket_loss
from mach_tf.attacks.attack_report import ReportOptions
from mach_tf.attacks.gradient_attacks import Attack
from mach_tf.choices import ATTACKS
from mach_tf.errors import InputError
from mach_tf.evaluation import attack_evaluation
from mach_tf.network import Network
from mach_tf.points import from_csr
from tests.helpers import model_directory
from tests.helpers.tiny_ensemble import make_ensemble, make_points


@pytest.fixture(scope="module")
def ensemble():
    return make_ensemble()


@pytest.mark.parametrize("epsilons", [[0.1], [0.0, 0.1], [0.1, 0.0]])
def test_lost_is_measured_from_clean_whether_asked_for_or_not(ensemble, epsilons):
    points = make_points(ensemble)
    attacks = [Attack("fgsm"), Attack("pgd", "push_out", steps=2)]
    entries = attack_evaluation.evaluate_attacks(ensemble, points, attacks, epsilons, ReportOptions(), "logit_mean")
    assert [(entry.attack.name, entry.epsilon) for entry in entries] == [
        (attack.name, epsilon) for attack in attacks for epsilon in sorted(epsilons)
    ]
    (fgsm,) = (entry for entry in entries if entry.attack.name == "fgsm" and entry.epsilon)
    clean = attack_evaluation.evaluate_attacks(ensemble, points, [Attack()], [0.0], ReportOptions(), "logit_mean")[0]
    assert fgsm.lost["P@3"] == pytest.approx(clean.metrics["P@3"] - fgsm.metrics["P@3"])
    assert clean.lost["P@3"] == 0


def test_negative_values_cannot_be_clipped(ensemble):
    points = from_csr(scipy.sparse.csr_matrix(-np.eye(20, dtype=np.float32)), scipy.sparse.csr_matrix((20, 25)))
    with pytest.raises(InputError, match=r"not negative \(got -1.0"):
        attack_evaluation.evaluate_attacks(
            ensemble, points, [Attack(clip_nonnegative=True)], [0.1], ReportOptions(), "mean"
        )


def test_no_points_cannot_be_attacked(ensemble):
    points = from_csr(scipy.sparse.csr_matrix((0, 20)), scipy.sparse.csr_matrix((0, 25)))
    with pytest.raises(InputError, match="at least one point"):
        attack_evaluation.evaluate_attacks(ensemble, points, [Attack()], [0.1], ReportOptions(), "mean")


@pytest.fixture(scope="module")
def network(evaluated):
    return Network.load(evaluated.model_dir)


def attacked(network, evaluated, attack, epsilons, k=3, **options):
    """The entries of the same points by the steps that a program takes."""
    hashed = network.manifest.feature_spec.apply(from_csr(*evaluated.test))
    options = ReportOptions((1, k), **options)
    return attack_evaluation.evaluate_attacks(network, hashed, [attack], epsilons, options, "logit_mean")


@pytest.mark.parametrize("epsilon", [0.1, [0.1], (0, 0.1), np.array([0.02, 0.1])])
def test_raw_points_are_hashed_and_attacked(network, evaluated, epsilon):
    robustness = attack_evaluation.attack(network, *evaluated.test, epsilon, ks=(3, 1))
    assert robustness.ks == (1, 3)
    assert list(robustness) == attacked(network, evaluated, Attack(), np.atleast_1d(epsilon).tolist())


def test_every_setting_reaches_the_attack(network, evaluated):
    robustness = attack_evaluation.attack(
        network, *evaluated.test, 0.3, "push_in", ks=(1, 3), steps=2, support="dense", seed=3, bootstrap=20
    )
    attack = Attack("pgd", "push_in", "dense", steps=2, seed=3)
    assert list(robustness) == attacked(network, evaluated, attack, [0.3], bootstrap=20, seed=3)


def test_an_attack_transfers_from_another_network(network, evaluated, tmp_path):
    model_directory.write(str(tmp_path), features=60, labels=30, columns=40, seed=5)
    (white_box,), (transferred,) = (
        attack_evaluation.attack(network, *evaluated.test, 0.1, source=source)
        for source in (None, Network.load(str(tmp_path)))
    )
    assert white_box.loss > transferred.loss


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"epsilon": -0.1}, r"epsilon must be 0 or more \(got -0\.1\)"),
        ({"epsilon": []}, r"epsilon must .*\(got none\)"),
        ({"epsilon": [0.1, 0.1]}, r"epsilon must .*\(got 0\.1, 0\.1\)"),
        ({"epsilon": float("inf")}, r"epsilon must"),
        ({"method": "shout"}, rf"one of {', '.join(ATTACKS)} \(got 'shout'\)"),
        ({"ks": (1, 31)}, r"ks must not exceed the 30 labels \(got 31\)"),
        ({"target_label": 3}, r"give it with attack=push_in"),
        ({"method": "push_in", "target_label": 30}, r"target_label must be at most 29 \(got 30\)"),
        ({"method": "push_out", "ks": (30,)}, r"k below the 30 labels \(got k = 30\)"),
    ],
)
def test_what_cannot_be_done_is_refused(network, evaluated, options, message):
    with pytest.raises(InputError, match=message):
        attack_evaluation.attack(network, *evaluated.test, **options)


def test_labels_may_be_sequences_and_features_any_array(network, evaluated):
    features, labels = evaluated.test
    sequences = [row.indices.tolist()[::-1] for row in labels]
    robustness = attack_evaluation.attack(network, features.toarray().tolist(), sequences, [0, 0.1])
    expected = attack_evaluation.attack(network, features, labels.toarray(), [0, 0.1])
    assert robustness == expected and robustness.entries[0].metrics["R@5"] > 0


def test_points_that_are_all_without_labels_are_refused(network, evaluated):
    with pytest.raises(InputError, match="none of 25 has one"):
        attack_evaluation.attack(network, evaluated.test[0], [[]] * 25, 0.1)


@pytest.mark.parametrize(
    ("Y", "message"),
    [
        (scipy.sparse.csr_matrix((24, 30)), r"Y must have as many rows as X, 25, one per point \(got 24\)"),
        (scipy.sparse.csr_matrix((25, 31)), r"Y must have 30 columns"),
        ([[1]] * 24, r"Y must have as many rows as X, 25, one per point \(got 24\)"),
        ([[1, 30]] * 25, r"Y must hold label ids in \[0, 30\) \(got 1 to 30\)"),
        ([[-1]] * 25, r"Y must hold label ids in \[0, 30\) \(got -1 to -1\)"),
        ([["cat", "dog"]] * 25, r"Y must hold label ids in \[0, 30\) \(got 'cat' to 'dog'\)"),
    ],
)
def test_labels_must_be_those_of_the_points(network, evaluated, Y, message):
    with pytest.raises(InputError, match=message):
        attack_evaluation.attack(network, evaluated.test[0], Y)


def test_bucket_losses_are_means_over_points(network, evaluated):
    hashed = network.manifest.feature_spec.apply(from_csr(*evaluated.test))
    losses = attack_evaluation.mean_bucket_losses(network, hashed, [0.0, 0.1], "nonzero")
    expected = bucket_loss.bucket_losses(network, hashed, [0.0, 0.1]).mean(axis=1)
    assert losses == [bucket_loss.BucketLoss(0.0, expected[0]), bucket_loss.BucketLoss(0.1, expected[1])]


def test_the_target_may_be_named():
    named = types.SimpleNamespace(labels=3, label_names=["tea", "coffee", "2"], label_keys=["k0", "k1", "k2"])
    for target, expected in ((None, None), (1, 1), ("1", 1), ("coffee", 1), ("k0", 0), ("id:2", 2), ("2", 2)):
        assert attack_evaluation.target_id(named, target) == expected
    named.label_names = ["2", "tea", "tea"]
    for target, message in (
        ("2", "unambiguous"),
        ("tea", "unambiguous"),
        ("cocoa", r"must hold label ids in \[0, 3\)"),
        (3, "at most 2"),
    ):
        with pytest.raises(InputError, match=f"^target_label .*{message}"):
            attack_evaluation.target_id(named, target)
