from __future__ import annotations

import importlib
import json

import numpy as np
import pytest

from mach_tf.errors import InputError
from mach_tf.network import Network
from mach_tf.serving.exporting import export
from tests.helpers import programs


@pytest.fixture
def directories(trained, dataset):
    return [f"--model_dir={trained}", f"--dataset_dir={dataset}", "--split=valid"]


def test_a_servable_answers_as_the_library_does_ties_included(directories, capsys):
    # Labels in the same bucket of the only repetition are tied.
    programs.run("benchmarks.servable_answers", *directories, "--repetitions=1", "--batch_size=7")
    result = json.loads(capsys.readouterr().out.splitlines()[-1])
    assert result["other_labels"] == 0 and result["largest_difference"] == 0 and result["ties"] > 0


def test_another_servable_is_refused(directories, trained, tmp_path):
    path = export(Network.load(trained, 1), tmp_path / "tiny" / "1").path
    with pytest.raises(InputError, match="must be those of the library"):
        programs.run("benchmarks.servable_answers", *directories, f"--servable={path}")


def test_differences_and_ties_are_counted():
    programs.forget_flags()
    module = importlib.import_module("benchmarks.servable_answers")
    labels, scores = np.array([[3, 1, 2]]), np.array([[0.5, 0.25, 0.25]])
    found = module.compared(labels, scores, np.array([[3, 2, 1]]), scores + 1e-3)
    assert found["other_labels"] == 2 and found["ties"] == 1
    assert found["largest_difference"] == pytest.approx(1e-3)
    assert found["ratios"] == {"same labels/labels": pytest.approx(1 / 3), "equal scores/scores": 0}
