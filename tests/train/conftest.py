"""The tiny dataset, and a model trained on it without a stop."""

from __future__ import annotations

import numpy as np
import pytest
import scipy.sparse

import mach_tf
from mach_tf.hashing import FeatureSpec
from tests.train.tiny import FEATURES, LABELS, POINTS, train


@pytest.fixture(scope="module")
def dataset(tmp_path_factory):
    """Each label has a feature of its own, so that it can be learned."""
    rng = np.random.default_rng(0)
    path = str(tmp_path_factory.mktemp("data") / "tiny")
    splits = {}
    for split, points in (("train", POINTS), ("valid", 20)):
        labels = scipy.sparse.random(points, LABELS, 0.1, "csr", np.float32, rng)
        noise = scipy.sparse.random(points, FEATURES - LABELS, 0.1, "csr", np.float32, rng)
        splits[split] = (scipy.sparse.hstack([labels, noise], "csr"), labels)
    mach_tf.write_dataset(*splits["train"], path, valid=splits["valid"], spec=FeatureSpec(dim=0))
    return path


@pytest.fixture(scope="module")
def trained(dataset, tmp_path_factory):
    model = str(tmp_path_factory.mktemp("models") / "whole")
    train(dataset, model)
    return model
