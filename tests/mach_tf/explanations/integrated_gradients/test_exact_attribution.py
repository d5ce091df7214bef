"""The closed form against quadrature and hand-computed cases, and its completeness."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
import scipy.sparse
from scipy.special import expit

from mach_tf.classifier import Weights
from mach_tf.explanations.integrated_gradients.exact_attribution import _mean_sigmoid_derivative, integrate
from mach_tf.explanations.integrated_gradients.paths import Pairs, Paths, between, from_zero


def _random_network(rng, features=12, hidden=17, buckets=5, scale=1.0):
    arrays = [rng.normal(size=size) * scale for size in ((features, hidden), hidden, (hidden, buckets), buckets)]
    return Weights(*(array.astype(np.float32) for array in arrays))


def _gradients(network, x, bucket, sigmoid):
    """d score / d x at the rows of x, [n, features], by hand in float64."""
    w1, b1, w2, b2 = (array.astype(np.float64) for array in network)
    hidden = x @ w1 + b1
    gradients = ((hidden > 0) * w2[:, bucket]) @ w1.T
    if sigmoid:
        logits = np.maximum(hidden, 0) @ w2[:, bucket] + b2[bucket]
        gradients *= (expit(logits) * expit(-logits))[:, None]
    return gradients


def _riemann(network, start, end, bucket, sigmoid, steps=20_000):
    t = (np.arange(steps)[:, None] + 0.5) / steps
    return _gradients(network, start + t * (end - start), bucket, sigmoid).mean(axis=0) * (end - start)


def _csr(rows):
    return scipy.sparse.csr_matrix(np.atleast_2d(np.asarray(rows, np.float64)))


def _attributions(networks, table, start, end, label, sigmoid):
    """Returns the dense attributions [features] of one label, its completeness gap and its integrals."""
    paths, pairs = between(_csr(start), _csr(end)), Pairs(np.array([0, 1]), np.array([label]))
    integrals = integrate(networks, np.asarray(table, np.int32), paths, pairs, sigmoid)
    dense = np.zeros(len(networks[0].hidden_kernel))
    dense[paths.feature_ids] = integrals.attributions(paths, pairs)
    return dense, integrals.completeness_gaps(paths, pairs)[0], integrals


@pytest.mark.parametrize("sigmoid", [False, True])
@pytest.mark.parametrize("baseline", ["zero", "other"])
@pytest.mark.parametrize("seed", range(3))
def test_agrees_with_quadrature(sigmoid, baseline, seed):
    rng = np.random.default_rng(seed)
    networks = [_random_network(rng) for _ in range(3)]
    table = rng.integers(0, 5, (3, 4))
    end = rng.normal(size=12) * (rng.random(12) < 0.6)
    start = np.zeros(12) if baseline == "zero" else rng.normal(size=12) * (rng.random(12) < 0.4)
    for label in range(4):
        expected = np.mean([_riemann(n, start, end, table[r, label], sigmoid) for r, n in enumerate(networks)], axis=0)
        actual, _, _ = _attributions(networks, table, start, end, label, sigmoid)
        np.testing.assert_allclose(actual, expected, atol=2e-3)


def test_a_case_computed_by_hand():
    # One feature from 0 to 2; units with pre-activations 2t (always on), 2t - 1 (on from 1/2), 1 - 2t (on to 1/2).
    network = Weights(
        np.array([[1, 1, -1]], np.float32),
        np.array([0, -1, 1], np.float32),
        np.array([[1], [2], [4]], np.float32),
        np.array([-1], np.float32),
    )
    actual, gap, integrals = _attributions([network], [[0]], [0.0], [2.0], 0, False)
    # logit: 2 * (1 * 1 + 2 * 1/2 - 4 * 1/2) = 0; F(0) = -1 + 4 = 3, F(2) = -1 + 2 + 2 = 3.
    assert actual[0] == pytest.approx(0.0, abs=1e-12) and gap == pytest.approx(0.0, abs=1e-12)
    assert (integrals.scores[0], integrals.baseline_scores[0]) == (3.0, 3.0)
    # Two features that move together each get their own part: x = (1, 1), W1 rows (1, ...) and (0, ...).
    two = Weights(np.vstack([network.hidden_kernel * 2, np.zeros((1, 3), np.float32)]), *network[1:])
    actual, _, _ = _attributions([two], [[0]], [0.0, 0.0], [1.0, 1.0], 0, False)
    np.testing.assert_allclose(actual, [0.0, 0.0], atol=1e-12)
    # probability of one unit that is always on, z = 2t - 1: sigmoid(1) - sigmoid(-1).
    one = Weights(network.hidden_kernel[:, :1], network.hidden_bias[:1], network.output_kernel[:1], network.output_bias)
    actual, _, _ = _attributions([one], [[0]], [0.0], [2.0], 0, True)
    assert actual[0] == pytest.approx(expit(1) - expit(-1), rel=1e-12)


def _special(kind, rng):
    """Returns a network, a start and an end that are degenerate in one way."""
    network = _random_network(rng, scale=0.7)
    w1, b1, w2, b2 = (array.copy() for array in network)
    start, end = np.zeros(12), rng.normal(size=12)
    if kind == "zero rows":
        w1[:6] = 0
    elif kind == "zero slopes":
        w2[:] = 0
    elif kind == "one flat piece":
        w2[1:] = 0
    elif kind == "dead units":
        b1[:] = -1e6
    elif kind == "never moving":
        w1[:, ::2] = 0
        b1[::4] = 0
    elif kind == "switch at 0":
        b1[:] = 0
    elif kind == "switch at 1":
        w1, b1 = np.round(w1 * 8), np.round(b1)
        end = np.round(end * 4)
        b1 = -(end @ w1)
    elif kind == "equal switching points":
        w1[:] = w1[:, :1]
        b1[:] = b1[0]
    elif kind == "saturated":
        w1, w2 = w1 * 30, w2 * 30
    elif kind == "no features":
        end[:] = 0
    elif kind == "from another point":
        start = rng.normal(size=12)
    elif kind == "tiny":
        w1, w2 = w1 * 1e-6, w2 * 1e-6
    return Weights(*(np.asarray(array, np.float32) for array in (w1, b1, w2, b2))), start, end


_KINDS = [
    "zero rows",
    "zero slopes",
    "one flat piece",
    "dead units",
    "never moving",
    "switch at 0",
    "switch at 1",
    "equal switching points",
    "saturated",
    "no features",
    "from another point",
    "tiny",
]


@pytest.mark.parametrize("kind", _KINDS)
@pytest.mark.parametrize("sigmoid", [False, True])
def test_complete_however_degenerate(kind, sigmoid):
    for seed in range(20):
        network, start, end = _special(kind, np.random.default_rng(seed))
        for bucket in range(5):
            actual, gap, integrals = _attributions([network], [[bucket]], start, end, 0, sigmoid)
            assert np.isfinite(actual).all()
            change = integrals.scores[0] - integrals.baseline_scores[0]
            assert abs(gap) <= 1e-5 * abs(change) + 1e-7
            assert abs(actual.sum() - change) <= 1e-9 * (1 + abs(actual).sum())


@pytest.mark.parametrize("kind", _KINDS)
@pytest.mark.parametrize("sigmoid", [False, True])
def test_each_attribution_is_right_however_degenerate(kind, sigmoid):
    # Completeness alone would not detect an error that moves attribution from one feature to another.
    network, start, end = _special(kind, np.random.default_rng(3))
    actual, _, _ = _attributions([network], [[2]], start, end, 0, sigmoid)
    expected = _riemann(network, start, end, 2, sigmoid, 50_000)
    np.testing.assert_allclose(actual, expected, atol=2e-3 * (1 + abs(expected).max()))


def test_a_path_of_no_length_gives_the_gradient():
    rng = np.random.default_rng(0)
    network, x = _random_network(rng), rng.normal(size=12)
    still = Paths(np.array([0, 12]), np.arange(12), x, np.zeros(12))
    for sigmoid in (False, True):
        integrals = integrate([network], np.array([[3]]), still, Pairs(np.array([0, 1]), np.array([0])), sigmoid)
        np.testing.assert_allclose(integrals.gradients, _gradients(network, x[None], 3, sigmoid)[0], rtol=1e-9)


def test_many_points_and_labels_are_each_what_they_are_alone():
    rng = np.random.default_rng(1)
    networks = [_random_network(rng, features=40) for _ in range(4)]
    table = rng.integers(0, 5, (4, 9)).astype(np.int32)
    points = scipy.sparse.random(6, 40, 0.2, "csr", random_state=1)
    labels = [[1, 8], [], [3], [0, 1, 2, 3], [7], [8, 0]]
    pairs = Pairs(np.cumsum([0, *map(len, labels)]), np.array(list(itertools.chain(*labels))))
    paths = from_zero(points)
    together = integrate(networks, table, paths, pairs, True)
    gaps = together.completeness_gaps(paths, pairs)
    assert gaps.shape == (10,) and abs(gaps).max() < 1e-12
    pair = 0
    for i, row in enumerate(labels):
        for label in row:
            alone, _, integrals = _attributions(networks, table, np.zeros(40), points[i].toarray()[0], label, True)
            here = slice(together.splits[pair], together.splits[pair + 1])
            attributions = together.attributions(paths, pairs)[here]
            np.testing.assert_array_equal(attributions, alone[points[i].indices])
            assert together.scores[pair] == integrals.scores[0]
            pair += 1


@pytest.mark.parametrize("at_once", [1, 2, 9])
def test_as_many_repetitions_at_once_as_allowed(at_once):
    rng = np.random.default_rng(2)
    networks, table = [_random_network(rng) for _ in range(4)], rng.integers(0, 5, (4, 3)).astype(np.int32)
    paths, pairs = from_zero(_csr(rng.normal(size=12))), Pairs(np.array([0, 2]), np.array([0, 2]))
    taken = []

    def loading():
        for i, network in enumerate(networks):
            taken.append(i)
            yield network

    one_by_one = integrate(loading(), table, paths, pairs, True, at_once)
    assert taken == [0, 1, 2, 3]
    np.testing.assert_array_equal(one_by_one.gradients, integrate(networks, table, paths, pairs, True).gradients)


@pytest.mark.parametrize("a", [-800.0, -40.0, -1.0, 0.0, 1e-9, 3.0, 36.0, 700.0])
@pytest.mark.parametrize("step", [0.0, 1e-300, 1e-12, 1e-3, 0.999, 1.001, 20.0, 900.0])
def test_mean_sigmoid_derivative_to_full_precision(a, step):
    from decimal import Decimal, getcontext

    getcontext().prec = 800

    def exact_sigmoid(z):
        return 1 / (1 + (-z).exp())

    b = a + step
    low, high = Decimal(a), Decimal(b)
    if low == high:
        p = exact_sigmoid(low)
        expected = p * (1 - p)
    else:
        expected = (exact_sigmoid(high) - exact_sigmoid(low)) / (high - low)
    for ends in ((a, b), (b, a), (-a, -b)):
        assert _mean_sigmoid_derivative(*ends) == pytest.approx(float(expected), rel=1e-12, abs=1e-300)
