"""The points that half of the repetitions do not learn from: the same in NumPy and TensorFlow, and by features alone."""

from __future__ import annotations

import numpy as np
import pytest
import scipy.sparse
import tensorflow as tf

from mach_tf.points import from_csr
from mach_tf.training import held_out
from mach_tf.training.held_out import HALF, NO_HALF, halves
from tests.mach_tf.training.test_model import METHODS, batch_of, compiled, group, one_label_each
from tests.mach_tf.training.test_training_batch import ragged_points


def sparse_points(n, density=0.1, columns=60, seed=0):
    return from_csr(scipy.sparse.random(n, columns, density, "csr", np.float32, random_state=seed))


def batch(points):
    def ragged(values):
        return tf.RaggedTensor.from_row_splits(values, points.row_splits)

    ids = tf.constant(points.feature_ids, tf.int64)
    return {"feature_ids": ragged(ids), "feature_values": ragged(points.feature_values), "label_ids": ragged(ids)}


@pytest.mark.parametrize("fraction", [0.1, 0.3, 0.5])
@pytest.mark.parametrize("seed", [0, -7])
def test_batches_are_marked_with_the_same_halves(fraction, seed):
    points = sparse_points(500)
    (marked,) = held_out.marked(tf.data.Dataset.from_tensors(batch(points)), fraction, seed)
    np.testing.assert_array_equal(marked[HALF], halves(points, fraction, seed))
    assert marked["feature_ids"].shape == [500, None]


def test_without_a_fraction_batches_stay_and_nothing_is_held_out():
    batches = tf.data.Dataset.from_tensors(batch(sparse_points(5)))
    assert held_out.marked(batches, 0.0, 0) is batches
    assert (halves(sparse_points(500), 0.0, 0) == NO_HALF).all()


@pytest.mark.parametrize("density", [0.05, 1.0])
def test_each_half_has_half_of_the_fraction(density):
    """Points of a dense matrix have the same features, so their values must count."""
    found = halves(sparse_points(20_000, density), 0.2, 3)
    shares = [(found == half).mean() for half in (0, 1)]
    np.testing.assert_allclose(shares, 0.1, atol=0.01)
    assert (found != halves(sparse_points(20_000, density), 0.2, 4)).mean() > 0.2


def test_a_larger_fraction_holds_out_more_of_the_same():
    points = sparse_points(2000)
    few, many = halves(points, 0.1, 0), halves(points, 0.4, 0)
    np.testing.assert_array_equal(many[few != NO_HALF], few[few != NO_HALF])


def test_equal_points_are_held_out_together_and_empty_ones_never():
    matrix = scipy.sparse.random(300, 40, 0.1, "csr", np.float32, random_state=1)
    found = halves(from_csr(scipy.sparse.vstack([matrix, matrix], "csr")), 0.5, 0)
    np.testing.assert_array_equal(found[:300], found[300:])
    assert (found[np.tile(np.diff(matrix.indptr), 2) == 0] == NO_HALF).all() and (found != NO_HALF).any()
    assert (halves(sparse_points(50, density=0), 0.5, 0) == NO_HALF).all()
    assert len(halves(sparse_points(0), 0.5, 0)) == 0


def test_a_repetition_learns_from_all_points_but_those_of_its_half():
    learned = held_out.learned(tf.constant([NO_HALF, 0, 1], tf.int64), [0, 3, 4])
    np.testing.assert_array_equal(learned, [[True, False, True], [True, True, False], [True, False, True]])


@pytest.mark.parametrize("task", ["multilabel", "multiclass"])
@pytest.mark.parametrize("method", [{"adversarial_weight": 0.0}, {}, {"fgsm_support": "dense"}, *METHODS[1:]])
def test_a_repetition_learns_nothing_from_points_that_are_held_out_from_it(method, task):
    """Its gradients are those of the other points alone, over the size of the whole batch."""
    points = one_label_each(ragged_points(40)) if task == "multiclass" else ragged_points(40)
    halves = np.arange(40) % 4 - 2  # of neither half for half of the points
    halves[halves < 0] = held_out.NO_HALF
    model = compiled(group([0, 3], task=task, calibration_fraction=0.5, **method))
    losses, gradients = model.losses_and_gradients(batch_of({**points, held_out.HALF: tf.constant(halves)}, [0, 3]))
    for position, repetition in enumerate([0, 3]):
        learned = tf.constant(halves != held_out.half_of(repetition))
        some = {name: tf.ragged.boolean_mask(values, learned) for name, values in points.items()}
        some = {name: values.with_row_splits_dtype(tf.int64) for name, values in some.items()}
        alone = compiled(group([0, 3], task=task, **method))
        expected, others = alone.losses_and_gradients(batch_of(some, [0, 3]))
        share = np.mean(learned)
        assert share == 0.75
        for name, loss in losses.items():
            np.testing.assert_allclose(loss[position], share * expected[name][position], rtol=1e-4)
        ours, theirs = ([tf.convert_to_tensor(each) for each in both] for both in (gradients, others))
        np.testing.assert_allclose(ours[0][:, position], share * theirs[0][:, position], rtol=1e-3, atol=1e-7)
        for mine, other in zip(ours[1:], theirs[1:]):
            np.testing.assert_allclose(mine[position], share * other[position], rtol=1e-3, atol=1e-7)
