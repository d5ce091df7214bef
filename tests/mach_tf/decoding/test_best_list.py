"""Best-first lists: order, labels that are there already, and lists merged against a sort of all their entries."""

from __future__ import annotations

import numpy as np

from mach_tf.decoding.best_list import NO_LABEL, BestList, copies, insert, merge


def test_insert_keeps_order_and_takes_a_label_once():
    best = BestList.empty(3)
    for label, score in ((5, 1.0), (3, 1.0), (5, 1.0), (9, 2.0), (1, 0.5), (4, 1.0)):
        worst = insert(best, np.int32(label), np.float32(score))
    assert best.labels.tolist() == [9, 3, 4] and best.values.tolist() == [2, 1, 1] and worst == 1


def test_empty_places_rank_behind_every_label():
    best = BestList.empty(2, 3)
    assert best.labels.dtype == np.int32 and best.values.dtype == np.float32
    point = BestList(best.labels[1], best.values[1])
    assert insert(point, np.int32(NO_LABEL - 1), np.float32(-np.inf)) == -np.inf
    assert best.labels.tolist() == [[NO_LABEL] * 3, [NO_LABEL - 1, NO_LABEL, NO_LABEL]]


def test_merged_lists_are_the_head_of_a_sort_of_their_entries():
    generator = np.random.default_rng(0)
    points, k = np.array([4, 1]), 5
    best = BestList.empty(6, k)
    value_of = generator.integers(0, 6, 40).astype(np.float32)
    parts = copies(best, points, 3)
    assert parts.labels.shape == (3, 2, k)
    drawn = [[generator.permutation(40)[:k] for _ in points] for _ in range(3)]
    for part in range(3):
        for i in range(2):
            for label in drawn[part][i]:
                insert(BestList(parts.labels[part, i], parts.values[part, i]), np.int32(label), value_of[label])
    assert (best.labels == NO_LABEL).all()
    merge(parts, points, best)
    for i, point in enumerate(points):
        every = sorted({int(label) for part in drawn for label in part[i]}, key=lambda label: (-value_of[label], label))
        assert best.labels[point].tolist() == every[:k]
        np.testing.assert_array_equal(best.values[point], value_of[every[:k]])
    assert (best.labels[[0, 2, 3, 5]] == NO_LABEL).all()


def test_copies_start_from_the_lists_as_they_are():
    best = BestList.empty(4, 2)
    best.labels[2], best.values[2] = (7, 3), (0.5, 0.25)
    parts = copies(best, np.array([2, 0]), 2)
    assert parts.labels[:, 0].tolist() == [[7, 3]] * 2 and parts.values[:, 0].tolist() == [[0.5, 0.25]] * 2
    parts.labels[:] = 1
    assert best.labels[2].tolist() == [7, 3]
