"""From flags to attacks, and what is refused."""

import importlib

import pytest
from absl import flags
from absl.testing import flagsaver

from mach_tf.attacks.gradient_attacks import Attack
from mach_tf.errors import InputError
from mach_tf.evaluation.metric_options import MetricOptions
from mach_tf.programs.flag_errors import flag_errors
from tests.helpers import programs


@pytest.fixture
def attack_flags():
    """The module as a program imports it, its flags at their defaults."""
    programs.forget_flags()
    module = importlib.import_module("eval.attack_flags")
    flags.FLAGS(["test"])
    return module


def test_none_by_default(attack_flags):
    assert attack_flags.attacks() == []
    with flagsaver.flagsaver(attack=["none"]):
        assert attack_flags.attacks() == []
    assert attack_flags.epsilons()[0] == 0


def test_every_flag_reaches_the_attack(attack_flags):
    with flagsaver.flagsaver(
        attack=["fgsm", "push_in"],
        support="dense",
        attack_steps=3,
        attack_step_size=0.5,
        random_start=True,
        clip_nonnegative=True,
        attack_seed=7,
        attack_restarts=4,
        attack_queries=50,
        attack_objective="top_label",
    ):
        fgsm, push_in = attack_flags.attacks()
    options = {
        "steps": 3,
        "relative_step": 0.5,
        "restarts": 4,
        "queries": 50,
        "random_start": True,
        "clip_nonnegative": True,
        "seed": 7,
    }
    assert fgsm == Attack("fgsm", "top_label", "dense", **options)
    assert push_in == Attack("pgd", "push_in", "dense", **options)


@pytest.mark.parametrize("names", [["fgms"], ["fgsm", "fgsm"], ["none", "deepfool"]])
def test_other_attacks_are_refused(attack_flags, names):
    with flagsaver.flagsaver(attack=names), pytest.raises(InputError, match="--attack must be a list"):
        attack_flags.attacks()


@pytest.mark.parametrize(
    ("given", "message"),
    [
        (
            ["--attack=drop_words", "--epsilon=0,0.1"],
            r"--epsilon has no effect with --attack=drop_words: it is for --attack=fgsm\|",
        ),
        (
            ["--attack=fgsm,apgd", "--attack_words=1"],
            r"--attack_words has .*=fgsm,apgd: it is for --attack=drop_words\|swap_words\|add",
        ),
        (["--attack=swap_words", "--support=dense"], "--support has no effect"),
        (["--attack=add_words,drop_words", "--clip_nonnegative"], "--clip_nonnegative has no effect"),
        (["--attack=fgsm", "--attack_beam=2"], "--attack_beam has no effect"),
        (
            ["--attack=fgsm,square", "--attack_steps=3"],
            r"--attack_steps has .*=pgd\|apgd\|strongest\|push_out\|push_in\.",
        ),
        (["--attack=apgd", "--attack_step_size=1"], r"--attack_step_size has .*=pgd\|push_out\|push_in\."),
        (["--attack=pgd", "--attack_restarts=2"], r"--attack_restarts has .*=apgd\|strongest\."),
        (["--attack=pgd", "--attack_queries=9"], r"--attack_queries has .*=square\|strongest\."),
        (["--attack=square", "--random_start"], "--random_start has no effect"),
        (["--attack=push_in,strongest", "--attack_objective=margin"], "--attack_objective has no effect"),
        (["--epsilon=0.1"], "--epsilon has no effect without --attack"),
        (["--attack=none", "--attack_words=1"], "--attack_words has no effect without --attack"),
    ],
)
def test_flags_that_no_attack_uses_are_refused(attack_flags, given, message):
    flags.FLAGS(["test", *given])
    with pytest.raises(InputError, match=message):
        attack_flags.attacks()


@pytest.mark.parametrize(
    "given",
    [
        ["--attack=drop_words,fgsm", "--epsilon=0,0.1", "--attack_words=1", "--support=dense"],
        ["--attack=push_in", "--random_start", "--attack_step_size=1", "--attack_steps=3", "--attack_seed=1"],
        ["--attack=strongest", "--attack_restarts=2", "--attack_queries=9", "--attack_steps=3", "--random_start"],
        ["--attack=add_words", "--attack_objective=margin", "--attack_beam=2"],
        ["--attack_seed=1"],
    ],
)
def test_flags_that_one_attack_uses_are_taken(attack_flags, given):
    flags.FLAGS(["test", *given])
    attack_flags.attacks()
    assert attack_flags.attacks(own=("epsilon",)) == attack_flags.attacks()


def test_a_program_may_use_a_flag_itself(attack_flags):
    flags.FLAGS(["test", "--epsilon=0.1", "--attack=none"])
    assert attack_flags.attacks(own=("epsilon",)) == []


@pytest.mark.parametrize("size", [0.0, -1.0, float("inf"), float("nan")])
def test_step_sizes_must_be_positive(attack_flags, size):
    with flagsaver.flagsaver(attack=["pgd"], attack_step_size=size), pytest.raises(InputError, match="step_size"):
        attack_flags.attacks()


@pytest.mark.parametrize("sizes", [[], ["x"], ["-0.1"], ["nan"], ["inf"], ["0.1", "0.10"]])
def test_sizes_must_be_numbers_that_are_not_negative(attack_flags, sizes):
    with (
        flagsaver.flagsaver(epsilon=sizes),
        pytest.raises(InputError, match=r"--epsilon must be (a list|0 or more|a finite number)"),
    ):
        with flag_errors(attack_flags.RENAMED):
            MetricOptions(attacks=["fgsm"], epsilons=attack_flags.epsilons())


def test_sizes_keep_their_order(attack_flags):
    with flagsaver.flagsaver(epsilon=["0.02", "0", "1e-3"]):
        assert attack_flags.epsilons() == [0.02, 0, 0.001]
