from __future__ import annotations

import json

from mach_tf.sizing.memory_plan import MemoryPlan
from mach_tf.sizing.resources import ResourcePlan
from mach_tf.training.results import GroupResult, TrainingResult

PLAN = ResourcePlan(MemoryPlan(1, 8, 2, 3, 4, 7, 5, 6), 2, 3)
ADVERSARIAL = GroupResult((0, 1), (0.25, 0.5), (0.75, 1.0), {"P@1": 61.256, "P@5": 40.0}, 12.4)
CLEAN = GroupResult((2,), (0.125,), (), {}, 3.0)


def test_the_table_has_a_line_per_repetition_and_one_per_group():
    lines = str(TrainingResult("models/mine", (ADVERSARIAL, CLEAN))).splitlines()
    assert lines[0].split() == ["repetition", "clean", "loss", "adversarial", "loss"]
    assert [line.split() for line in lines[2:5]] == [
        ["0", "0.25000", "0.75000"],
        ["1", "0.50000", "1.00000"],
        ["2", "0.12500"],
    ]
    assert lines[5:] == ["Repetitions 0-1: 12 s; validation P@1 61.26, P@5 40.00", "Repetition 2: 3 s"]


def test_a_group_that_had_nothing_left_to_train_has_no_losses():
    lines = str(TrainingResult("models/mine", (GroupResult((3,), (), (), {}, 1.0),))).splitlines()
    assert lines[2].split() == ["3"] and lines[3] == "Repetition 3: 1 s"
    assert str(TrainingResult("models/mine")) == ""


def test_all_of_it_is_json():
    result = TrainingResult("models/mine", (ADVERSARIAL,), True, PLAN, ("Something is unusual.",))
    read = json.loads(json.dumps(result.to_json()))
    assert read["groups"][0]["clean_losses"] == [0.25, 0.5]
    assert read["groups"][0]["validation"] == {"P@1": 61.256, "P@5": 40.0}
    assert read["stopped"] is True and read["warnings"] == ["Something is unusual."]
    assert read["resources"] == {
        "memory": {
            "weights": 1,
            "tables": 8,
            "slots": 2,
            "gradients": 3,
            "batch": 4,
            "copies": 7,
            "checkpoint": 5,
            "exported": 6,
        },
        "group_size": 2,
        "repetitions": 3,
    }
    assert json.loads(json.dumps(TrainingResult("models/mine").to_json()))["resources"] is None
