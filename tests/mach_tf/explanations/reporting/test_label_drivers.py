"""The files, the table and the JSON of a small matrix of means, against values written by hand."""

from __future__ import annotations

import csv

import numpy as np
import pytest
import scipy.sparse

from mach_tf.explanations.reporting.label_drivers import LabelDrivers

_MEANS = np.array([[0.5, -2.0, 0.0, 1.0], [0.0, 0.0, 0.0, 0.0], [0.0, 0.25, -0.25, 0.0]])
_COUNTS = np.array([3, 0, 7])


def _drivers(named: bool) -> LabelDrivers:
    names = (["a", "b\tb", "<c>", "d"], ["x", "y", 'z"']) if named else (None, None)
    return LabelDrivers(scipy.sparse.csr_matrix(_MEANS), _COUNTS, *names)


@pytest.mark.parametrize("named", [False, True])
@pytest.mark.parametrize("limit", [1, 2, 9])
def test_files(tmp_path, named, limit):
    _drivers(named).write(str(tmp_path), limit)
    np.testing.assert_array_equal(scipy.sparse.load_npz(tmp_path / "global.npz").toarray(), _MEANS)
    with open(tmp_path / "global.tsv", encoding="utf-8", newline="") as file:
        rows = list(csv.reader(file, delimiter="\t"))
    assert rows[0] == ["label", "label_name", "points", "feature", "feature_name", "mean_attribution"]
    first = [["1", "b\tb", "-2"], ["3", "d", "1"], ["0", "a", "0.5"]][:limit]
    last = [["1", "b\tb", "0.25"], ["2", "<c>", "-0.25"]][:limit]
    expected = [["0", "x", "3", *row] for row in first] + [["2", 'z"', "7", *row] for row in last]
    if not named:
        expected = [[label, "", points, feature, "", mean] for label, _, points, feature, _, mean in expected]
    assert rows[1:] == expected


@pytest.mark.parametrize(
    ("named", "first", "second"),
    [
        (False, "2 7 1 +0.25, 2 -0.25", "0 3 1 -2.00, 3 +1.00, 0 +0.50"),
        (True, 'z" 7 b␉b +0.25', "x 3 b␉b -2.00, d +1.00"),
    ],
)
def test_the_table_begins_with_the_labels_of_most_points(named, first, second):
    lines = [" ".join(line.split()) for line in _drivers(named).table().splitlines()]
    assert len(lines) == 4  # the header, a line, and the two labels that have points
    assert lines[2].startswith(first) and lines[3].startswith(second)


def test_the_drivers_of_one_label():
    first, second = _drivers(True).of_label(0, 2)
    assert first == (1, "b\tb", -2.0) and second == (3, "d", 1.0)
    assert _drivers(False).of_label(1, 2) == []


def test_json_has_the_labels_with_points():
    named, unnamed = (_drivers(named).to_json(1) for named in (True, False))
    assert named == [
        {
            "label": 0,
            "label_name": "x",
            "points": 3,
            "features": [{"feature": 1, "feature_name": "b\tb", "mean_attribution": -2.0}],
        },
        {
            "label": 2,
            "label_name": 'z"',
            "points": 7,
            "features": [{"feature": 1, "feature_name": "b\tb", "mean_attribution": 0.25}],
        },
    ]
    assert unnamed[0]["label_name"] is None and unnamed[0]["features"][0]["feature_name"] is None
    assert str(_drivers(True)) == _drivers(True).table()
