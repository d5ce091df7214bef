from __future__ import annotations

import numpy as np
import pytest

from mach_tf.errors import InputError
from mach_tf.training.run_options import RunOptions


def test_what_is_recorded_is_what_the_flags_of_train_main_hold():
    assert RunOptions().recorded() == {
        "strategy": "mirrored",
        "group_size": "auto",
        "repetition_range": None,
        "checkpoint_minutes": 10.0,
        "validation_points": 2000,
        "ranker": False,
        "calibrate": None,
    }
    given = RunOptions("one_device", "3", (np.int64(1), 4), 0, np.int32(7), ranker=True, calibrate=False).recorded()
    assert given == {
        "strategy": "one_device",
        "group_size": "3",
        "repetition_range": "1:4",
        "checkpoint_minutes": 0.0,
        "validation_points": 7,
        "ranker": True,
        "calibrate": False,
    }
    assert RunOptions(group_size=3) == RunOptions(group_size="3") == RunOptions(group_size=np.int64(3))


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"strategy": "tpu"}, r"^strategy must be one of mirrored, one_device, multiworker \(got 'tpu'\)\.$"),
        ({"group_size": 0}, r"^group_size must be auto or a number of repetitions, at least 1 \(got 0\)\.$"),
        ({"group_size": 1.5}, r"^group_size must be auto or a number of repetitions, at least 1 \(got 1\.5\)\.$"),
        ({"group_size": None}, r"^group_size must be auto or a number of repetitions, at least 1 \(got None\)\.$"),
        ({"checkpoint_minutes": -1}, r"^checkpoint_minutes must be 0 or more \(got -1\)\.$"),
        (
            {"checkpoint_minutes": float("nan")},
            r"^checkpoint_minutes must be a finite number from 0 to 525600 \(got nan\)\.$",
        ),
        *[
            ({"worker_timeout": value}, "^worker_timeout must be")
            for value in (0, -1, float("nan"), float("inf"), None)
        ],
        ({"calibrate": "maybe"}, "^calibrate must be"),
        ({"validation_points": -5}, r"^validation_points must be 0 or more \(got -5\)\.$"),
    ],
)
def test_an_option_out_of_its_range_is_refused_by_name(options, message):
    with pytest.raises(InputError, match=message):
        RunOptions(**options)


def test_how_long_workers_wait_is_not_recorded():
    assert RunOptions(worker_timeout=5).recorded() == RunOptions().recorded()


def test_no_checkpoints_and_no_curves():
    assert RunOptions(checkpoint_minutes=None, curves=False).recorded() == {
        **RunOptions().recorded(),
        "checkpoint_minutes": None,
    }


@pytest.mark.parametrize(
    ("options", "rule"),
    [
        ({"repetition_range": (3,)}, r"repetition_range must be a pair of integers, \(first, end\) \(got \(3,\)\)"),
        ({"repetition_range": "0:2"}, r"repetition_range must be a pair of integers, \(first, end\) \(got '0:2'\)"),
        ({"checkpoint_minutes": "a"}, r"checkpoint_minutes must be a finite number from 0 to 525600 \(got 'a'\)"),
        ({"validation_points": None}, r"validation_points must be a whole number from 0 to 2147483647 \(got None\)"),
    ],
)
def test_options_of_a_wrong_kind_are_refused_by_name(options, rule):
    with pytest.raises(InputError, match=rule):
        RunOptions(**options)


def test_a_range_read_from_json_is_a_range():
    assert RunOptions(repetition_range=[2, 4]).repetition_range == (2, 4)
