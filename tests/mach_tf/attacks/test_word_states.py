"""Changed points keep the labels of what they were made from."""

import dataclasses

import numpy as np

from mach_tf.attacks.word_states import with_labels


def test_labels_follow_the_rows(points):
    rows = np.array([4, 4, 0])
    unlabelled = dataclasses.replace(
        points[np.array([1, 2, 3])], label_splits=np.zeros(4, np.int64), label_ids=np.zeros(0, np.int64)
    )
    found = with_labels(unlabelled, points, rows)
    np.testing.assert_array_equal(found.labels(25).toarray(), points.labels(25)[rows].toarray())
    np.testing.assert_array_equal(found.feature_values, unlabelled.feature_values)
