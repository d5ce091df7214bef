"""From flags to the sizes of attacks on words."""

import importlib

import pytest
from absl import flags
from absl.testing import flagsaver

from mach_tf.errors import InputError
from mach_tf.evaluation.metric_options import MetricOptions
from mach_tf.programs.flag_errors import flag_errors
from tests.helpers import programs


@pytest.fixture
def modules():
    programs.forget_flags()
    found = importlib.import_module("eval.attack_flags"), importlib.import_module("eval.word_flags")
    flags.FLAGS(["test"])
    return found


def test_flags_reach_the_attack(modules):
    attack_flags, word_flags = modules
    assert word_flags.words() == list(MetricOptions().words)
    with flagsaver.flagsaver(attack=["drop_words"], attack_words=["3", "0"], attack_beam=4):
        (attack,) = attack_flags.attacks()
        assert (attack.method, attack.objective, attack.beam, word_flags.words()) == ("drop_words", "margin", 4, [3, 0])


@pytest.mark.parametrize("given", [["x"], ["1.5"], ["-1"], ["1", "1"], [], ["100000000"]])
def test_other_numbers_are_refused(modules, given):
    attack_flags, word_flags = modules
    with flagsaver.flagsaver(attack_words=given), pytest.raises(InputError, match="--attack_words must be"):
        with flag_errors(attack_flags.RENAMED):
            MetricOptions(words=word_flags.words())
