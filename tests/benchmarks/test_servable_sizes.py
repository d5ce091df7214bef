from __future__ import annotations

import importlib
import json
import types

import numpy as np
import pytest

from mach_tf.errors import InputError
from tests.helpers import programs


def test_forms_are_measured_through_their_servables(trained, dataset, capsys):
    directories = [f"--model_dir={trained}", f"--dataset_dir={dataset}"]
    programs.run(
        "benchmarks.servable_sizes",
        *directories,
        "--split=valid",
        "--forms=float32,vq:0.5,int8:0:0.99",
        "--batch_size=7",
    )
    lines = capsys.readouterr().out.splitlines()
    result = json.loads(lines[-1])
    first, second, third = result["forms"]
    assert [each["form"] for each in result["forms"]] == list(result["ratios"]) == ["float32", "vq:0.5", "int8:0:0.99"]
    assert first["P@5 lost"] == 0 and second["milliseconds"] > 0
    assert third["P@5"] != first["P@5"]
    assert second["P@1"] == pytest.approx(first["P@1"] - second["P@1 lost"], abs=0.002)
    assert lines[0].startswith("| form ") and lines[3].startswith("| vq:0.5 ")


def test_a_dataset_of_hashed_features_is_refused(evaluated):
    with pytest.raises(InputError, match="must hold raw features"):
        programs.run(
            "benchmarks.servable_sizes", f"--model_dir={evaluated.model_dir}", f"--dataset_dir={evaluated.dataset_dir}"
        )


@pytest.mark.parametrize("form", ["int8:", "int8:much", "int8:0.25:", "int8:0.25:0.5:0.75"])
def test_forms_that_say_nothing_clear_are_refused(trained, dataset, form):
    with pytest.raises(InputError, match=f"--forms must hold WEIGHTS, .*got '{form}'"):
        programs.run(
            "benchmarks.servable_sizes",
            f"--model_dir={trained}",
            f"--dataset_dir={dataset}",
            "--split=valid",
            f"--forms=float32,{form}",
        )


def test_precisions_are_those_of_the_labels():
    programs.forget_flags()
    module = importlib.import_module("benchmarks.servable_sizes")
    points = types.SimpleNamespace(label_ids=np.array([3, 4, 9]), label_splits=np.array([0, 2, 3]))
    found = module.precisions(np.array([[3, 1, 4, 0, 2], [1, 2, 3, 4, 5]]), points)
    np.testing.assert_allclose(found, [[1, 2 / 3, 0.4], [0, 0, 0]])
