"""A flag that several programs have is the same flag in each of them, and stands in the --help of each."""

from __future__ import annotations

import importlib

import pytest
from absl import flags

from mach_tf.errors import InputError
from mach_tf.programs import shared_flags
from tests.helpers import programs

PROGRAMS = {
    "preprocess.verify": ["dataset_dir"],
    "train.main": ["dataset_dir"],
    "train.plan": ["dataset_dir"],
    "eval.main": ["dataset_dir", "model_dir", "output_dir", "split", "limit", "repetitions", "k", "attack", "epsilon"],
    "eval.robustness": [
        "dataset_dir",
        "output_dir",
        "split",
        "limit",
        "estimator",
        "k",
        "bootstrap",
        "attack",
        "epsilon",
    ],
    "eval.predict": ["model_dir", "estimator", "repetitions"],
    "explain.main": ["dataset_dir", "model_dir", "output_dir", "split", "estimator"],
    "explain.faithfulness": ["dataset_dir", "model_dir", "output_dir", "split"],
}


def flags_of(program):
    programs.forget_flags()
    importlib.import_module(program)
    return {flag.name: flag for flag in flags.FLAGS.get_key_flags_for_module(program)}


@pytest.mark.parametrize("program", PROGRAMS)
def test_help_lists_the_shared_flags(program):
    assert set(PROGRAMS[program]) <= set(flags_of(program))


@pytest.mark.parametrize("name", ["dataset_dir", "model_dir", "split", "limit", "k", "bootstrap"])
def test_a_shared_flag_means_the_same_everywhere(name):
    users = [program for program, names in PROGRAMS.items() if name in names]
    seen = {(flag.help, flag.default_as_str) for flag in (flags_of(program)[name] for program in users)}
    assert len(seen) == 1


def test_numbers_of_a_list_flag():
    flags_of("eval.robustness")
    flags.FLAGS(["test", "--epsilon=0.5,0", "--attack_words=2,x", "--model_dir=m", "--dataset_dir=d", "--output_dir=o"])
    assert shared_flags.numbers("epsilon", float, "numbers") == [0.5, 0.0]
    with pytest.raises(InputError, match=r"^--attack_words must be a list of whole numbers \(got 2,x\)"):
        shared_flags.numbers("attack_words", int, "whole numbers")
