from __future__ import annotations

import numpy as np
import pytest
import tensorflow as tf

from mach_tf.classifier import SparseBatch
from mach_tf.training import interval_bounds, matrix_products, sparse_products

RNG = np.random.default_rng(1)
FEATURES, GROUPS, HIDDEN, BUCKETS = 9, 2, 5, 4
KERNEL = RNG.normal(size=(FEATURES, GROUPS, HIDDEN)).astype(np.float32)
KERNEL[3] = 0
# The second point has no features.
X = RNG.normal(size=(4, FEATURES)).astype(np.float32) * (RNG.random((4, FEATURES)) < 0.5)
X[1] = 0


def sparse(x):
    points, features = np.nonzero(x)
    splits = np.searchsorted(points, np.arange(len(x) + 1))
    batch = SparseBatch(
        tf.constant(splits, tf.int64), tf.constant(features, tf.int64), tf.constant(x[points, features])
    )
    order = np.argsort(features, kind="stable")
    lengths = np.bincount(features, minlength=x.shape[1])
    return batch, tf.RaggedTensor.from_row_lengths(tf.constant(order, tf.int32), lengths)


@pytest.mark.parametrize("products", [sparse_products, matrix_products])
def test_the_radius_and_its_gradient_are_those_of_dense_arrays(products):
    batch, entries = sparse(X)
    present = (X != 0).astype(np.float64)
    found = interval_bounds.radius(batch, tf.constant(KERNEL), 0.3, products.product)
    np.testing.assert_allclose(found, 0.3 * np.einsum("nf,fgh->ngh", present, np.abs(KERNEL)), rtol=1e-5)
    assert not found[1].numpy().any(), "nothing moves where nothing is present"
    upstream = RNG.normal(size=found.shape).astype(np.float32)
    gradient = interval_bounds.kernel_gradient(
        batch, entries, tf.constant(KERNEL), 0.3, tf.constant(upstream), products.kernel_gradient
    )
    expected = 0.3 * np.sign(KERNEL) * np.einsum("nf,ngh->fgh", present, upstream)
    np.testing.assert_allclose(gradient, expected, rtol=1e-4, atol=1e-6)


def output(weights):
    def product(hidden, absolute):
        return np.einsum("ngh,ghb->gnb", hidden, np.abs(weights) if absolute else weights)

    return product


def test_the_worst_products_are_the_ends_of_intervals():
    low = RNG.random((6, GROUPS, HIDDEN))
    high = low + RNG.random(low.shape)
    weights = RNG.normal(size=(GROUPS, HIDDEN, BUCKETS))
    targets = (RNG.random((GROUPS, 6, BUCKETS)) < 0.3).astype(float)
    found = interval_bounds.worst_products(low, high, targets, output(weights))
    positive, negative = np.maximum(weights, 0), np.minimum(weights, 0)
    lowest = np.einsum("ngh,ghb->gnb", low, positive) + np.einsum("ngh,ghb->gnb", high, negative)
    highest = np.einsum("ngh,ghb->gnb", high, positive) + np.einsum("ngh,ghb->gnb", low, negative)
    np.testing.assert_allclose(found, np.where(targets, lowest, highest))


def test_no_perturbation_is_worse():
    """100,000 perturbations, half of them corners of the box."""
    batch, _ = sparse(X)
    epsilon, biases = 0.2, RNG.normal(size=(GROUPS, HIDDEN))
    weights = RNG.normal(size=(GROUPS, HIDDEN, BUCKETS))
    targets = (RNG.random((GROUPS, len(X), BUCKETS)) < 0.4).astype(float)
    radius = interval_bounds.radius(batch, tf.constant(KERNEL), epsilon, sparse_products.product).numpy()
    centre = np.einsum("nf,fgh->ngh", X.astype(np.float64), KERNEL) + biases
    low, high = np.maximum(centre - radius, 0), np.maximum(centre + radius, 0)
    worst = interval_bounds.worst_products(low, high, targets, output(weights))
    sides = 1 - 2 * targets
    for _ in range(50):
        moves = RNG.uniform(-epsilon, epsilon, (1000, *X.shape))
        moves[::2] = epsilon * np.sign(moves[::2])
        z = np.einsum("snf,fgh->sngh", X + moves * (X != 0), KERNEL) + biases
        logits = np.einsum("sngh,ghb->sgnb", np.maximum(z, 0), weights)
        assert (sides * (worst - logits) >= -1e-5).all()
