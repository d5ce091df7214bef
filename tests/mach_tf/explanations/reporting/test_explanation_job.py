"""One run of explanations: which kind it is, and which options have no effect in it."""

from __future__ import annotations

import os

import pytest

from mach_tf.errors import InputError
from mach_tf.explanations.integrated_gradients.attribution import AttributionConfig
from mach_tf.explanations.reporting.driver_run import write_label_drivers
from mach_tf.explanations.reporting.explanation_inputs import open_inputs
from mach_tf.explanations.reporting.explanation_job import ExplanationJob
from mach_tf.explanations.reporting.explanation_run import ExplanationOptions, write_explanations


def job(world, output_dir, **options):
    return ExplanationJob(world.dataset, world.model, str(output_dir), world.text, **options)


def test_points_are_explained(world, tmp_path):
    config = AttributionConfig("mean")
    options = {"points": "1,4", "labels": "true", "attribution": config, "baseline": "mean", "features_shown": 2}
    written = job(world, tmp_path / "job", epsilon=0.0, **options).run()
    inputs = open_inputs(world.dataset, world.model, world.text)
    expected = write_explanations(inputs, ExplanationOptions(epsilon=0.0, **options), str(tmp_path / "direct"))
    assert written.first == expected.first and written.count == expected.count
    for ours, theirs in ((written.lines_file, expected.lines_file), (written.report_file, expected.report_file)):
        with open(ours, "rb") as one, open(theirs, "rb") as other:
            assert one.read() == other.read()
    assert written.summary().splitlines()[-2:] == [
        f"{written.count} explanations in {written.lines_file}",
        f"to read them, open {written.report_file}",
    ]


def test_all_labels_are_their_drivers(world, tmp_path):
    drivers = job(world, tmp_path / "job", labels="all", top_features=1).run()
    inputs = open_inputs(world.dataset, world.model, world.text)
    expected = write_label_drivers(inputs, AttributionConfig(), str(tmp_path / "direct"), 1)
    assert drivers.to_json() == expected.to_json() and drivers.summary() == str(expected)
    assert (tmp_path / "job" / "global.tsv").read_text() == (tmp_path / "direct" / "global.tsv").read_text()


@pytest.mark.parametrize(
    "option",
    [{"points": "0-9"}, {"baseline": "zero"}, {"epsilon": 0.0}, {"features_shown": 12}, {"supporting_points": 3}],
    ids=str,
)
def test_what_has_no_effect_with_all_labels_is_refused(option):
    (name,) = option
    with pytest.raises(InputError, match=f"^labels=all covers all points .*: {name} means nothing there"):
        ExplanationJob("data", "model", "out", labels="all", **option)


def test_options_are_checked_before_anything_is_opened():
    with pytest.raises(InputError, match=r"^epsilon must be a finite number"):
        ExplanationJob("data", "model", "out", epsilon=-1.0)
    assert not os.path.exists("out")
