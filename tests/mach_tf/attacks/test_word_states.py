"""Changed points keep the labels of what they were made from; some of the states of a search."""

import dataclasses

import numpy as np

from mach_tf.attacks.word_states import States, with_labels


def test_labels_follow_the_rows(points):
    rows = np.array([4, 4, 0])
    unlabelled = dataclasses.replace(
        points[np.array([1, 2, 3])], label_splits=np.zeros(4, np.int64), label_ids=np.zeros(0, np.int64)
    )
    found = with_labels(unlabelled, points, rows)
    np.testing.assert_array_equal(found.labels(25).toarray(), points.labels(25)[rows].toarray())
    np.testing.assert_array_equal(found.feature_values, unlabelled.feature_values)


def test_states_are_taken_in_the_order_of_the_rows(points):
    found = States(points, 10 * np.arange(len(points)), [str(row) for row in range(len(points))]).take(
        np.array([4, 0, 4])
    )
    assert found.owner.tolist() == [40, 0, 40] and found.contents == ["4", "0", "4"]
    expected = points.features(20).toarray()[[4, 0, 4]]
    np.testing.assert_array_equal(found.points.features(20).toarray(), expected)
