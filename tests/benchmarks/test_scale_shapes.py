"""The shapes are those of the published data sets."""

from __future__ import annotations

import pytest

from benchmarks.scale_shapes import SHAPES


# As the Extreme Classification Repository has it where it counts training points alone.
@pytest.mark.parametrize(("name", "expected"), [("wiki10-31k", 8.52), ("delicious-200k", 72.29), ("amazon-670k", 3.99)])
def test_points_per_label_follow_from_the_other_figures(name, expected):
    assert SHAPES[name].points_per_label == pytest.approx(expected, abs=0.01)


@pytest.mark.parametrize("name", SHAPES)
def test_the_law_of_labels_is_defined(name):
    shape = SHAPES[name]
    assert shape.exponent != 1 and shape.offset > 0
    assert shape.cluster > 4 * shape.labels_per_point
    assert max(shape.labels, shape.features) < 15_485_863  # the smaller of the primes that scatter ids
