"""What the strongest attack is made of, and which of its parts is the worst."""

import itertools

import numpy as np
import pytest

from mach_tf.attacks import strongest
from mach_tf.attacks.gradient_attacks import Attack


@pytest.mark.parametrize(
    ("ks", "names"),
    [
        ([1], ["margin (apgd)", "margin (square)"]),
        ([5], ["margin (apgd)", "precision@5 (apgd)", "margin (square)"]),
        ([1, 3, 10], ["margin (apgd)", "precision@3 (apgd)", "margin (square)"]),
    ],
)
def test_a_part_per_cut_off_below_the_labels(ks, names):
    attack = Attack("strongest", support="dense", steps=7, restarts=2, queries=9, seed=3)
    parts = strongest.parts(attack, ks, labels=10)
    assert [part.name for part in parts] == names
    for part in parts:
        assert (part.support, part.steps, part.restarts, part.queries, part.seed) == ("dense", 7, 2, 9, 3)


@pytest.mark.parametrize("k", [1, 2, 4])
def test_the_worst_has_the_fewest_hits_then_those_at_the_later_ranks(k):
    every = [np.array(row, bool) for row in itertools.product([False, True], repeat=k)]
    for first, second in itertools.product(every, every):
        keys = [(row.sum(), tuple(-np.flatnonzero(row))) for row in (first, second)]
        (chosen,) = strongest.worst([first[None], second[None]])
        if keys[0][0] != keys[1][0]:
            assert chosen == (keys[1][0] < keys[0][0])
        else:
            ranks = [np.flatnonzero(row).sum() for row in (first, second)]
            assert chosen == (ranks[1] > ranks[0])
