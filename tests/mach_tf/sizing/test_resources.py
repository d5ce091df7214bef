from __future__ import annotations

import shutil
from collections import namedtuple

import pytest

from mach_tf.errors import InputError
from mach_tf.sizing import resources
from mach_tf.sizing.memory_plan import Shapes, plan
from mach_tf.training_config import TrainingConfig

CONFIG = TrainingConfig(hidden_units=1024, batch_size=64)
SHAPES = Shapes(columns=50_000, buckets=500, features=50)


@pytest.fixture
def memory_for(monkeypatch):
    def limit(repetitions):
        available = plan(CONFIG, SHAPES, repetitions).total / resources._USABLE + 10
        monkeypatch.setattr(resources, "available_memory", lambda: available)

    return limit


@pytest.mark.parametrize(
    ("flag", "fits", "pending", "expected"),
    [("auto", 3, 8, 3), ("auto", 30, 8, 8), ("auto", 30, 2, 2), ("4", 5, 8, 4), ("4", 5, 3, 3)],
)
def test_group_size(memory_for, flag, fits, pending, expected):
    memory_for(fits)
    assert resources.group_size(flag, CONFIG, SHAPES, pending) == expected


def test_auto_stops_where_wider_groups_gain_nothing(memory_for):
    memory_for(100)
    assert resources.group_size("auto", CONFIG, SHAPES, 64) == 8


def test_too_much_for_the_machine_is_refused_with_advice(memory_for):
    memory_for(2)
    with pytest.raises(InputError, match=r"needs about .* GB.*group_size, hidden_units"):
        resources.group_size("3", CONFIG, SHAPES, 8)


@pytest.mark.parametrize("flag", ["0", "-1", "many", "2.5"])
def test_a_group_size_that_is_none_is_refused(flag):
    with pytest.raises(InputError, match=r"^group_size must be auto or"):
        resources.group_size(flag, CONFIG, SHAPES, 8)


def test_too_little_disk_is_refused_and_both_sizes_stated(tmp_path, monkeypatch):
    needed = plan(CONFIG, SHAPES, 2)
    usage = namedtuple("usage", "free")
    enough = 2 * needed.checkpoint + 4 * needed.exported
    monkeypatch.setattr(shutil, "disk_usage", lambda path: usage(enough))
    resources.check_disk(str(tmp_path), needed, 4)
    monkeypatch.setattr(shutil, "disk_usage", lambda path: usage(enough - 1))
    with pytest.raises(InputError, match="Make room or give another"):
        resources.check_disk(str(tmp_path), needed, 4)


@pytest.mark.parametrize(("size", "named"), [(1, "1 repetition side by side"), (2, "2 repetitions side by side")])
def test_the_table_counts_repetitions(size, named):
    head = resources.ResourcePlan(plan(CONFIG, SHAPES, size), size, 4).table().splitlines()[0]
    assert head.split("  ")[0] == named and head.endswith("estimate")
