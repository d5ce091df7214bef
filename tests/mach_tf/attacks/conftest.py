"""A small ensemble and points, shared by the tests of what is done to them."""

from __future__ import annotations

import pytest

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
