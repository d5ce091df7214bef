from __future__ import annotations

from mach_tf.data import libsvm
from mach_tf.data.textwriter import write_lines, write_text
from tests.helpers import sample


def test_what_is_written_is_read_back_to_the_bit(tmp_path):
    points = sample.random_points(60)  # some without features, some without labels
    write_text(str(tmp_path / "a"), points.features(500), points.labels(40))
    header, found = libsvm.read_points(str(tmp_path / "a"))
    assert header == (60, 500, 40)
    sample.assert_same(found, points)


def test_fewer_digits(tmp_path):
    points = sample.random_points(60)
    write_text(str(tmp_path / "a"), points.features(500), points.labels(40), digits=2)
    _, found = libsvm.read_points(str(tmp_path / "a"))
    assert [f"{value:.2g}" for value in found.feature_values] == [f"{value:.2g}" for value in points.feature_values]
    assert not (found.feature_values == points.feature_values).all()


def test_lines(tmp_path):
    write_lines(str(tmp_path / "a"), ["élan", "", "b"])
    assert (tmp_path / "a").read_bytes() == "élan\n\nb\n".encode()
