from __future__ import annotations

import numpy as np
import pytest
import tensorflow as tf

from mach_tf.training import sparse_products
from tests.mach_tf.test_classifier import as_batch, random_points


@pytest.mark.parametrize("points", [0, 1, 5])
@pytest.mark.parametrize("groups", [1, 3])
def test_products_and_their_gradient_are_those_of_dense_matrices(points, groups):
    rng, (features, hidden) = np.random.default_rng(points), (7, 4)
    csr = random_points(points, features, 0.4)
    batch, entries = as_batch(csr), csr.nnz
    kernel = rng.normal(size=(features, groups, hidden)).astype(np.float32)
    perturbation = rng.normal(size=(entries, groups)).astype(np.float32)
    moved = np.zeros((points, groups, features))
    rows = np.repeat(np.arange(points), np.diff(csr.indptr))
    moved[rows, :, csr.indices] = perturbation
    dense = csr.toarray()
    clean, attacked = rng.normal(size=(2, points, groups, hidden)).astype(np.float32)

    order = np.argsort(csr.indices, kind="stable").astype(np.int32)
    of_feature = tf.RaggedTensor.from_row_lengths(order, np.bincount(csr.indices, minlength=features))

    @tf.function
    def run():
        return (
            sparse_products.product(batch, tf.constant(kernel)),
            sparse_products.product_by_repetition(batch, tf.constant(perturbation), tf.constant(kernel)),
            sparse_products.kernel_gradient(batch, of_feature, tf.constant(clean)),
            sparse_products.kernel_gradient_of_both(
                batch, of_feature, tf.constant(perturbation), tf.constant(clean), tf.constant(attacked)
            ),
        )

    expected = (
        np.einsum("nf,fgh->ngh", dense, kernel),
        np.einsum("ngf,fgh->ngh", moved, kernel),
        np.einsum("nf,ngh->fgh", dense, clean),
        np.einsum("nf,ngh->fgh", dense, clean) + np.einsum("ngf,ngh->fgh", dense[:, None] + moved, attacked),
    )
    for ours, theirs in zip(run(), expected):
        np.testing.assert_allclose(ours, theirs, rtol=1e-4, atol=1e-5)
