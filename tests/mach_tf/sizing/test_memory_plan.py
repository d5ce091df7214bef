from __future__ import annotations

import dataclasses

import pytest

from mach_tf.hashing import MOST_OWN_COLUMNS
from mach_tf.sizing.memory_plan import PROCESS_BYTES, Shapes, largest_group, plan
from mach_tf.training_config import TrainingConfig

REFERENCE = TrainingConfig(hidden_units=4096, batch_size=256, adversarial_weight=0.0)
SHAPES = Shapes(columns=50_000, buckets=2000, features=76)


def test_the_reference_setting_by_hand():
    found = plan(REFERENCE, SHAPES, 1)
    parameters = 50_000 * 4096 + 4096 + 4096 * 2000 + 2000
    assert found.weights == found.exported == 4 * parameters
    assert found.slots == 8 * parameters
    assert found.checkpoint == 12 * parameters
    # At most 256 * 76 rows are touched: gathered, and their gradient.
    assert found.gradients == 4 * (2 * 256 * 76 * 4096 + 4096 + 4096 * 2000 + 2000)


def test_one_moment_of_a_row_by_hand():
    config = dataclasses.replace(REFERENCE, optimizer="rowwise")
    found, upper = plan(config, SHAPES, 1), 4096 + 4096 * 2000 + 2000
    weights = 50_000 * 4096 + upper
    assert found.weights == 4 * weights and found.slots == 4 * (50_000 + 2 * upper)
    assert found.checkpoint == 4 * (weights + 50_000 + 2 * upper)
    # Of one repetition the two copies that are exported are larger than its moments, gradients and batch.
    assert found.copies == 8 * weights
    assert found.total == PROCESS_BYTES + found.weights + max(found.copies, found.slots + found.gradients + found.batch)
    # Of several, their initial values are; those of one are there three times while they are drawn.
    assert plan(config, SHAPES, 4).copies == 4 * (4 + 2) * 50_000 * 4096


def test_bucket_tables_are_in_memory_three_times():
    without, found = plan(REFERENCE, SHAPES, 4), plan(REFERENCE, dataclasses.replace(SHAPES, labels=1000), 4)
    assert without.tables == 0 and found.tables == found.total - without.total == 3 * 4 * 4 * 1000


@pytest.mark.parametrize("group", [1, 2, 3, 8])
def test_copies_need_no_more_than_the_two_moments_of_each_weight(group):
    found = plan(REFERENCE, Shapes(50_000, 2000, features=1), group)
    assert found.copies <= found.slots


def test_670_091_labels_in_32_repetitions_fit_a_gpu_of_24_gb_by_one_moment_of_a_row_alone():
    shapes = Shapes(columns=135_909, buckets=2000, features=76, labels=670_091)
    configs = [TrainingConfig(batch_size=512, optimizer=name) for name in ("rowwise", "laprop")]
    rowwise, laprop = (plan(config, shapes, 32).total for config in configs)
    assert rowwise < 24e9 < laprop


@pytest.mark.parametrize("adversarial_weight", [0.0, 1.0])
def test_the_most_columns_by_default_are_trained_in_6_gb(adversarial_weight):
    config = TrainingConfig(batch_size=512, optimizer="rowwise", adversarial_weight=adversarial_weight)
    totals = [plan(config, Shapes(n * MOST_OWN_COLUMNS, 500, features=76), 8).total for n in (1, 2)]
    assert totals[0] < 6e9 and totals[1] > 8e9


@pytest.mark.parametrize("group", [2, 5])
def test_everything_but_the_process_and_one_export_grows_with_the_group(group):
    one, many = plan(REFERENCE, SHAPES, 1), plan(REFERENCE, SHAPES, group)
    for name in ("weights", "slots", "gradients", "batch", "checkpoint"):
        assert getattr(many, name) == group * getattr(one, name)
    assert many.exported == one.exported


@pytest.mark.parametrize("changes", [{"optimizer": "adam"}, {"adversarial_weight": 1.0, "fgsm_support": "dense"}])
def test_a_dense_gradient_of_w1_is_counted(changes):
    config = TrainingConfig(**{"hidden_units": 4096, "batch_size": 256, "adversarial_weight": 0.0, **changes})
    assert plan(config, SHAPES, 1).gradients >= 4 * 50_000 * 4096


def test_each_pass_of_a_step_is_counted():
    batches = [
        plan(TrainingConfig(hidden_units=4096, **changes), SHAPES, 1).batch
        for changes in ({"adversarial_weight": 0.0}, {}, {"adversarial": "pgd"}, {"adversarial": "ibp"})
    ]
    assert batches == [batches[0], 2 * batches[0], 2 * batches[0], 3 * batches[0]]


def test_largest_group():
    fits_three = plan(REFERENCE, SHAPES, 3).total
    assert largest_group(REFERENCE, SHAPES, 8, fits_three) == 3
    assert largest_group(REFERENCE, SHAPES, 2, fits_three) == 2
    assert largest_group(REFERENCE, SHAPES, 8, plan(REFERENCE, SHAPES, 1).total - 1) == 0
