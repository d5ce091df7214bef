from __future__ import annotations

import importlib

import pytest
from absl import flags

from mach_tf.errors import InputError
from mach_tf.training.run_options import RunOptions
from tests.helpers import programs


@pytest.fixture
def parse():
    """Imports train.main anew, parses its arguments and returns train.run_flags."""

    def parsed(*arguments):
        programs.forget_flags()
        importlib.import_module("train.main")
        flags.FLAGS(["train.main", "--dataset_dir=data", "--model_dir=models", *arguments])
        return importlib.import_module("train.run_flags")

    return parsed


def test_the_defaults_are_the_librarys(parse):
    assert parse().options() == RunOptions()


def test_every_flag_reaches_the_options(parse):
    module = parse(
        "--strategy=one_device",
        "--group_size=3",
        "--repetition_range=2:5",
        "--checkpoint_minutes=1.5",
        "--validation_points=7",
        "--worker_timeout=90",
    )
    assert module.options() == RunOptions("one_device", 3, (2, 5), 1.5, 7, worker_timeout=90)


@pytest.mark.parametrize("argument", ["--repetition_range=5:2", "--repetition_range=0:9", "--group_size=many"])
def test_what_is_out_of_range_is_refused(parse, argument):
    module = parse(argument)
    with pytest.raises(InputError, match=f"^{argument[2:].partition('=')[0]} must be"):
        module.options()
