from __future__ import annotations

import sys

import pytest
from absl import flags

from mach_tf.errors import InputError
from mach_tf.metrics import ranking_metrics
from mach_tf.programs import shared_flags
from mach_tf.programs.flag_errors import flag_errors
from tests.helpers import programs


@pytest.fixture
def cut_offs():
    """A function of --k and the number of labels, with the library's check of what the flag says."""
    programs.forget_flags()
    from eval import metric_flags

    def of(text, labels=9):
        flags.FLAGS([sys.argv[0], f"--k={text}"])
        with flag_errors(metric_flags.RENAMED):
            return ranking_metrics.cut_offs(shared_flags.cut_offs(), labels)

    return of


def test_cut_offs_ascend_and_come_once(cut_offs):
    assert cut_offs("5,1,3,1") == [1, 3, 5] and cut_offs("9") == [9]


@pytest.mark.parametrize(
    ("text", "rule"),
    [
        ("", "must be a list"),
        ("0", "must be a list"),
        ("1,-2", "must be a list"),
        ("1.5", "must be a list"),
        ("²", "must be a list"),
        ("1,10", "must not exceed the 9 labels .got 10"),
    ],
)
def test_others_are_refused(cut_offs, text, rule):
    with pytest.raises(InputError, match=f"--k {rule}"):
        cut_offs(text)


def test_without_the_flag_the_library_knows_the_default():
    programs.forget_flags()
    from eval import metric_flags  # noqa: F401 (defines --k)

    flags.FLAGS([sys.argv[0]])
    assert shared_flags.cut_offs() is None
