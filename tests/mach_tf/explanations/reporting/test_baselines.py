"""Texts that name a baseline, and the baselines that they name."""

from __future__ import annotations

import numpy as np
import pytest

from mach_tf import points
from mach_tf.data.dataset_reader import DatasetReader
from mach_tf.errors import InputError
from mach_tf.explanations.reporting import baselines


def test_baseline():
    assert baselines.parse_baseline("zero", 3) is None and baselines.parse_baseline("point:2", 3) == 2
    for text in ("point:3", "point:-1", "point:", "one"):
        with pytest.raises(InputError, match=r"^baseline must be zero"):
            baselines.parse_baseline(text, 3)


def test_mean_baseline_is_the_mean_of_hashed_points(world):
    data = DatasetReader.open(world.dataset)
    hashed = data.manifest.feature_spec.apply(points.from_csr(world.features)).features(40)
    np.testing.assert_allclose(baselines.mean_baseline(data), hashed.toarray().mean(axis=0), atol=1e-7)


def test_finds_each_kind_of_baseline(world):
    data = DatasetReader.open(world.dataset)
    raw = points.from_csr(world.features)

    def find(text):
        return baselines.find_baseline(text, raw, data)

    assert find("zero") is None
    np.testing.assert_array_equal(find("point:4").features(60).toarray(), world.features[4].toarray())
    np.testing.assert_array_equal(find("mean").toarray()[0], baselines.mean_baseline(data))
    prior = find("prior").probabilities
    counts = world.labels.toarray().sum(axis=0)
    np.testing.assert_allclose(prior, (counts + 1) / 14)
    np.testing.assert_array_equal(find("auto").probabilities, prior)
    assert baselines.find_baseline("auto", raw, None) is None
    for text in ("mean", "prior"):
        with pytest.raises(InputError, match=rf"^baseline={text} is the .*\. Give dataset_dir\.$"):
            baselines.find_baseline(text, raw, None)
    with pytest.raises(InputError, match=r"point 0 to 11 of the input \(got 'point:12'\)"):
        find("point:12")


def test_descriptions(world):
    data = DatasetReader.open(world.dataset)
    assert baselines.describe("auto", data).startswith("prior: ") and baselines.describe("auto", None).startswith(
        "zero"
    )
    assert baselines.describe("point:3", data) == "point:3"
