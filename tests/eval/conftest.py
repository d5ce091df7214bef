"""A small dataset and a model with random weights that fits it."""

from __future__ import annotations

import types

import numpy as np
import pytest
import scipy.sparse

import mach_tf
from mach_tf.hashing import FeatureSpec
from tests import model_directory

FEATURES, LABELS, COLUMNS = 60, 30, 40


def matrices(points, seed):
    generator = np.random.default_rng(seed)
    features = scipy.sparse.random(points, FEATURES, density=0.2, format="lil", random_state=seed, dtype=np.float32)
    # The first points have no features; some have no labels.
    features[:2] = 0
    return features.tocsr(), scipy.sparse.csr_matrix(generator.random((points, LABELS)) < 0.1)


@pytest.fixture(scope="session")
def evaluated(tmp_path_factory):
    """dataset_dir, model_dir, the test split's raw matrices, and the model's weights."""
    dataset_dir, model_dir = str(tmp_path_factory.mktemp("data") / "set"), str(tmp_path_factory.mktemp("model"))
    test = matrices(25, 1)
    mach_tf.write_dataset(*matrices(40, 0), dataset_dir, test=test, spec=FeatureSpec(COLUMNS))
    weights = model_directory.write(model_dir, features=FEATURES, labels=LABELS, columns=COLUMNS)
    return types.SimpleNamespace(dataset_dir=dataset_dir, model_dir=model_dir, test=test, weights=weights)
