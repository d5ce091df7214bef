from __future__ import annotations

import numpy as np

from mach_tf.serving.row_places import RowPlaces, joint_norms


def test_features_are_placed_by_their_norm_and_the_smallest_are_left_out():
    found = RowPlaces(np.array([3.0, 1.0, 5.0, 0.0, 4.0]), prune=0.4)
    np.testing.assert_array_equal(found.kept, [2, 4, 0])
    np.testing.assert_array_equal(found.places, [2, 3, 0, 3, 1])


def test_without_pruning_all_are_kept():
    found = RowPlaces(np.ones(4), prune=0)
    np.testing.assert_array_equal(found.kept, range(4))
    np.testing.assert_array_equal(found.places, range(4))


def test_the_norm_is_that_of_all_repetitions_together():
    kernels = [np.random.default_rng(seed).standard_normal((5, 3)) for seed in range(2)]
    np.testing.assert_allclose(joint_norms(iter(kernels)), np.linalg.norm(np.concatenate(kernels, axis=1), axis=1))
