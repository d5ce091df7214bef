"""The files of the robustness of several models, and the names that models go by in them."""

import json

import pytest

from mach_tf.attacks.attack_report import ReportOptions
from mach_tf.attacks.gradient_attacks import Attack
from mach_tf.evaluation import robustness_outputs
from mach_tf.evaluation.attack_evaluation import evaluate_attacks
from mach_tf.evaluation.model_robustness import Robustness
from tests.helpers.tiny_ensemble import make_ensemble, make_points


@pytest.mark.parametrize(
    ("names", "expected"),
    [
        (["a/clean", "a/adversarial/"], ["clean", "adversarial"]),
        (["a/bibtex", "b/bibtex"], ["a_bibtex", "b_bibtex"]),
    ],
)
def test_models_go_by_short_names_that_tell_them_apart(tmp_path, names, expected):
    points = make_points(make_ensemble())
    reports = {
        name: Robustness(
            tuple(evaluate_attacks(make_ensemble(), points, [Attack()], [0.1], ReportOptions(), "mean")), (1, 3, 5)
        )
        for name in names
    }
    paths = robustness_outputs.write(str(tmp_path / "out"), reports, {"points": 30})
    assert all((tmp_path / "out" / "tensorboard" / name).is_dir() for name in expected)
    with open(paths[0]) as file:
        content = json.load(file)
    assert content["points"] == 30
    assert [model["model_dir"] for model in content["models"]] == names
    assert paths == robustness_outputs.paths(str(tmp_path / "out"))


def test_logs_that_cannot_be_written_are_warned_of_and_the_rest_is_there(tmp_path):
    points, model = make_points(make_ensemble()), make_ensemble()
    entries = tuple(evaluate_attacks(model, points, [Attack()], [0.1], ReportOptions(), "mean"))
    (tmp_path / "tensorboard").touch()
    with pytest.warns(UserWarning, match="TensorBoard logs cannot be written to .*evaluation goes on without them"):
        paths = robustness_outputs.write(str(tmp_path), {"a": Robustness(entries, (1, 3, 5))}, {})
    assert all((tmp_path / name).stat().st_size for name in ("robustness.json", "robustness.png"))
    assert paths == robustness_outputs.paths(str(tmp_path))
