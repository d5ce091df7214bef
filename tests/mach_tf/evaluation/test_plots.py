"""Figures hold the curves they were given, and become PNG files and pixels."""

import numpy as np
import pytest
from matplotlib.figure import Figure

from mach_tf.evaluation import plots
from mach_tf.metrics import calibration
from tests.helpers.attack_entries import attack_entry


def entry(attack, epsilon, value):
    return attack_entry(attack, epsilon, {"P@1": value, "P@3": value - 10}, success_rate=5.0)


MODELS = {
    "clean": [entry("fgsm", 0.1, 40.0), entry("fgsm", 0.0, 60.0), entry("pgd", 0.1, 30.0)],
    "adversarial": [entry("fgsm", 0.0, 59.0), entry("fgsm", 0.1, 50.0)],
}


def lines_of(panel):
    return {line.get_label(): (list(line.get_xdata()), list(line.get_ydata())) for line in panel.lines}


def test_robustness_curves():
    figure = plots.robustness_figure(MODELS, ["P@1", "P@3", "success_rate"])
    first, second, third, hidden = figure.axes
    assert lines_of(first) == {
        "clean, fgsm": ([0.0, 0.1], [60.0, 40.0]),
        "clean, pgd": ([0.1], [30.0]),
        "adversarial, fgsm": ([0.0, 0.1], [59.0, 50.0]),
    }
    assert lines_of(second)["clean, fgsm"] == ([0.0, 0.1], [50.0, 30.0])
    assert lines_of(third)["clean, pgd"] == ([0.1], [5.0])
    assert not hidden.get_visible()
    assert figure._repr_png_().startswith(b"\x89PNG")  # what a notebook shows
    colors = {line.get_label(): line.get_color() for line in first.lines}
    assert colors["clean, fgsm"] == colors["clean, pgd"] != colors["adversarial, fgsm"]


def test_words_have_panels_of_their_own():
    words = [entry("drop_words", 0, 60.0), entry("drop_words", 5, 30.0)]
    above, _, below, _ = plots.robustness_figure({"clean": [*MODELS["clean"], *words]}, ["P@1", "P@3"]).axes
    assert set(lines_of(above)) == {"fgsm", "pgd"} and above.get_xlabel() == "epsilon"
    assert lines_of(below) == {"drop_words": ([0, 5], [60.0, 30.0])} and below.get_xlabel() == "changed words"


def test_one_model_is_named_by_its_attacks_alone():
    (panel,) = plots.robustness_figure({"clean": MODELS["clean"]}, ["P@1"]).axes
    assert set(lines_of(panel)) == {"fgsm", "pgd"}


def test_calibration_curve_leaves_empty_bins_out():
    curve = calibration.reliability(np.array([0.05, 0.15, 0.95]), np.array([False, True, True]), bins=10)
    top, bottom = plots.calibration_figure({"mean": curve}).axes
    (line,) = (line for line in top.lines if line.get_label().startswith("mean"))
    np.testing.assert_allclose(line.get_xdata(), [0.05, 0.15, 0.95])
    assert list(line.get_ydata()) == [0, 1, 1]
    assert f"{curve.expected_error:.3f}" in line.get_label()
    (stairs,) = bottom.patches
    assert stairs.get_data().values.tolist() == curve.counts.tolist()


def test_curves_over_repetitions():
    (panel,) = plots.curves_figure([1, 2, 4], {"P@1": [50, 55, 58]}, "repetitions", "P@k (%)").axes
    assert lines_of(panel) == {"P@1": ([1, 2, 4], [50, 55, 58])}
    assert (panel.get_xlabel(), panel.get_ylabel(), panel.get_xscale()) == ("repetitions", "P@k (%)", "log")


@pytest.mark.parametrize("width", [2, 3])
def test_pixels(width):
    figure = Figure(figsize=(width, 1))
    figure.subplots().plot([0, 1])
    image = plots.pixels(figure)
    assert (image.shape, image.dtype) == ((1, 110, 110 * width, 4), np.uint8)
    assert len(np.unique(image)) > 1
