from __future__ import annotations

import numpy as np
import pytest

from mach_tf.serving import vector_quantization


def random_rows(rows, columns, seed=0):
    """Rows of very different sizes, one of them zero."""
    generator = np.random.default_rng(seed)
    found = generator.standard_normal((rows, columns)) * np.logspace(-3, 3, rows)[:, np.newaxis]
    found[1] = 0
    return found.astype(np.float32)


def test_the_nearest_vectors_are_those_of_a_search_of_all():
    generator = np.random.default_rng(0)
    vectors, book = (generator.standard_normal((n, 4)).astype(np.float32) for n in (500, 256))
    distances = ((vectors[:, np.newaxis].astype(np.float64) - book) ** 2).sum(axis=2)
    found = distances[np.arange(500), vector_quantization.nearest(vectors, book)]
    np.testing.assert_allclose(found, distances.min(axis=1), rtol=1e-4, atol=1e-6)


@pytest.mark.parametrize("columns", [3, 8, 30])
def test_errors_are_small_for_rows_of_every_size(columns):
    rows = random_rows(2000, columns)
    decoded = vector_quantization.decode(vector_quantization.encode(rows, 4), columns)
    assert decoded.shape == rows.shape and not decoded[1].any()
    errors, sizes = ((each**2).sum(axis=1) for each in (decoded - rows, rows))
    # Rounding a normal variable to four levels, with two bits, has an error of 0.1175 of its variance.
    assert (errors <= sizes).all() and errors.sum() / sizes.sum() < 0.12
    assert np.mean(errors[2:] / sizes[2:]) < 0.12


def test_the_same_rows_give_the_same_codes():
    first, second = (vector_quantization.encode(random_rows(50, 8), 4) for _ in range(2))
    for one, other in zip(first, second):
        np.testing.assert_array_equal(one, other)


@pytest.mark.parametrize("rows", [0, 1, 2])
def test_few_rows_are_coded_without_error(rows):
    given = random_rows(3, 8)[:rows]
    decoded = vector_quantization.decode(vector_quantization.encode(given, 4), 8)
    np.testing.assert_allclose(decoded, given, rtol=1e-5)


def test_few_distinct_vectors_are_learned_exactly():
    values = np.array([[0.5, 2.0], [1.0, -1.0], [3.0, 0.0]], np.float32)
    book = vector_quantization.codebook(np.repeat(values, 100, axis=0))
    assert book.dtype == np.float32 and len(book) == 256
    np.testing.assert_allclose(book[vector_quantization.nearest(values, book)], values, rtol=1e-5)
