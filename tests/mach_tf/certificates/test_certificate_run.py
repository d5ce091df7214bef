"""certificate_run: chunks change nothing, attacks violate nothing, and other estimators are refused."""

import dataclasses

import numpy as np
import pytest

from mach_tf.attacks.attack_run import AttackRun
from mach_tf.attacks.gradient_attacks import Attack
from mach_tf.certificates import certificate_run
from mach_tf.certificates.certificate_run import CertificateRun, check_estimator
from mach_tf.certificates.perturbations import PerturbationSet
from mach_tf.errors import InputError
from tests.helpers import tiny_ensemble

KS = (1, 3)


@pytest.fixture(scope="module")
def ensemble():
    return tiny_ensemble.make_ensemble(columns=30, hidden=20, buckets=12)


def certify(ensemble, points, *sets):
    top = AttackRun(ensemble, Attack(), k=3).outcomes(points, [0.0])[0].top_labels
    return top, CertificateRun(ensemble, sets, KS, effort=100).certify(points, top)


@pytest.fixture(scope="module")
def ranked():
    return tiny_ensemble.make_ensemble(columns=30, hidden=20, buckets=12, ranked=True)


@pytest.mark.parametrize("model", ["ensemble", "ranked"])
@pytest.mark.parametrize("support", ["nonzero", "dense"])
@pytest.mark.parametrize("clip", [False, True])
def test_no_attack_violates_a_certificate(model, support, clip, request):
    ensemble = request.getfixturevalue(model)
    points = tiny_ensemble.make_points(ensemble)
    epsilons = [0.0, 0.002, 0.02, 0.1]
    top, found = certify(ensemble, points, *(PerturbationSet(e, support, clip) for e in epsilons))
    labels = points.labels(25).toarray() > 0
    for name in ("fgsm", "pgd", "push_out", "push_in"):
        attack = Attack.named(name, support=support, clip_nonnegative=clip)
        outcomes = AttackRun(ensemble, attack, k=3).outcomes(points, epsilons)
        for certified, outcome in zip(found, outcomes):
            same = outcome.top_labels[:, 0] == top[:, 0]
            assert same[certified.top_unchanged].all()
            hit = np.take_along_axis(labels, outcome.top_labels, axis=1)
            for column, k in enumerate(KS):
                assert (hit[:, :k].sum(axis=1) >= certified.hits[:, column]).all()
    assert found[0].top_unchanged.all() and not found[-1].top_unchanged.all()
    shares = [certified.hits.sum() for certified in found]
    assert shares == sorted(shares, reverse=True) and shares[1] > 0


def test_sizes_in_any_order_prove_at_least_what_each_proves_alone(ensemble):
    points = tiny_ensemble.make_points(ensemble)
    epsilons = [0.0, 0.02, 0.005, 0.1, 0.01]
    _, together = certify(ensemble, points, *map(PerturbationSet, epsilons))
    by_size = [together[epsilons.index(each)] for each in sorted(epsilons)]
    for epsilon, found in zip(epsilons, together):
        _, (alone,) = certify(ensemble, points, PerturbationSet(epsilon))
        assert found.perturbations.epsilon == epsilon
        assert (found.top_unchanged >= alone.top_unchanged).all() and (found.hits >= alone.hits).all()
        np.testing.assert_array_equal(found.scores, alone.scores)
        assert (found.pairs <= alone.pairs).all()
    for smaller, larger in zip(by_size, by_size[1:]):
        assert (smaller.top_unchanged >= larger.top_unchanged).all() and (smaller.hits >= larger.hits).all()
    assert by_size[0].hits.sum() > by_size[-1].hits.sum()


def test_chunks_change_nothing(ensemble, monkeypatch):
    points = tiny_ensemble.make_points(ensemble)
    _, (expected,) = certify(ensemble, points, PerturbationSet(0.02))
    monkeypatch.setattr(certificate_run, "_CHUNK_FLOATS", 1000)
    _, (found,) = certify(ensemble, points, PerturbationSet(0.02))
    for field in dataclasses.fields(found):
        np.testing.assert_array_equal(getattr(found, field.name), getattr(expected, field.name))
    assert found.scores.shape == (30, 3, 2)


@pytest.mark.parametrize("estimator", ["mean", "min", "median"])
def test_other_estimators_are_refused(estimator):
    check_estimator("logit_mean")
    with pytest.raises(InputError, match=f"sums of hidden units .got {estimator}"):
        check_estimator(estimator)


def test_points_that_do_not_fit_in_memory_are_refused(ensemble, monkeypatch):
    points = tiny_ensemble.make_points(ensemble)
    monkeypatch.setattr(certificate_run, "available_memory", lambda: 1000)
    with pytest.raises(InputError, match=r"must fit in memory: a point with 30 entries needs .* support=nonzero"):
        certify(ensemble, points, PerturbationSet(0.02, "dense"))


def test_the_pairs_of_a_ranker_count_as_memory(ensemble, ranked, monkeypatch):
    monkeypatch.setattr(certificate_run, "available_memory", lambda: 100_000)
    for model, fits in ((ensemble, True), (ranked, False)):
        points = tiny_ensemble.make_points(model)
        if fits:
            certify(model, points, PerturbationSet(0.02, "dense"))
        else:
            with pytest.raises(InputError, match="must fit in memory"):
                certify(model, points, PerturbationSet(0.02, "dense"))
