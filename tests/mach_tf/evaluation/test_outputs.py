"""The files of an evaluation, written from a report alone."""

from __future__ import annotations

import json

import numpy as np
import pytest

from mach_tf.evaluation import outputs
from mach_tf.metrics import bootstrap, calibration
from mach_tf.metrics.ranking_metrics import PerPoint

REPORT = {
    "estimators": {"mean": {"P@1": 50.0}},
    "loss": {"clean": 0.5, "adversarial": None},
    "repetition_curve": [{"repetitions": 1, "metrics": {"P@1": 40.0}}, {"repetitions": 2, "metrics": {"P@1": 50.0}}],
}


def write(directory, report):
    curve = calibration.reliability(np.array([0.2, 0.8]), np.array([False, True]))
    return outputs.write(
        str(directory), report, {"P@1": PerPoint(np.array([1.0, 0]), np.ones(2))}, {"mean": curve}, [1]
    )


def test_every_file_is_there_and_named(tmp_path):
    paths = write(tmp_path / "new", REPORT)
    assert [path.rsplit("/", 1)[1] for path in paths] == [
        "metrics.json",
        "calibration.png",
        "repetitions.png",
        "tensorboard",
    ]
    assert json.loads((tmp_path / "new" / "metrics.json").read_text()) == REPORT
    assert bootstrap.read_points(str(tmp_path / "new" / "per_point.npz"))["P@1"].percent == 50


def test_without_a_curve_there_is_no_plot_of_it(tmp_path):
    paths = write(tmp_path, {**REPORT, "repetition_curve": []})
    assert not any("repetitions" in path for path in paths) and not (tmp_path / "repetitions.png").exists()


def test_logs_that_cannot_be_written_are_warned_of_once_and_the_rest_is_there(tmp_path):
    (tmp_path / "tensorboard").touch()
    with pytest.warns(UserWarning) as said:
        write(tmp_path, {**REPORT, "estimators": {"mean": {"P@1": 50.0}, "min": {"P@1": 40.0}}})
    # Older versions of matplotlib's own dependencies warn as well.
    ours = [warning for warning in said if not issubclass(warning.category, DeprecationWarning)]
    assert [str(warning.message).partition(" (")[0] for warning in ours] == [
        f"TensorBoard logs cannot be written to {tmp_path / 'tensorboard'}"
    ]
    assert json.loads((tmp_path / "metrics.json").read_text())["loss"] == REPORT["loss"]
