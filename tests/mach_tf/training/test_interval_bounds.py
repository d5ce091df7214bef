from __future__ import annotations

import itertools

import numpy as np
import pytest
import tensorflow as tf

from mach_tf.classifier import SparseBatch
from mach_tf.training import interval_bounds, matrix_products, sparse_products

RNG = np.random.default_rng(1)
FEATURES, GROUPS, HIDDEN, BUCKETS = 9, 2, 5, 6
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


WEIGHTS = RNG.normal(size=(GROUPS, HIDDEN, BUCKETS))
BIAS = RNG.normal(size=(GROUPS, BUCKETS))


def output(hidden, absolute):
    return tf.einsum("ngh,ghb->gnb", hidden, np.abs(WEIGHTS) if absolute else WEIGHTS)


def hidden_bounds(points=6):
    low = RNG.random((points, GROUPS, HIDDEN))
    return tf.constant(low), tf.constant(low + RNG.random(low.shape))


def worst_leads(low, high, targets):
    arrays = (tf.constant(each) for each in (targets, WEIGHTS, BIAS))
    return interval_bounds.worst_leads(low, high, *arrays, output).numpy()


def test_the_worst_leads_are_the_largest_differences_of_logits_at_the_corners():
    low, high = hidden_bounds()
    targets = np.zeros((GROUPS, 6, BUCKETS))
    targets[:, :, 1] = 1
    found = worst_leads(low, high, targets)
    corners = np.array(list(itertools.product([0, 1], repeat=HIDDEN)))
    hidden = np.where(corners[:, None, None], high, low)
    logits = np.einsum("cngh,ghb->cgnb", hidden, WEIGHTS) + BIAS[:, None]
    expected = (logits - logits[..., [1]]).max(axis=0)[..., [0, 2, 3, 4, 5]]
    # The four hardest of five, by the highest logits.
    highest = logits.max(axis=0)[..., [0, 2, 3, 4, 5]]
    hardest = np.argsort(-highest, axis=2)[..., :4]
    np.testing.assert_allclose(found, np.take_along_axis(expected, hardest, axis=2), rtol=1e-9)


def test_the_best_true_bucket_is_led_over_and_true_ones_do_not_lead():
    low, high = hidden_bounds(3)
    targets = np.zeros((GROUPS, 3, BUCKETS))
    targets[:, 0, :4] = 1  # two false buckets
    targets[:, 1] = 1  # none; the last point has no true one
    found = worst_leads(low, high, targets)
    assert (found[:, 0, :2] > -100).all() and (found[:, 0, 2:] == interval_bounds.NO_LEAD).all()
    assert (found[:, 1:] == interval_bounds.NO_LEAD).all()
    middle = (low + high).numpy() / 2
    logits = np.einsum("ngh,ghb->gnb", middle, WEIGHTS) + BIAS[:, None]
    best = np.argmax(logits[:, 0, :4], axis=1)
    for g, own in enumerate(best):
        difference = WEIGHTS[g][:, 4:] - WEIGHTS[g][:, [own]]
        ends = np.where(difference > 0, high[0, g].numpy()[:, None], low[0, g].numpy()[:, None])
        leads = (ends * difference).sum(axis=0) + BIAS[g, 4:] - BIAS[g, own]
        np.testing.assert_allclose(np.sort(found[g, 0, :2]), np.sort(leads))


def test_the_loss_is_that_of_the_leads_and_flat_without_any():
    low, high = hidden_bounds(3)
    targets = np.zeros((GROUPS, 3, BUCKETS))
    targets[:, 0, 0] = targets[:, 1] = 1
    with tf.GradientTape() as tape:
        tape.watch([low, high])
        loss = interval_bounds.loss(low, high, tf.constant(targets), tf.constant(WEIGHTS), tf.constant(BIAS), output)
    leads = worst_leads(low, high, targets)[:, 0]
    np.testing.assert_allclose(loss[:, 0], np.log1p(np.exp(leads).sum(axis=1)))
    assert not loss[:, 1:].numpy().any()
    for gradient in tape.gradient(loss, [low, high]):
        assert np.isfinite(gradient).all() and gradient[0].numpy().any() and not gradient[1:].numpy().any()


def test_no_perturbation_leads_by_more():
    """50,000 perturbations, half of them corners of the box."""
    batch, _ = sparse(X)
    epsilon, biases = 0.2, RNG.normal(size=(GROUPS, HIDDEN))
    targets = np.zeros((GROUPS, len(X), BUCKETS))
    targets[..., 0] = 1
    radius = interval_bounds.radius(batch, tf.constant(KERNEL), epsilon, sparse_products.product).numpy()
    centre = np.einsum("nf,fgh->ngh", X.astype(np.float64), KERNEL) + biases
    low, high = (tf.constant(np.maximum(centre + side * radius, 0)) for side in (-1, 1))
    leads = worst_leads(low, high, targets).max(axis=2)
    hardest = np.argsort(-(output((low + high) / 2, False) + BIAS[:, None] + output((high - low) / 2, True))[..., 1:])[
        ..., :4
    ]
    for _ in range(50):
        moves = RNG.uniform(-epsilon, epsilon, (1000, *X.shape))
        moves[::2] = epsilon * np.sign(moves[::2])
        z = np.einsum("snf,fgh->sngh", X + moves * (X != 0), KERNEL) + biases
        logits = np.einsum("sngh,ghb->sgnb", np.maximum(z, 0), WEIGHTS) + BIAS[:, None]
        compared = np.take_along_axis(logits[..., 1:] - logits[..., :1], hardest[None], axis=3)
        assert (compared.max(axis=3) <= leads + 1e-5).all()
