"""Ranges of points: ranges and parts that cover all points choose each block once."""

import pytest

from mach_tf.errors import InputError
from mach_tf.point_range import FinishedRange, PointRange

BLOCKS = [range(begin, min(begin + 10, 95)) for begin in range(0, 95, 10)]


@pytest.mark.parametrize(
    "texts",
    [
        ["0:95"],
        ["0:1000"],
        ["0:37", "37:41", "41:95"],
        ["0:5", "5:95"],
        ["0/1"],
        ["0/3", "1/3", "2/3"],
        [f"{part}/20" for part in range(20)],
    ],
)
def test_each_block_is_chosen_once(texts):
    chosen = [rows for text in texts for rows in PointRange(text).among(BLOCKS)]
    assert sorted(chosen, key=lambda rows: rows.start) == BLOCKS


def test_a_range_has_the_blocks_that_begin_in_it():
    assert PointRange("11:31").among(BLOCKS) == [range(20, 30), range(30, 40)]
    assert PointRange("1/4").among(BLOCKS) == [range(10, 20), range(50, 60), range(90, 95)]
    assert PointRange("95:1000").among(BLOCKS) == []


@pytest.mark.parametrize(
    "text", ["", "3", "5:5", "6:5", "4/4", "-1:4", "1:4:2", "a:b", "0:", "١:٢", " 0:1", "0:1\n", (0, 1)]
)
def test_what_is_no_range_is_refused(text):
    with pytest.raises(InputError, match=r"point_range must be FIRST:END with FIRST < END.*got"):
        PointRange(text)


def test_what_is_left_to_do_is_said():
    summary = FinishedRange(PointRange("0/2"), 7, "out", "metrics.json").summary()
    assert "0/2: 7 blocks" in summary and "without the range writes metrics.json" in summary
    assert "nothing to do" in str(FinishedRange(PointRange("9:10"), 0, "out", "metrics.json"))
