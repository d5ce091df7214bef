from __future__ import annotations

import importlib

import pytest
from absl import flags

from mach_tf.errors import InputError
from mach_tf.manifest import DatasetManifest
from mach_tf.sizing.planning import Problem
from tests.helpers import programs


def problem(*arguments):
    programs.forget_flags()
    importlib.import_module("train.plan")
    flags.FLAGS(["train.plan", *arguments])
    return importlib.import_module("train.problem_flags").problem()


def test_the_numbers_of_data_that_are_not_there_yet():
    numbers = ("--labels=9", "--features=100", "--points=50")
    assert problem(*numbers) == Problem(9, 50_000, 50, 76.0, 5.5)
    more = ("--feature_hash_dim=0", "--features_per_point=3", "--labels_per_point=2.5")
    assert problem(*numbers, *more) == Problem(9, 100, 50, 3.0, 2.5)


def test_more_labels_than_can_be_trained_are_refused():
    with pytest.raises(flags.IllegalFlagValueError, match="100000000"):
        problem("--labels=100000001", "--features=100", "--points=50")


def test_a_dataset(dataset):
    assert problem(f"--dataset_dir={dataset}") == Problem.of(DatasetManifest.read(dataset))


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ([], "missing --labels, --features, --points"),
        (["--features=9"], "missing --labels, --points"),
        (["--dataset_dir=data", "--labels=9"], "--dataset_dir says what --labels would; give one or the other"),
    ],
)
def test_neither_both_nor_half(arguments, message):
    with pytest.raises(InputError, match=message):
        problem(*arguments)
