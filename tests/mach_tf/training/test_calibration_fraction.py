"""The fraction of points to calibrate on: by the rule, as it was given, and as the model has it."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest
import scipy.sparse

import mach_tf
from mach_tf.buckets import BucketSpec
from mach_tf.errors import InputError
from mach_tf.hashing import FeatureSpec
from mach_tf.manifest import ModelManifest
from mach_tf.training import calibration_fraction
from mach_tf.training_config import TrainingConfig

CONFIG = TrainingConfig()


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    """The manifest of a dataset without a validation split."""
    x = scipy.sparse.random(30, 10, 0.3, "csr", np.float32, random_state=0)
    folder = tmp_path_factory.mktemp("data") / "plain"
    return mach_tf.write_dataset(x, scipy.sparse.csr_matrix(np.ones((30, 2))), folder, spec=FeatureSpec(0))


def of_points(data, points):
    return dataclasses.replace(data, splits={"train": dataclasses.replace(data.split("train"), points=points)})


def choose(data, model_dir="nowhere", repetitions=8, calibrate=None, given=None):
    found = calibration_fraction.choose(CONFIG, data, str(model_dir), repetitions, calibrate, given)
    assert dataclasses.replace(found, calibration_fraction=0.0) == CONFIG
    return found.calibration_fraction


@pytest.mark.parametrize(("points", "expected"), [(999, 0), (1000, 0.1), (40_000, 0.1), (80_000, 0.05)])
def test_the_rule_takes_a_tenth_or_4000_points(data, points, expected):
    assert choose(of_points(data, points)) == expected == choose(of_points(data, points), calibrate=True)
    assert choose(of_points(data, points), calibrate=False) == 0
    assert choose(of_points(data, points), repetitions=3) == 0
    assert choose(of_points(data, points), repetitions=4, given=0.2) == 0.2


def test_nothing_is_held_out_beside_a_validation_split(data):
    many, train = of_points(data, 5000), data.split("train")
    assert choose(dataclasses.replace(many, splits={**many.splits, "valid": train})) == 0
    with_split = dataclasses.replace(many, splits={**many.splits, "valid": train})
    with pytest.raises(
        InputError, match=r"calibration_fraction must be 0 for a dataset with a valid split.*\(got 0\.1\)"
    ):
        choose(with_split, given=0.1)
    assert choose(with_split, given=0.0) == 0
    without = dataclasses.replace(train, labels=0)
    assert choose(dataclasses.replace(many, splits={**many.splits, "valid": without})) == 0.1


@pytest.mark.parametrize("trained_with", [0.0, 0.25])
def test_a_model_keeps_its_own(data, tmp_path, trained_with):
    config = dataclasses.replace(CONFIG, calibration_fraction=trained_with)
    model = ModelManifest(
        data.features, data.labels, data.feature_spec, BucketSpec(2, 8, "murmur3", 0), config, data.fingerprint, {}, {}
    )
    model.write(str(tmp_path))
    assert choose(of_points(data, 5000), tmp_path) == trained_with
    assert choose(of_points(data, 5000), tmp_path, calibrate=False) == trained_with
