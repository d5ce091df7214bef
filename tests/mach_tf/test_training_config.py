from __future__ import annotations

import pytest

from mach_tf.errors import InputError
from mach_tf.training_config import TrainingConfig


@pytest.mark.parametrize(
    ("name", "value", "rule"),
    [
        ("hidden_units", 0, "at least 1"),
        ("epochs", 0, "at least 1"),
        ("batch_size", -1, "at least 1"),
        ("learning_rate", 0.0, "above 0 and finite"),
        ("optimizer_epsilon", 0.0, "at least 1e-10 and finite"),
        ("optimizer_epsilon", 1e-11, "at least 1e-10 and finite"),
        ("hidden_init_stddev", -0.1, "above 0 and finite"),
        ("learning_rate", float("inf"), "above 0 and finite"),
        ("epsilon", -0.1, "0 or more and finite"),
        ("epsilon", float("inf"), "0 or more and finite"),
        ("adversarial_weight", float("nan"), "0 or more and finite"),
        ("dropout", 1.0, "in [0, 1)"),
        ("feature_dropout", -0.1, "in [0, 1)"),
        ("optimizer", "sgd", "one of laprop, lazy_adam, adam"),
        ("fgsm_support", "all", "one of nonzero, dense"),
        ("learning_rate_decay", "step", "one of none, linear, cosine"),
    ],
)
def test_a_setting_out_of_its_range_is_refused_by_name(name, value, rule):
    with pytest.raises(InputError) as raised:
        TrainingConfig(**{name: value})
    assert str(raised.value) == f"{name} must be {rule} (got {value!r})."


@pytest.mark.parametrize(("weight", "adversarial"), [(0.0, False), (0.5, True)])
def test_adversarial(weight, adversarial):
    assert TrainingConfig(adversarial_weight=weight).adversarial == adversarial
