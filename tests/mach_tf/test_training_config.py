from __future__ import annotations

import dataclasses
import json

import numpy as np
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
        ("optimizer", "sgd", "one of laprop, rowwise, lazy_adam, adam"),
        ("fgsm_support", "all", "one of nonzero, dense"),
        ("learning_rate_decay", "step", "one of none, linear, cosine"),
        ("adversarial", "free", "one of fgsm, n_fgsm, pgd, ibp"),
        ("adversarial_steps", 0, "at least 1"),
        ("adversarial_steps", 1001, "at most 1000"),
        ("ibp_ramp", 1.5, "in [0, 1]"),
        ("ibp_ramp", float("nan"), "in [0, 1]"),
    ],
)
def test_a_setting_out_of_its_range_is_refused_by_name(name, value, rule):
    with pytest.raises(InputError) as raised:
        TrainingConfig(**{name: value})
    assert str(raised.value) == f"{name} must be {rule} (got {value!r})."


@pytest.mark.parametrize(
    ("changes", "all_rows"),
    [
        ({}, False),
        ({"optimizer": "adam"}, True),
        ({"optimizer": "lazy_adam"}, False),
        ({"optimizer": "rowwise"}, False),
        ({"fgsm_support": "dense"}, True),
        ({"fgsm_support": "dense", "adversarial_weight": 0.0}, False),
    ],
)
def test_only_dense_gradients_and_adam_update_all_rows(changes, all_rows):
    assert TrainingConfig(**changes).updates_all_rows is all_rows


@pytest.mark.parametrize(("weight", "adversarial"), [(0.0, False), (0.5, True)])
def test_adversarial(weight, adversarial):
    assert TrainingConfig(adversarial_weight=weight).is_adversarial == adversarial


@pytest.mark.parametrize(
    ("name", "value", "kind"),
    [
        ("epochs", "5", "a whole number"),
        ("epochs", 5.0, "a whole number"),
        ("hidden_units", None, "a whole number"),
        ("learning_rate", "0.1", "a number"),
        ("mixed_precision", "no", "True or False"),
        ("optimizer", 3, "text"),
    ],
)
def test_a_setting_of_another_type_is_refused_by_name(name, value, kind):
    with pytest.raises(InputError) as raised:
        TrainingConfig(**{name: value})
    assert str(raised.value) == f"{name} must be {kind} (got {value!r})."


def test_numbers_of_numpy_become_pythons():
    numpys = TrainingConfig(
        epochs=np.int64(3),
        epsilon=np.float32(0.5),
        dropout=0,
        mixed_precision=np.bool_(True),
        optimizer=np.str_("adam"),
    )
    assert numpys == TrainingConfig(epochs=3, epsilon=0.5, dropout=0.0, mixed_precision=True, optimizer="adam")
    assert json.loads(json.dumps(dataclasses.asdict(numpys))) == dataclasses.asdict(numpys)
    kinds = {field.name: str(field.type) for field in dataclasses.fields(TrainingConfig)}
    assert {name: type(value).__name__ for name, value in vars(numpys).items()} == kinds


def test_the_task_is_one_of_two_and_what_multiclass_cannot_do_is_refused_with_the_reason():
    assert TrainingConfig(task="multiclass").multiclass and not TrainingConfig().multiclass
    with pytest.raises(InputError, match=r"task must be one of multilabel, multiclass \(got 'binary'\)"):
        TrainingConfig(task="binary")
    TrainingConfig().require_multilabel("Proofs", "they are hard")
    with pytest.raises(InputError, match=r"^Proofs need a model with task=multilabel .*because they are hard\.$"):
        TrainingConfig(task="multiclass").require_multilabel("Proofs", "they are hard")


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        (
            {"adversarial": "ibp", "adversarial_steps": 7},
            "adversarial_steps is a setting of adversarial=pgd (got 7 with",
        ),
        (
            {"ibp_ramp": 0.1},
            "ibp_ramp is a setting of adversarial=ibp (got 0.1 with adversarial=fgsm). Leave it out, or",
        ),
        (
            {"adversarial": "pgd", "adversarial_weight": 0},
            "adversarial_weight must be above 0 with adversarial=pgd (got 0.0,",
        ),
        (
            {"adversarial": "n_fgsm", "fgsm_support": "dense"},
            "fgsm_support must be nonzero with adversarial=n_fgsm (got 'dense')",
        ),
    ],
)
def test_a_setting_that_would_do_nothing_is_refused(settings, message):
    with pytest.raises(InputError) as raised:
        TrainingConfig(**settings)
    assert message in str(raised.value)


def test_origins_name_what_a_method_uses_and_those_of_fgsm_are_what_they_were():
    added = {"adversarial", "adversarial_steps", "ibp_ramp"}
    used = {
        "fgsm": set(),
        "n_fgsm": {"adversarial"},
        "pgd": {"adversarial", "adversarial_steps"},
        "ibp": {"adversarial", "ibp_ramp"},
    }
    for method, names in used.items():
        assert added & set(TrainingConfig(adversarial=method).of_origin()) == names
    since = {"task", "optimizer_epsilon", "calibration_fraction"}
    earlier = {field.name for field in dataclasses.fields(TrainingConfig)} - added - since
    assert set(TrainingConfig().of_origin()) == earlier | {"adam_epsilon"}
    assert TrainingConfig(calibration_fraction=0.1).of_origin()["calibration_fraction"] == 0.1
