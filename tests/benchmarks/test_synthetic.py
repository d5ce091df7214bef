"""Synthetic points have the shape, the long tail and the reproducibility that the benchmarks count on."""

from __future__ import annotations

import numpy as np
import pytest

from benchmarks import synthetic
from mach_tf.data import libsvm


@pytest.mark.parametrize("compression", synthetic.COMPRESSIONS)
def test_the_shape_is_that_of_amazon_670k(tmp_path, compression):
    path = str(tmp_path / "file")
    synthetic.write_synthetic(path, 2000, compression)
    header, points = libsvm.read_points(path)
    assert header == (2000, 135_909, 670_091)
    assert 73 < len(points.feature_ids) / 2000 < 81 and 5.2 < len(points.label_ids) / 2000 < 5.8
    np.testing.assert_allclose(np.add.reduceat(points.feature_values**2, points.row_splits[:-1]), 1, atol=1e-4)
    counts = np.sort(np.bincount(points.feature_ids))[::-1]
    assert counts[:100].sum() > 0.25 * counts.sum() and (counts == 1).sum() > 10_000  # a heavy head and a long tail


def test_the_seed_decides(tmp_path):
    contents = []
    for i, seed in enumerate((0, 0, 1)):
        synthetic.write_synthetic(str(tmp_path / str(i)), 50, seed=seed)
        contents.append((tmp_path / str(i)).read_bytes())
    assert contents[0] == contents[1] != contents[2]


def test_rows_are_distinct_and_long_tailed():
    rows = synthetic.long_tailed_rows(np.random.default_rng(0), 1000, 20, 500)
    assert rows.shape == (500, 20) and all(len(np.unique(row)) == 20 for row in rows)
    counts = np.bincount(rows.ravel(), minlength=1000)
    assert counts[:50].sum() > 5 * counts[-50:].sum() > 0


def test_a_matrix_by_hand():
    found = synthetic.matrix(np.array([[0, 3], [2, 1]]), np.array([[1, 2], [3, 4]], np.float32), 5)
    np.testing.assert_array_equal(found.toarray(), [[1, 0, 0, 2, 0], [0, 4, 3, 0, 0]])


def test_rows_are_drawn_as_without_replacement():
    generator, shares = np.random.default_rng(0), 1 / (np.arange(20) + 30.0)
    found = synthetic.long_tailed_rows(generator, 20, 6, 4000)
    assert all(len(set(row)) == 6 for row in found)
    expected = [generator.choice(20, 6, False, shares / shares.sum()) for _ in range(4000)]
    counts = [np.bincount(np.ravel(rows), minlength=20) for rows in (found, expected)]
    # The standard deviation of a count is at most 32.
    assert np.abs(counts[0] - counts[1]).max() < 5 * 32 * 2**0.5
    assert sorted(synthetic.long_tailed_rows(generator, 6, 6, 1)[0]) == list(range(6))
