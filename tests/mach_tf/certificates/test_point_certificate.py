"""point_certificate: no sampled perturbation violates what is proved, and much is proved."""

import numpy as np
import pytest

from mach_tf.certificates import branch_and_bound, point_certificate
from mach_tf.certificates.output_layer import OutputLayer
from mach_tf.certificates.perturbations import PerturbationSet
from mach_tf.certificates.point_certificate import certify_point
from mach_tf.certificates.quadratic_bounds import QuadraticBound, QuadraticRelaxation
from tests.helpers import certified

KS = (1, 2, 4)


def certify(world, perturbations, true_labels, effort=100, branches=0):
    top = np.argsort(-world.single_scores(world.values[None])[0], kind="stable")[:4]
    parts = world.units(perturbations), world.layer, world.ranker_units(perturbations)
    return certify_point(*parts, top, true_labels, KS, effort, branches), top


def check(world, perturbations, count, seed):
    """Returns what was proved: how often the top label, and how many hits at each k."""
    rng = np.random.default_rng(seed)
    labels = world.layer.table.shape[1]
    clean = world.single_scores(world.values[None])[0]
    true_labels = np.sort(rng.choice(np.argsort(-clean)[: max(labels // 2, 3)], 3, replace=False))
    found, top = certify(world, perturbations, true_labels)
    values = certified.perturbed(world, perturbations, count // 2, seed)
    attacks = [certified.attacked(world, perturbations, label, count // 16, seed) for label in (top[0], true_labels[0])]
    values = np.concatenate([values, *attacks])
    for scores in (world.single_scores(values), world.scores(values)):
        ranked = np.argsort(-scores, axis=1, kind="stable")
        if found.top_unchanged:
            assert (ranked[:, 0] == top[0]).all()
        for k, hits in zip(KS, found.hits):
            assert np.isin(ranked[:, :k], true_labels).sum(axis=1).min() >= hits
        assert (scores[:, top] >= found.scores[:, 0]).all() and (scores[:, top] <= found.scores[:, 1]).all()
    return found


@pytest.mark.parametrize("clip", [False, True])
@pytest.mark.parametrize("seed", range(12))
def test_no_perturbation_violates_a_certificate(seed, clip):
    epsilon = (0.003, 0.01, 0.03, 0.1)[seed % 4]
    world = certified.small(seed, n=12, repetitions=3, hidden=20, buckets=8, labels=30)
    check(world, PerturbationSet(epsilon, clip_nonnegative=clip), 2000, seed)


@pytest.mark.parametrize("seed", range(40))
def test_no_perturbation_violates_a_certificate_of_networks_of_all_sizes(seed):
    world = certified.various(seed)
    clip = seed % 3 == 0 and bool((world.values >= 0).all())
    check(world, PerturbationSet(10.0 ** -(seed % 5 + 0.5), clip_nonnegative=clip), 400, seed)


@pytest.mark.parametrize("scale", [0.3, 3])
@pytest.mark.parametrize("seed", range(30))
def test_no_perturbation_violates_a_certificate_of_a_model_with_a_ranker(seed, scale):
    world = certified.small(seed, n=12, repetitions=3, hidden=20, buckets=8, labels=30)
    world = certified.with_ranker(world, seed, scale)
    check(world, PerturbationSet((0.003, 0.01, 0.03, 0.1)[seed % 4], clip_nonnegative=seed % 3 == 0), 800, seed)


@pytest.mark.parametrize("seed", range(40))
def test_no_perturbation_violates_a_certificate_with_a_ranker_of_networks_of_all_sizes(seed):
    world = certified.with_ranker(certified.various(seed), seed, 10.0 ** (seed % 6 - 3))
    check(world, PerturbationSet(10.0 ** -(seed % 5 + 0.5)), 400, seed)


@pytest.mark.parametrize("ranked", [False, True])
@pytest.mark.parametrize("seed", range(12))
def test_all_stages_hold_and_prove_what_the_cheapest_cannot(seed, ranked, monkeypatch):
    world = certified.small(seed, n=30, repetitions=3, hidden=60, buckets=8, labels=60)
    world = certified.with_ranker(world, seed) if ranked else world
    perturbations = PerturbationSet((0.01, 0.02, 0.04)[seed % 3])
    expected = check(world, perturbations, 400, seed)
    monkeypatch.setattr(point_certificate, "_BY_REPETITION", 1)
    monkeypatch.setattr(point_certificate, "_JOINTLY", 1)
    found = check(world, perturbations, 400, seed)
    assert found.hits == expected.hits and found.top_unchanged == expected.top_unchanged
    assert found.pairs <= expected.pairs


@pytest.mark.slow
def test_no_perturbation_of_a_million_violates_a_certificate():
    proved = []
    for seed in range(200):
        world = certified.small(seed, n=12, repetitions=3, hidden=20, buckets=8, labels=30)
        proved.append(check(world, PerturbationSet((0.003, 0.01, 0.03, 0.1)[seed % 4]), 5000, seed).top_unchanged)
    assert 20 < sum(proved) < 180
    proved = []
    for seed in range(1000, 1400):
        world = certified.various(seed)
        proved.append(check(world, PerturbationSet(10.0 ** -(seed % 5 + 0.5)), 2500, seed).top_unchanged)
    assert 100 < sum(proved) < 380
    proved = []
    for seed in range(2000, 2400):
        world = certified.with_ranker(certified.various(seed), seed, 10.0 ** (seed % 7 - 4))
        proved.append(check(world, PerturbationSet(10.0 ** -(seed % 5 + 0.5)), 2500, seed).top_unchanged)
    assert 100 < sum(proved) < 380


# Networks in which no other label shares both buckets with the best one, which no bias could raise above it.
@pytest.mark.parametrize("seed", [1, 4, 5, 6, 7, 9, 11, 12])
def test_margins_just_large_enough_for_a_proof_hold_at_the_exact_minimum(seed):
    """Raises a bias until the proof succeeds; the lead's exact minimum is then not negative."""
    world, perturbations = certified.small(seed, labels=5), PerturbationSet(0.05)
    top = int(np.argmax(world.scores(world.values[None])[0]))
    rivals = [m for m in range(5) if (world.layer.table[:, m] != world.layer.table[:, top]).any()]
    assert len(rivals) == 4
    low, high = 0.0, 16.0
    for _ in range(30):
        middle = (low + high) / 2
        biases = world.layer.biases.copy()
        biases[np.arange(2), world.layer.table[:, top]] += middle
        layer = OutputLayer.of_arrays(world.layer.kernels, biases.astype(np.float32), world.layer.table)
        raised = certified.Small(world.kernel, world.biases, layer, world.values)
        if certify(raised, perturbations, np.array([top]))[0].hits[0]:
            high, proved = middle, raised
        else:
            low = middle
    units = proved.units(perturbations)
    smallest = min(
        certified.smallest(units, *certified.difference(units, proved.layer, top, rival)) for rival in rivals
    )
    assert smallest >= -1e-7


def test_as_tight_as_the_clean_ranking_without_a_perturbation():
    for seed in range(5):
        world = certified.small(seed, n=12, hidden=20, buckets=30, labels=30)
        ranked = np.argsort(-world.single_scores(world.values[None])[0], kind="stable")
        found, top = certify(world, PerturbationSet(0), np.sort(ranked[[0, 3, 9]]))
        assert found.top_unchanged and found.hits == (1, 1, 2)
        np.testing.assert_allclose(
            found.scores, np.repeat(world.scores(world.values[None])[0][top, None], 2, axis=1), atol=1e-4
        )


@pytest.mark.parametrize("ranked", [False, True])
@pytest.mark.parametrize("seed", range(25))
def test_with_enough_branches_all_is_proved_that_is_true(seed, ranked):
    world, perturbations = certified.small(seed, n=5, hidden=6, labels=6), PerturbationSet((0.05, 0.15, 0.3)[seed % 3])
    world = certified.with_ranker(world, seed) if ranked else world
    top = int(np.argmax(world.scores(world.values[None])[0]))
    leads = [certified.smallest_lead(world, perturbations, top, m) for m in range(6) if m != top]
    found, _ = certify(world, perturbations, np.array([top]), branches=100_000)
    bounds, _ = certify(world, perturbations, np.array([top]))
    # Nearer to 0 than this, rounding in float32 decides.
    assert found.top_unchanged == (min(leads) > 1e-4) or abs(min(leads)) < 1e-4
    assert found.hits[0] == int(found.top_unchanged) and bounds.top_unchanged <= found.top_unchanged


def test_branches_are_counted_over_all_pairs(monkeypatch):
    granted = []

    def search(units, weights, constant, enough, most):
        granted.append(most)
        return branch_and_bound.ExactBound(np.inf, np.inf, np.zeros(0), min(most, 3))

    monkeypatch.setattr(point_certificate, "smallest_difference", search)
    undecided = QuadraticBound(-np.inf, np.inf, np.zeros(0))
    monkeypatch.setattr(QuadraticRelaxation, "bound", lambda *_: undecided)
    world = certified.small(3, n=12, repetitions=3, hidden=20, buckets=8, labels=30)
    top = int(np.argmax(world.scores(world.values[None])[0]))
    certify(world, PerturbationSet(0.1), np.array([top]), branches=8)
    assert granted == [8, 5, 2]


def test_branches_prove_what_bounds_cannot():
    proved = {0: 0, 100_000: 0}
    for seed in range(40):
        world = certified.small(seed, n=5, hidden=6, labels=6)
        top = int(np.argmax(world.scores(world.values[None])[0]))
        for branches in proved:
            found, _ = certify(world, PerturbationSet(0.15), np.array([top]), branches=branches)
            proved[branches] += found.top_unchanged
    assert 5 < proved[0] < proved[100_000]


def test_labels_of_equal_score_are_not_proved_apart():
    world = certified.small(0, buckets=2)
    world.layer.table[:] = 0  # all labels are in one bucket: the smallest is the best, by its number alone
    found, _ = certify(world, PerturbationSet(0.01), np.array([0]))
    assert not found.top_unchanged and found.hits == (0, 0, 0)


def test_no_effort_proves_less_and_never_more():
    world = certified.small(1, n=30, hidden=100, buckets=8, labels=30)
    ranked = np.argsort(-world.single_scores(world.values[None])[0], kind="stable")
    true_labels = np.sort(ranked[:3])
    full, _ = certify(world, PerturbationSet(0.01), true_labels)
    none, _ = certify(world, PerturbationSet(0.01), true_labels, effort=0)
    assert none.pairs == 0 and all(less <= more for less, more in zip(none.hits, full.hits))
    assert none.top_unchanged <= full.top_unchanged
