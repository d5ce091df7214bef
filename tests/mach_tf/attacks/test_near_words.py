"""Neighbours of features against the cosines of whole rows of W1."""

import types

import numpy as np
import pytest

from mach_tf.attacks.near_words import LEAST_COSINE, NEIGHBOURS, NearWords


def network_of(rows, repetitions=2):
    parts = np.split(np.asarray(rows, np.float32), repetitions, axis=1)
    weights = [types.SimpleNamespace(weights=types.SimpleNamespace(hidden_kernel=part)) for part in parts]
    return types.SimpleNamespace(manifest=types.SimpleNamespace(columns=len(rows)), repetitions=weights)


@pytest.fixture(scope="module")
def rows():
    """Three families of directions, each row close to its own; row 0 is zero and row 1 alone."""
    random = np.random.default_rng(0)
    families = random.standard_normal((3, 512))
    rows = np.concatenate([families[i % 3] + 0.3 * random.standard_normal(512) for i in range(60)]).reshape(60, 512)
    rows[0], rows[1] = 0, random.standard_normal(512)
    return rows


def test_neighbours_are_of_the_same_family(rows):
    found = NearWords(network_of(rows)).of(np.arange(60))
    assert found.shape == (60, NEIGHBOURS) and (found[:2] == -1).all()
    assert (found[2:] % 3 == np.arange(2, 60)[:, None] % 3).all()
    assert (found[2:] != np.arange(2, 60)[:, None]).all() and all(len(set(row)) == NEIGHBOURS for row in found[2:])
    unit = rows[2:] / np.linalg.norm(rows[2:], axis=1, keepdims=True)
    cosines = np.take_along_axis(unit @ unit.T, found[2:] - 2, axis=1)
    assert cosines.min() > LEAST_COSINE


def test_what_is_not_allowed_is_no_neighbour(rows):
    allowed = np.arange(60) < 12
    near = NearWords(network_of(rows), allowed)
    found = near.of(np.array([5, 5, 59]))
    assert found.max() < 12 and (found[0] == found[1]).all() and (found[:, -1] == -1).all()
    np.testing.assert_array_equal(near.of(np.array([59]))[0], found[2])  # what was found stays


def test_fewer_features_than_neighbours():
    assert NearWords(network_of(np.ones((2, 4)))).of(np.array([1])).tolist() == [[0] + [-1] * (NEIGHBOURS - 1)]
