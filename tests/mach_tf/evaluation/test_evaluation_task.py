"""What describes an evaluation: everything that the results of points depend on, and nothing else."""

import json

import pytest

from mach_tf.evaluation import evaluation_task
from mach_tf.evaluation.evaluation_options import EvaluationOptions


def described(evaluated, **options):
    return evaluation_task.prepare(evaluated.model_dir, evaluated.dataset_dir, EvaluationOptions(**options)).describe()


@pytest.mark.parametrize(
    "options",
    [
        {"ks": (1,)},
        {"limit": 3},
        {"split": "train"},
        {"repetitions": 1},
        {"estimators": ["min"]},
        {"objective": "psp"},
        {"repetition_curve": False},
        {"adversarial_loss": False},
        {"attacks": ["fgsm"]},
    ],
)
def test_what_results_depend_on_is_described(evaluated, options):
    assert described(evaluated, **options) != described(evaluated)


def test_what_attacks_and_objectives_depend_on_is_described(evaluated):
    for first, second in (
        ({"attacks": ["fgsm"], "epsilons": [0.1]}, {"attacks": ["fgsm"], "epsilons": [0.2]}),
        ({"attacks": ["push_in"], "target_label": 3}, {"attacks": ["push_in"], "target_label": 4}),
        ({"objective": "psp"}, {"objective": "psp", "propensity_a": 0.6}),
    ):
        assert described(evaluated, **first) != described(evaluated, **second)


def test_how_results_are_summarised_is_not_described(evaluated):
    whole = described(evaluated)
    assert described(evaluated, bootstrap=7, seed=3, propensity="amazon", epsilons=[0.3]) == whole
    assert json.loads(json.dumps(whole)) == whole
