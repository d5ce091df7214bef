"""Chunks cover every point once and keep to the bound."""

import numpy as np
import pytest

from mach_tf.attacks import attack_chunks
from tests.helpers.tiny_ensemble import make_ensemble, make_points

ENSEMBLE = make_ensemble(repetitions=3, buckets=6, columns=20, hidden=6)


@pytest.mark.parametrize(("support", "floats"), [("nonzero", 18), ("dense", 20)])
@pytest.mark.parametrize("points", [0, 1, 5, 23])
def test_chunks_are_bounded_in_memory(monkeypatch, support, floats, points):
    monkeypatch.setattr(attack_chunks, "_CHUNK_FLOATS", 5 * floats + 1)
    chunks = attack_chunks.chunks(points, [ENSEMBLE], support)
    assert [row for chunk in chunks for row in chunk] == list(range(points))
    assert all(len(chunk) == 5 for chunk in chunks[:-1])


def test_the_larger_of_two_ensembles_decides(monkeypatch):
    monkeypatch.setattr(attack_chunks, "_CHUNK_FLOATS", 5 * 36)
    larger = make_ensemble(repetitions=6, buckets=6, columns=20, hidden=6)
    for both in ([ENSEMBLE, larger], [larger, ENSEMBLE]):
        assert [len(chunk) for chunk in attack_chunks.chunks(10, both, "nonzero")] == [5, 5]


def test_hidden_layers_count_where_they_are_wider_than_the_sketch(monkeypatch):
    monkeypatch.setattr(attack_chunks, "_CHUNK_FLOATS", 5 * 3 * 9)
    wide = make_ensemble(repetitions=3, buckets=6, columns=20, hidden=9)
    assert [len(chunk) for chunk in attack_chunks.chunks(10, [wide], "nonzero")] == [5, 5]


def test_even_a_huge_model_gets_one_point_at_a_time(monkeypatch):
    monkeypatch.setattr(attack_chunks, "_CHUNK_FLOATS", 1)
    assert attack_chunks.chunks(3, [ENSEMBLE], "dense") == [range(0, 1), range(1, 2), range(2, 3)]


def test_rows_are_the_points():
    points = make_points(make_ensemble())
    part = points[range(2, 9)]
    np.testing.assert_array_equal(part.features(20).toarray(), points.features(20)[2:9].toarray())
    np.testing.assert_array_equal(part.labels(25).toarray(), points.labels(25)[2:9].toarray())


def test_chunks_are_larger_when_each_reads_the_weights_from_disk(monkeypatch):
    monkeypatch.setattr(attack_chunks, "_CHUNK_FLOATS", 18)
    monkeypatch.setattr(type(ENSEMBLE.repetitions), "kept", False)
    assert [len(chunk) for chunk in attack_chunks.chunks(20, [ENSEMBLE], "nonzero")] == [8, 8, 4]
