"""The flags of preprocessing's inputs, as arguments of `mach_tf.preprocess`."""

from __future__ import annotations

import inspect

import pytest
from absl import flags

import mach_tf
from mach_tf.errors import InputError
from mach_tf.programs import input_flags
from tests.helpers import programs


@pytest.fixture(autouse=True)
def _defined():
    """The flags of a program that has them all."""
    programs.forget_flags()
    before = set(flags.FLAGS)
    input_flags.define()
    names = set(flags.FLAGS) - before
    yield
    for name in names:
        delattr(flags.FLAGS, name)


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        (["--train=a,b", "--test=c"], {"train": ["a", "b"], "test": ["c"]}),
        (["--train_features=a,b", "--train_labels=c,d"], {"train": [(["a", "b"], ["c", "d"])]}),
        (["--valid=a", "--valid_features=b", "--valid_labels=c"], {"valid": ["a", (["b"], ["c"])]}),
        (["--repository=a.zip", "--split_number=3"], {"repository": "a.zip", "split_number": 3}),
        (
            ["--train=a", "--label_names=b", "--feature_names=c"],
            {"train": ["a"], "label_names": "b", "feature_names": "c"},
        ),
    ],
)
def test_flags_are_arguments(arguments, expected):
    flags.FLAGS(["program", *arguments])
    values = input_flags.values()
    parameters = inspect.signature(mach_tf.preprocess).parameters
    assert {name: value for name, value in values.items() if value != parameters[name].default} == expected


def test_something_must_be_read():
    flags.FLAGS(["program", "--label_names=a", "--split_number=1"])
    with pytest.raises(
        InputError, match=r"^At least one of --train, --valid, --test \(or .*, or --repository an archive\.$"
    ):
        input_flags.values()
