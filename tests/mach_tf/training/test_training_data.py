from __future__ import annotations

import numpy as np
import pytest

from mach_tf.errors import InputError
from mach_tf.manifest import DatasetManifest
from mach_tf.training.training_data import read_dataset
from tests.helpers import sample


def test_a_dataset_with_training_points(dataset):
    assert read_dataset(dataset) == DatasetManifest.read(dataset)


def test_a_dataset_without(tmp_path):
    points = sample.random_points(20)
    sample.write(str(tmp_path), train=points[np.zeros(20, bool)], valid=points)
    with pytest.raises(InputError, match="the train split must have points"):
        read_dataset(str(tmp_path))
