"""The line from label scores to log-odds: by the rule, or as it was fitted."""

from __future__ import annotations

import dataclasses
import math

import pytest

from mach_tf.errors import InputError
from mach_tf.logit_scale import AS_THEY_ARE, Calibration, FrequencyLine, LogitScale, line
from mach_tf.typed_json import from_json

SHA256 = "ab" * 32
FITTED = Calibration(1.5, 2.5, 100, 8, SHA256, FrequencyLine(1.25, 2.0, 0.5))


def test_the_rule_brings_a_label_of_a_rankers_points_back():
    assert LogitScale.of_ranker(0.0) == AS_THEY_ARE == (0, 1)
    shift, scale = LogitScale.of_ranker(4.0)
    # About 2 v is added to the labels of a point, 0 to others.
    assert (8 - shift) / scale == 4 / 3 == -(0 - shift) / scale


def test_a_fitted_line_is_of_the_ranker_whose_scores_it_was_fitted_on():
    assert line(FITTED, SHA256, 4.0) == (1.5, 2.5)
    assert line(FITTED, "", 0.0) == AS_THEY_ARE
    assert line(FITTED, "cd" * 32, 4.0) == LogitScale.of_ranker(4.0) == line(None, SHA256, 4.0)
    assert line(dataclasses.replace(FITTED, ranker_sha256=""), "", 0.0) == (1.5, 2.5)


def test_it_is_fitted_anew_for_more_repetitions_and_another_ranker():
    assert FITTED.fits(8, SHA256) and not FITTED.fits(9, SHA256) and not FITTED.fits(8, "")


@pytest.mark.parametrize(
    "change",
    [
        {"shift": math.nan},
        {"shift": -math.inf},
        {"scale": 0.0},
        {"scale": -1.0},
        {"scale": math.inf},
        {"scale": math.nan},
        {"points": 0},
        {"repetitions": 0},
        {"ranker_sha256": "../model"},
        {"by_frequency": {"shift": 1.0, "scale": 0.0, "power": 0.5}},
        {"by_frequency": {"shift": 1.0, "scale": 1.0, "power": -0.5}},
        {"by_frequency": {"shift": math.inf, "scale": 1.0, "power": 0.5}},
    ],
)
def test_impossible_lines_are_refused(change):
    with pytest.raises(InputError):
        from_json(Calibration, {**dataclasses.asdict(FITTED), **change})
    assert from_json(Calibration, dataclasses.asdict(FITTED)) == FITTED
    earlier = {name: value for name, value in dataclasses.asdict(FITTED).items() if name != "by_frequency"}
    assert from_json(Calibration, earlier) == dataclasses.replace(FITTED, by_frequency=None)
