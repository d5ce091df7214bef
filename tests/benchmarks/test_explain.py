"""The benchmark on a small network: all three methods agree, so that they are compared at the same task."""

from __future__ import annotations

import json

import numpy as np
import pytest

from tests.helpers import programs

_SMALL = (
    "--features=300",
    "--hidden_units=64",
    "--buckets=20",
    "--repetitions=3",
    "--point_features=12",
    "--runs=2",
)


@pytest.mark.parametrize("estimator", ["mean", "logit_mean"])
def test_all_methods_measure_the_same(tmp_path, estimator, monkeypatch, capsys):
    from mach_tf.explanations.integrated_gradients.paths import PathIntegrals

    seen = []
    gaps = PathIntegrals.completeness_gaps
    monkeypatch.setattr(PathIntegrals, "completeness_gaps", lambda self, *a: (seen.append(self), gaps(self, *a))[1])
    programs.run("benchmarks.explain", *_SMALL, "--steps=400", f"--estimator={estimator}", f"--output_dir={tmp_path}")
    result = json.loads((tmp_path / "explain.json").read_text())
    assert json.loads(capsys.readouterr().out.splitlines()[-1]) == result
    assert [(row["method"][0], row["labels"]) for row in result["measurements"]] == [
        (method, labels) for method in "abc" for labels in (1, 5)
    ]
    assert all(row["milliseconds"] > 0 for row in result["measurements"])
    assert set(result["ratios"]) == {"b/a", "c/a"} and min(result["ratios"].values()) > 0
    exact = [row["gap"] for row in result["measurements"][:2]]
    assert max(exact) < 1e-9
    for labels in range(2):
        ours, tape, dense = (seen[labels + 2 * method] for method in range(3))
        for other in (tape, dense):
            np.testing.assert_allclose(other.scores, ours.scores, rtol=1e-4, atol=1e-6)
            np.testing.assert_allclose(other.gradients, ours.gradients, atol=0.02 * abs(ours.gradients).max())


def test_no_flag_is_required(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    programs.run("benchmarks.explain", *_SMALL, "--steps=2")
    assert set(json.loads(capsys.readouterr().out.splitlines()[-1])["ratios"]) == {"b/a", "c/a"}
    assert not list(tmp_path.iterdir())
