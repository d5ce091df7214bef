"""The products for a GPU: with the same arguments, what sparse_products gives."""

from __future__ import annotations

import inspect

import numpy as np
import pytest
import tensorflow as tf

from mach_tf.classifier import SparseBatch
from mach_tf.training import matrix_products, sparse_products

FEATURES, HIDDEN = 7, 4


@pytest.mark.parametrize("lengths", [[], [0], [3], [2, 0, 0, 4, 1], [0, 2, 3, 0]])
@pytest.mark.parametrize("groups", [1, 3])
def test_they_are_those_of_sparse_products(lengths, groups):
    generator = np.random.default_rng(len(lengths))

    def normal(*shape):
        return tf.constant(generator.normal(size=shape).astype(np.float32))

    ids = np.array([i for n in lengths for i in np.sort(generator.permutation(FEATURES)[:n])], np.int64)
    splits = tf.constant(np.concatenate([[0], np.cumsum(lengths)]), tf.int64)
    batch = SparseBatch(splits, tf.constant(ids), normal(len(ids)))
    entries = tf.RaggedTensor.from_row_lengths(
        np.argsort(ids, kind="stable").astype(np.int32), np.bincount(ids, minlength=FEATURES)
    )
    kernel, perturbation = normal(FEATURES, groups, HIDDEN), normal(len(ids), groups)
    clean, attacked = normal(len(lengths), groups, HIDDEN), normal(len(lengths), groups, HIDDEN)

    @tf.function
    def every(products):
        return (
            products.product(batch, kernel),
            products.value_gradients(clean, kernel, batch),
            products.product_by_repetition(batch, perturbation, kernel),
            products.kernel_gradient(batch, entries, clean),
            products.kernel_gradient_of_both(batch, entries, perturbation, clean, attacked),
        )

    for found, expected in zip(every(matrix_products), every(sparse_products)):
        np.testing.assert_allclose(found, expected, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("name", [n for n, f in vars(matrix_products).items() if inspect.isfunction(f) and n[0] != "_"])
def test_signatures_are_the_same(name):
    parameters = inspect.signature(getattr(matrix_products, name)).parameters
    assert list(parameters) == list(inspect.signature(getattr(sparse_products, name)).parameters)
