"""What evaluations and comparisons both accept and refuse."""

from __future__ import annotations

import pytest

from mach_tf.attacks.gradient_attacks import Attack
from mach_tf.choices import ATTACKS
from mach_tf.errors import InputError
from mach_tf.evaluation.evaluation_options import EvaluationOptions
from mach_tf.evaluation.metric_options import MetricOptions
from mach_tf.evaluation.robustness_comparison import RobustnessOptions


@pytest.mark.parametrize(
    ("given", "attacks"),
    [
        ((), []),
        ("pgd", [Attack("pgd")]),
        (["fgsm", Attack("pgd", steps=3)], [Attack(), Attack("pgd", steps=3)]),
        (Attack("pgd", "push_in"), [Attack("pgd", "push_in")]),
    ],
)
def test_attacks_are_names_or_attacks(given, attacks):
    assert EvaluationOptions(attacks=given).attack_list == attacks
    assert MetricOptions(attacks=given).attack_list == attacks


@pytest.mark.parametrize("options", [MetricOptions, EvaluationOptions, RobustnessOptions])
@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"split": "dev"}, r"^split must be one of train, valid, test \(got 'dev'\)"),
        ({"limit": 0}, r"^limit must be at least 1 \(got 0\)"),
        ({"bootstrap": -1}, r"^bootstrap must be 0 or more \(got -1\)"),
        (
            {"attacks": ["shout"]},
            rf"^An attack must be one of {', '.join(ATTACKS)} \(got 'shout'\)",
        ),
        ({"epsilons": [0.1, -0.2]}, r"^epsilon must be 0 or more \(got -0\.2\)"),
        ({"attacks": ["pgd"], "epsilons": []}, r"^epsilon must be a list .*\(got none\)"),
    ],
)
def test_each_kind_of_options_refuses_the_same_values(options, values, message):
    with pytest.raises(InputError, match=message):
        options(**values)


def test_sizes_are_floats_in_their_order():
    sizes = MetricOptions(epsilons=[1, 0, 0.5]).sizes
    assert sizes == [1.0, 0.0, 0.5] and all(isinstance(size, float) for size in sizes)
