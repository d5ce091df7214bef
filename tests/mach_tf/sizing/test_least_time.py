from __future__ import annotations

import pytest

from mach_tf import presets
from mach_tf.errors import InputError
from mach_tf.sizing.least_time import check_time, least_seconds
from mach_tf.sizing.memory_plan import Shapes
from mach_tf.training_config import TrainingConfig

SHAPES = Shapes(50_000, 2000, 76.0, 1)


@pytest.mark.parametrize(
    ("change", "repetitions", "refused"),
    [
        ({}, 8, False),
        ({"epochs": 1_000_000}, 8, True),
        ({}, 10_000, False),
        ({"hidden_units": 1_000_000}, 10_000, True),
    ],
)
def test_only_what_no_machine_can_do_in_a_month_is_refused(change, repetitions, refused):
    seconds = least_seconds(TrainingConfig(**change), SHAPES, 490_449, repetitions, repetitions)
    if refused:
        with pytest.raises(InputError, match=r"^Training must take at most 31 days.*or give force=True"):
            check_time(seconds)
    else:
        check_time(seconds)


def test_the_largest_preset_is_not_refused():
    settings = presets.read("amazon-670k-paper")
    config = TrainingConfig(hidden_units=int(settings["hidden_units"]), epochs=int(settings["epochs"]))
    shapes = Shapes(135_909, int(settings["buckets"]), 75.0, 1)
    check_time(least_seconds(config, shapes, 490_449, int(settings["repetitions"]), int(settings["repetitions"])))


def test_replicas_share_the_work_and_steps_have_an_overhead():
    config = TrainingConfig()
    one = least_seconds(config, SHAPES, 10_000, 4, 4)
    assert one < least_seconds(config, SHAPES, 20_000, 4, 4) and one < least_seconds(config, SHAPES, 10_000, 8, 4)
    assert least_seconds(config, Shapes(50_000, 2000, 76.0, 4), 10_000, 4, 4) < one
    assert least_seconds(config, SHAPES, 10_000, 4, 1) < one
