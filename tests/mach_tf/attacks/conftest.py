"""A small ensemble and points, shared by the tests of what is done to them."""

from __future__ import annotations

import pytest

from tests.helpers import model_directory
from tests.helpers.tiny_ensemble import make_ensemble, make_points


@pytest.fixture(scope="module")
def ensemble():
    return make_ensemble()


@pytest.fixture(scope="module")
def ranked():
    return make_ensemble(ranked=True)


@pytest.fixture(scope="module")
def points(ensemble):
    return make_points(ensemble)


@pytest.fixture(scope="module")
def directories(tmp_path_factory):
    """Two model directories for the same points."""
    paths = [str(tmp_path_factory.mktemp(name)) for name in ("first", "second")]
    for seed, (path, count) in enumerate(zip(paths, (3, 2))):
        model_directory.write(path, features=20, labels=25, columns=20, repetitions=count, seed=seed)
    return paths
