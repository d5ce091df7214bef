"""Labels follow from the visible ones with the probabilities that the ceiling is computed from."""

from __future__ import annotations

import numpy as np
import pytest

from benchmarks import scale_law
from benchmarks.scale_law import KEPT, Law

POINTS = 20_000
# One cluster of six labels, of which exactly two are visible.
SMALL = Law(0, 50, 6, 1, 64, 12, 0.5, 1.0, 0.0, 2.0, 5.0, 8, 20)


def draw(law, points=POINTS):
    """Which labels are visible in each point and which are written, bool [points, K], and the first visible one of each."""
    state, visible, written = np.zeros(1, np.uint64), np.empty(law.most_labels, np.int64), np.empty(99, np.int64)
    seen, there = np.zeros((2, points, law.labels), bool)
    first = np.empty(points, np.int64)
    for point in range(points):
        _, n_visible, n_written = scale_law.draw_labels(state, law, 0, point, visible, written)
        seen[point, visible[:n_visible]] = there[point, written[:n_written]] = True
        first[point] = visible[0]
    return seen, there, first


def test_labels_are_written_with_the_probabilities_of_the_ceiling():
    seen, there, first = draw(SMALL)
    assert (seen.sum(axis=1) == 2).all() and there.any(axis=1).all()
    mass = np.sqrt(np.arange(7) + 1.0)
    others = (1 - KEPT) * 2
    none = np.exp(-others * np.diff(mass) / (mass[-1] - mass[0]))
    empty = (1 - KEPT) ** 2 * np.exp(-others)
    is_first = np.arange(6) == first[:, None]
    expected = 1 - none * np.where(seen, 1 - KEPT, 1) + np.where(is_first, empty, 0)
    for chosen in (is_first, seen & ~is_first, ~seen):
        for label in range(6):
            rows = chosen[:, label]
            deviation = np.sqrt(0.25 / rows.sum())
            assert abs(there[rows, label].mean() - expected[rows, label].mean()) < 4 * deviation
    best = np.argsort(-expected, axis=1, kind="stable")[:, :5]
    right = np.take_along_axis(there, best, axis=1)
    hits = scale_law.best_hits(SMALL, 0, 0, POINTS, np.ones(6, np.int64))
    for column, k in enumerate(scale_law.KS):
        assert hits[:, column].mean() == pytest.approx(right[:, :k].sum(axis=1).mean(), abs=0.002)


def test_labels_without_points_are_not_ranked():
    everything = scale_law.best_hits(SMALL, 0, 0, 500, np.ones(6, np.int64))
    assert not scale_law.best_hits(SMALL, 0, 0, 500, np.zeros(6, np.int64)).any()
    some = scale_law.best_hits(SMALL, 0, 0, 500, np.array([1, 0, 1, 1, 0, 1]))
    assert 0 < some.sum() < everything.sum()


def test_the_cluster_alone_ranks_its_labels_by_their_counts():
    law = SMALL._replace(labels=30, clusters=3, most_labels=4)
    counts = np.random.default_rng(0).integers(0, 4, 30)
    state, visible, written = np.zeros(1, np.uint64), np.empty(law.most_labels, np.int64), np.empty(99, np.int64)
    expected = np.zeros((300, 3), int)
    for point in range(300):
        cluster, _, n_written = scale_law.draw_labels(state, law, 1, 50 + point, visible, written)
        theirs = {scale_law.label(law, cluster, member) for member in written[:n_written]}
        ids = [scale_law.label(law, cluster, member) for member in range(10)]
        best = [id for id in sorted(ids, key=lambda id: (-counts[id], id)) if counts[id]]
        expected[point] = [len(theirs.intersection(best[:k])) for k in scale_law.KS]
    np.testing.assert_array_equal(scale_law.cluster_hits(law, 1, 50, 300, counts), expected)
    assert expected[:, 2].sum() > expected[:, 0].sum() > 0


def test_frequent_labels_are_visible_first():
    _, _, first = draw(SMALL)
    expected = np.diff(np.sqrt(np.arange(7) + 1.0)) / (np.sqrt(7) - 1)
    np.testing.assert_allclose(np.bincount(first, minlength=6) / POINTS, expected, atol=0.015)


@pytest.mark.parametrize("clusters", [1, 7, 100])
def test_every_label_has_a_place_of_its_own(clusters):
    law = SMALL._replace(labels=100, clusters=clusters)
    places = [(rank % clusters, rank // clusters) for rank in range(100)]
    assert sorted(scale_law.label(law, *place) for place in places) == list(range(100))
