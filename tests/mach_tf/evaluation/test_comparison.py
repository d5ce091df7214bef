"""Comparison with an earlier evaluation: what can be compared, and the differences."""

from __future__ import annotations

import json

import numpy as np
import pytest

from mach_tf.errors import InputError
from mach_tf.evaluation import comparison
from mach_tf.manifest import DatasetManifest
from mach_tf.metrics import bootstrap
from mach_tf.metrics.ranking_metrics import PerPoint


def per_point(values):
    return {"P@1": PerPoint(np.asarray(values, float), np.ones(len(values)))}


@pytest.fixture
def dataset(evaluated):
    return DatasetManifest.read(evaluated.dataset_dir)


@pytest.fixture
def write(dataset, tmp_path):
    """Writes an earlier evaluation with changes; returns the path of its metrics.json."""

    def written(rows=3, **changes):
        content = {"dataset_fingerprint": dataset.fingerprint, "split": "test", "points": 3, "propensity": "default"}
        (tmp_path / "metrics.json").write_text(json.dumps({**content, **changes}))
        bootstrap.write_points(str(tmp_path / "per_point.npz"), per_point(np.arange(rows) == 0))
        return str(tmp_path / "metrics.json")

    return written


def test_differences_are_ours_minus_theirs(dataset, write):
    earlier = comparison.read_earlier(write(), dataset, "test", 3, [1], "default")
    assert list(earlier.per_point) == ["P@1"]
    found = earlier.compare(per_point([1, 1, 0]), 50, 0)
    expected = bootstrap.paired_differences(per_point([1, 1, 0]), per_point([1, 0, 0]), 50, 0)
    assert found == comparison.Comparison(earlier.path, expected)
    difference = found.to_json()["differences"]["P@1"]
    assert found.to_json()["with"] == earlier.path and difference["difference"] == pytest.approx(100 / 3)
    assert 0 <= difference["low"] <= difference["difference"] <= difference["high"] <= 100


def test_without_a_bootstrap_there_are_a_thousand_resamples(dataset, write):
    earlier = comparison.read_earlier(write(), dataset, "test", 3, [1], "default")
    ours = per_point([0, 1, 1])
    assert earlier.compare(ours, 0, 5) == earlier.compare(ours, 1000, 5)


def test_evaluations_that_do_not_name_their_propensity_are_taken(dataset, write):
    path = write()
    with open(path) as file:
        content = json.load(file)
    del content["propensity"]
    with open(path, "w") as file:
        json.dump(content, file)
    assert comparison.read_earlier(path, dataset, "test", 3, [1], "amazon").path == path


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"dataset_fingerprint": "other"}, r"compare must name an evaluation of the same points: 3 of .* split 'test'"),
        ({"split": "valid"}, r"got 3 points of split 'valid'"),
        ({"points": 4}, r"got 4 points of split 'test'"),
        ({"propensity": "amazon"}, r"same propensity=default \(got amazon\)"),
    ],
)
def test_other_points_or_constants_are_refused(dataset, write, changes, message):
    with pytest.raises(InputError, match=message):
        comparison.read_earlier(write(**changes), dataset, "test", 3, [1], "default")


def test_an_evaluation_without_propensities_is_compared(dataset, write):
    """Either has no training counts; the metrics that both have are compared."""
    for theirs, ours in (("default", None), (None, "default")):
        assert comparison.read_earlier(write(propensity=theirs), dataset, "test", 3, [1], ours)


def test_per_point_metrics_of_other_points_are_refused(dataset, write):
    with pytest.raises(InputError, match=r"per_point\.npz must be of the evaluation in .*, 3 points"):
        comparison.read_earlier(write(rows=4), dataset, "test", 3, [1], "default")


def test_other_cut_offs_are_refused(dataset, write):
    with pytest.raises(InputError, match=r"shares a cut-off \(got P@1; ks=3,5 here\)"):
        comparison.read_earlier(write(), dataset, "test", 3, [3, 5], "default")


def test_a_missing_evaluation_is_refused(dataset, tmp_path):
    with pytest.raises(InputError, match="holds no evaluation"):
        comparison.read_earlier(str(tmp_path / "metrics.json"), dataset, "test", 3, [1], "default")
