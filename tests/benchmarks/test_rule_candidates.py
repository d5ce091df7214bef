"""Candidates change settings of fit, and nothing is a candidate by its name alone."""

import dataclasses

import pytest

from benchmarks.rule_candidates import CANDIDATES, TODAY
from mach_tf.sizing.planning import Problem
from mach_tf.training_config import TrainingConfig

TODAYS = {**dataclasses.asdict(TrainingConfig()), "buckets": 500, "repetitions": 8}


@pytest.mark.parametrize("name", CANDIDATES)
def test_a_candidate_changes_settings_of_fit(name):
    problem = Problem(labels=100, columns=1000, points=5000, features=20.0, labels_per_point=2.0)
    changed = CANDIDATES[name](problem, TODAYS)
    assert {*changed} <= {*TODAYS}
    assert (not changed) == (name == TODAY)
    assert all(type(value) is type(TODAYS[key]) for key, value in changed.items())
