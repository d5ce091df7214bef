from __future__ import annotations

import numpy as np
import pytest
import tensorflow as tf

from mach_tf.fgsm import fgsm
from mach_tf.training import perturbations

RNG = np.random.default_rng(0)
CURVE = RNG.normal(size=(20, 3)).astype(np.float32)


def gradient_at(perturbation):
    """Of sum (CURVE p - p^2): its sign changes on the way."""
    return CURVE - 2 * perturbation


@pytest.mark.parametrize("steps", [1, 2, 7])
@pytest.mark.parametrize("as_graph", [False, True])
def test_pgd_is_its_formula_step_by_step(steps, as_graph):
    epsilon, expected = 0.4, np.zeros_like(CURVE)
    for _ in range(steps):
        moved = expected + np.float32(2.5 * epsilon / steps) * np.sign(CURVE - 2 * expected)
        expected = np.clip(moved, -np.float32(epsilon), np.float32(epsilon))
    pgd = tf.function(perturbations.pgd) if as_graph else perturbations.pgd
    found = pgd(tf.constant(CURVE), gradient_at, epsilon, steps).numpy()
    np.testing.assert_allclose(found, expected, atol=1e-6)
    assert np.abs(found).max() <= np.float32(epsilon)


def test_pgd_with_one_step_is_fgsm_bit_for_bit():
    found = perturbations.pgd(tf.constant(CURVE), gradient_at, 0.01, 1)
    np.testing.assert_array_equal(found, fgsm(tf.constant(CURVE), 0.01))


def test_pgd_asks_for_one_gradient_less_than_it_takes_steps():
    asked = []

    def counted(perturbation):
        asked.append(perturbation)
        return gradient_at(perturbation)

    perturbations.pgd(tf.constant(CURVE), counted, 0.1, 5)
    assert len(asked) == 4


def test_n_fgsm_is_noise_and_a_step_that_is_not_clipped():
    noise = RNG.uniform(-1, 1, CURVE.shape).astype(np.float32)
    found = perturbations.n_fgsm(tf.constant(noise), gradient_at, 0.3).numpy()
    start = np.float32(0.6) * noise
    np.testing.assert_allclose(found, start + np.float32(0.3) * np.sign(CURVE - 2 * start), atol=1e-6)
    assert 0.6 < np.abs(found).max() <= 0.9 + 1e-6


@pytest.mark.parametrize("bad", [np.nan, np.inf])
def test_a_gradient_that_is_not_finite_moves_nothing(bad):
    bad = tf.fill([4, 2], bad)
    assert not perturbations.pgd(bad, lambda _: bad, 0.1, 3).numpy().any()
    noise = tf.zeros([4, 2])
    assert not perturbations.n_fgsm(noise, lambda _: bad, 0.1).numpy().any()


def test_no_gradient_flows_through_a_perturbation():
    with tf.GradientTape() as tape:
        values = tf.constant(CURVE)
        tape.watch(values)
        found = (
            perturbations.pgd(values, lambda p: values - 2 * p, 0.1, 3),
            perturbations.n_fgsm(values, lambda p: values - 2 * p, 0.1),
        )
    assert tape.gradient(found, values) is None
