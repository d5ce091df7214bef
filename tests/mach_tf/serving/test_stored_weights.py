from __future__ import annotations

import numpy as np
import pytest
import tensorflow as tf

from mach_tf.classifier import bucket_logits
from mach_tf.errors import InputError
from mach_tf.serving.row_places import RowPlaces
from mach_tf.serving.stored_weights import StoredMatrix, StoredWeights
from tests.mach_tf.test_classifier import as_batch, random_points, random_weights


def logits_of(stored, batch):
    return stored.logits(stored.hidden_input(batch)).numpy()


def test_float32_gives_the_logits_of_the_classifier_to_the_last_bit():
    weights, batch = random_weights(30, 40, 5), as_batch(random_points(20, 30, 0.3))
    np.testing.assert_array_equal(logits_of(StoredWeights(weights), batch), bucket_logits(weights, batch))


@pytest.mark.parametrize(("precision", "steps"), [("float16", 2048), ("int8", 254)])
@pytest.mark.parametrize("axis", [0, 1])
def test_a_rounded_matrix_is_within_half_a_step_of_its_row_or_column(precision, steps, axis):
    matrix = random_weights(30, 40, 5).hidden_kernel * np.logspace(-3, 3, 40 if axis else 30).reshape(
        1 if axis else -1, -1 if axis else 1
    )
    matrix = matrix.astype(np.float32)
    matrix[3] = 0
    stored = StoredMatrix(matrix, precision, axis)
    found = stored.rows(tf.range(30)) if axis == 0 else stored.product(tf.eye(30))
    largest = np.abs(matrix).max(axis=1 - axis, keepdims=True)
    assert (np.abs(found - matrix) <= largest / steps * 1.01).all()
    if axis == 1:
        np.testing.assert_allclose(stored.columns(tf.constant([7, 2])), found.numpy().T[[7, 2]], rtol=1e-6)


@pytest.mark.parametrize("prune", [0.1, 0.5, 0.99])
@pytest.mark.parametrize("precision", ["float32", "float16", "int8", "vq", "vq1"])
def test_pruning_leaves_out_the_rows_of_the_smallest_norm(prune, precision):
    weights = random_weights(100, 8, 5)
    norms = np.linalg.norm(weights.hidden_kernel, axis=1)
    stored = StoredWeights(weights, precision, RowPlaces(norms, prune))
    kept = np.argsort(norms)[int(prune * 100) :]
    rows = stored.rows(tf.range(100, dtype=tf.int64)).numpy()
    assert not np.delete(rows, kept, axis=0).any()
    np.testing.assert_allclose(
        rows[kept], weights.hidden_kernel[kept], atol={"vq": 0.15, "vq1": 0.3}.get(precision, 0.02)
    )


def test_vector_quantization_keeps_the_logits_near_in_less_than_an_eighth():
    weights, batch = random_weights(3000, 64, 5), as_batch(random_points(50, 3000, 0.02))
    stored = StoredWeights(weights, "vq", RowPlaces(np.linalg.norm(weights.hidden_kernel, axis=1), 0))
    expected = bucket_logits(weights, batch).numpy()
    assert np.corrcoef(logits_of(stored, batch).ravel(), expected.ravel())[0, 1] > 0.95
    assert sum(each.numpy().nbytes for each in stored.hidden_kernel.variables) < weights.hidden_kernel.nbytes / 8


@pytest.mark.parametrize("prune", [0, 0.4])
@pytest.mark.parametrize("prune_entries", [0.3, 0.75, 0.999, 1 - 1e-9])
@pytest.mark.parametrize("precision", ["float32", "float16", "int8"])
def test_pruned_entries_read_as_zeros_and_the_others_as_without_pruning(prune, prune_entries, precision):
    weights, batch = random_weights(30, 13, 5), as_batch(random_points(20, 30, 0.3))
    weights.hidden_kernel[7] = 0
    norms = np.linalg.norm(weights.hidden_kernel, axis=1)
    kept = np.sort(np.argsort(norms, kind="stable")[int(prune * 30) :])
    rows = weights.hidden_kernel[kept]
    rows[np.abs(rows) < np.sort(np.abs(rows), axis=None)[int(prune_entries * rows.size)]] = 0
    kernel = np.zeros_like(weights.hidden_kernel)
    kernel[kept] = rows
    expected = StoredWeights(weights._replace(hidden_kernel=kernel), precision)
    found = StoredWeights(weights, precision, RowPlaces(norms, prune) if prune else None, prune_entries)
    columns = tf.range(30, dtype=tf.int64)
    np.testing.assert_array_equal(found.rows(columns), expected.rows(columns))
    np.testing.assert_array_equal(logits_of(found, batch), logits_of(expected, batch))
    assert 0 < np.count_nonzero(kernel) < np.count_nonzero(weights.hidden_kernel)


@pytest.mark.parametrize(("precision", "bytes_of_value"), [("float32", 4), ("float16", 2), ("int8", 1)])
def test_pruned_entries_take_a_bit(precision, bytes_of_value):
    stored = StoredWeights(random_weights(300, 512, 2), precision, prune_entries=0.75)
    size = sum(each.numpy().nbytes for each in stored.hidden_kernel.variables)
    of_rows = 300 * (512 / 8 + 512 / 4 * bytes_of_value)
    # An offset and a scale per row.
    assert of_rows < size <= of_rows + 301 * 12 + 64 + 8


@pytest.mark.parametrize("precision", ["float32", "float16", "int8"])
def test_the_hidden_gradient_is_that_of_a_tape(precision):
    stored, generator = StoredWeights(random_weights(30, 40, 5), precision), np.random.default_rng(0)
    hidden_input, gradient = (tf.constant(generator.standard_normal((20, n)), tf.float32) for n in (40, 5))
    with tf.GradientTape() as tape:
        tape.watch(hidden_input)
        logits = stored.logits(hidden_input)
    expected = tape.gradient(logits, hidden_input, gradient)
    found = stored.hidden_gradient(hidden_input, gradient)
    assert 0.2 < (found.numpy() == 0).mean() < 0.8
    np.testing.assert_allclose(found, expected, rtol=1e-5, atol=1e-6)


def test_an_unknown_precision_is_refused():
    with pytest.raises(InputError, match="weights must be one of"):
        StoredWeights(random_weights(3, 2, 2), "int4")
