from __future__ import annotations

import itertools

import pytest

from mach_tf.training import planning, recommendation
from mach_tf.training.training_config import TrainingConfig


def _problem(points, labels=1000, columns=5000, features=50.0, labels_a_point=3.0):
    return planning.Problem(labels, columns, points, features, labels_a_point)


@pytest.mark.parametrize(
    ("points", "labels", "columns", "features"),
    itertools.product([1, 100, 12_000, 500_000, 20_000_000], [2, 700_000], [1, 135_909], [0.0, 600.0]),
)
def test_a_training_can_be_configured_so(points, labels, columns, features):
    found = recommendation.settings(_problem(points, labels, columns, features))
    assert TrainingConfig(**found).adversarial, "what is not said stays as it is by default"


def test_few_points_are_gone_through_more_often():
    epochs = [recommendation.settings(_problem(points))["epochs"] for points in (1000, 20_000, 50_000, 1_000_000)]
    assert epochs == sorted(epochs, reverse=True) and len(set(epochs)) == 4


@pytest.mark.parametrize("points", [16_000, 20_000, 50_000, 100_000])
def test_between_the_bounds_steps_are_what_stays_the_same(points):
    found = recommendation.settings(_problem(points))
    assert found["epochs"] * points / found["batch_size"] == pytest.approx(1000, rel=0.1)


@pytest.mark.parametrize(
    ("problem", "dropout", "learning_rate", "adam_epsilon"),
    [
        (_problem(4_207, 159, labels_a_point=2.4), 0.3, 0.02, 1e-3),  # Bibtex
        (_problem(45_000, 4_271, labels_a_point=5.1), 0.3, 0.02, 1e-4),  # EURLEX57K
        (_problem(90_452, 41_218, labels_a_point=2.9), 0.0, 0.01, 3e-5),  # TIBKAT-GND, thin
    ],
)
def test_the_data_that_the_rules_are_of(problem, dropout, learning_rate, adam_epsilon):
    found = recommendation.settings(problem)
    assert [found[name] for name in ("dropout", "learning_rate", "adam_epsilon")] == [
        dropout,
        learning_rate,
        adam_epsilon,
    ]
