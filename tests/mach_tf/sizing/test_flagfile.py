from __future__ import annotations

import dataclasses
import os

import pytest

from mach_tf.errors import InputError
from mach_tf.sizing import flagfile, machine, planning, recommendation

PROBLEM = planning.Problem(labels=5000, columns=2000, points=10_000, features=20.0, labels_per_point=3.0)
FOUND = recommendation.recommend(PROBLEM, machine.nominal(4 * 10**9), {"hidden_units": 64})
NONE = recommendation.recommend(PROBLEM, machine.nominal(1))


def test_every_setting_that_the_rules_choose_is_written(tmp_path):
    path = tmp_path / "mine.flags"
    FOUND.write(str(path))
    comments, flags = ([line for line in path.read_text().splitlines() if (line[0] == "#") == kind] for kind in (1, 0))
    assert comments[0] == "# 10,000 points, 2,000 columns, 5,000 labels. Settings by train.plan's rules, untried."
    assert flags == FOUND.flags() == flagfile.lines(FOUND.best, FOUND.config, ranker=True)
    values = dict(flag[2:].split("=") for flag in flags)
    assert (int(values.pop("buckets")), int(values.pop("repetitions"))) == (FOUND.best.buckets, FOUND.best.repetitions)
    assert values.pop("ranker") == "True"
    assert {*recommendation.settings(PROBLEM), "hidden_units", "epsilon", "adversarial_weight"} <= set(values)
    assert all(text == str(getattr(FOUND.config, name)) for name, text in values.items())


def test_an_existing_file_is_left_alone(tmp_path):
    path = tmp_path / "mine.flags"
    path.write_text("--epochs=3")
    for attempt in (lambda: flagfile.check_new(str(path)), lambda: FOUND.write(str(path))):
        with pytest.raises(InputError, match=r"^output must be a new file \(got .*mine\.flags, which exists\)"):
            attempt()
    assert path.read_text() == "--epochs=3"


def test_a_folder_must_exist(tmp_path):
    with pytest.raises(InputError, match=r"^output must be in an existing folder \(got .*no/mine\.flags\)"):
        flagfile.check_new(str(tmp_path / "no" / "mine.flags"))
    flagfile.check_new(str(tmp_path / "mine.flags"))


def test_where_no_plan_fits_nothing_is_written(tmp_path):
    assert NONE.flags() == []
    with pytest.raises(InputError, match="was not written: none of the plans fits"):
        NONE.write(str(tmp_path / "mine.flags"))
    assert os.listdir(tmp_path) == []


def test_a_plan_for_little_memory_bounds_the_repetitions_side_by_side():
    bounded = dataclasses.replace(FOUND.best, side_by_side=2)
    assert "--group_size=2" in flagfile.lines(bounded, FOUND.config, ranker=False)
    assert not any("group_size" in line for line in FOUND.flags()), "all fit"
