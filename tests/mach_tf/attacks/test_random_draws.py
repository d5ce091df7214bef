"""Draws: parts of one sequence, uniform, other for another seed."""

import numpy as np
import pytest

from mach_tf.attacks.random_draws import draws


@pytest.mark.parametrize("seed", [0, [0, 1], [3, 2, 5]])
def test_parts_are_those_of_the_whole_sequence(seed):
    whole = draws(seed, 0, (60,))
    for first, shape in ((0, (7,)), (13, (4, 5)), (59, (1,))):
        np.testing.assert_array_equal(draws(seed, first, shape).ravel(), whole[first : first + np.prod(shape)])


def test_they_are_uniform():
    found = np.sort(draws(1, 0, (20_000,)))
    assert found[0] >= 0 and found[-1] < 1
    np.testing.assert_allclose(found, (np.arange(20_000) + 0.5) / 20_000, atol=0.02)


def test_seeds_have_sequences_of_their_own():
    every = [draws(seed, 0, (9,)) for seed in (0, 1, [0, 1], [1, 1])]
    assert len({tuple(each) for each in every}) == len(every)
