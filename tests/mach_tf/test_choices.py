"""The table of choices: each is a set of names, and what takes a choice takes all of them and nothing else."""

from __future__ import annotations

import dataclasses

import pytest

from mach_tf import choices
from mach_tf.buckets import BucketSpec
from mach_tf.errors import InputError
from mach_tf.hashing import FeatureSpec
from mach_tf.training_config import TrainingConfig

TABLES = {name: value for name, value in vars(choices).items() if name.isupper() and not isinstance(value, str)}


@pytest.mark.parametrize("table", TABLES.values(), ids=TABLES)
def test_names_are_distinct(table):
    assert isinstance(table, tuple) and len(set(table)) == len(table) >= 2
    assert all(isinstance(name, str) and name.isidentifier() for name in table)


def test_attacks_are_the_methods_and_the_targeted_objectives():
    assert {*choices.ATTACKS} == {*choices.ATTACK_METHODS, *choices.TARGETED_OBJECTIVES}
    assert {*choices.UNTARGETED_OBJECTIVES} == {*choices.ATTACK_OBJECTIVES} - {*choices.TARGETED_OBJECTIVES}


@pytest.mark.parametrize(
    ("field", "table"),
    [
        ("optimizer", choices.OPTIMIZERS),
        ("learning_rate_decay", choices.LEARNING_RATE_DECAYS),
        ("fgsm_support", choices.SUPPORTS),
    ],
)
def test_training_takes_its_choices(field, table):
    for name in table:
        assert getattr(dataclasses.replace(TrainingConfig(), **{field: name}), field) == name
    with pytest.raises(InputError, match=field):
        dataclasses.replace(TrainingConfig(), **{field: "another"})


def test_hashing_takes_its_choices():
    assert [BucketSpec(2, 1, family).family for family in choices.LABEL_HASHES] == [*choices.LABEL_HASHES]
    assert [FeatureSpec(norm=norm).norm for norm in choices.FEATURE_NORMS] == [*choices.FEATURE_NORMS]
    with pytest.raises(ValueError, match="murmur3"):
        BucketSpec(2, 1, "another")
    with pytest.raises(ValueError, match="l2"):
        FeatureSpec(norm="another")
