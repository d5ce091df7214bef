"""The decoding benchmark at a small size: its baselines are exact, and it reports every ratio."""

from __future__ import annotations

import json

import numpy as np
import pytest

from mach_tf import estimators
from tests.helpers import programs


def test_it_reports_every_case(tmp_path, capsys):
    path = tmp_path / "decode.json"
    programs.run(
        "benchmarks.decode", "--labels=20000", "--repetitions=4", "--buckets=200", "--points=3", "--numpy_points=1",
        "--rounds=1", f"--output={path}",
    )  # fmt: skip
    report = json.loads(path.read_text())
    last = json.loads(capsys.readouterr().out.splitlines()[-1])
    assert last == {name: value for name, value in report.items() if name != "cases"}
    assert set(last["ratios"]) == {"b/c", "flat b/c", "logit_mean b/c", "flat logit_mean b/c"}
    assert {(case["sketches"], case["estimator"]) for case in report["cases"]} == {
        (kind, estimator) for kind in ("trained-like", "flat") for estimator in ("mean", "logit_mean")
    }
    for case in report["cases"]:
        assert case["b/c"] > 0 and set(case["milliseconds per point"]) == {"a", "b", "c", "approximate"}


@pytest.mark.parametrize("repetitions", [1, 5])
def test_the_baselines_are_exact(repetitions):
    from benchmarks import decode

    generator = np.random.default_rng(0)
    table = generator.integers(0, 30, (repetitions, 500)).astype(np.int32)
    scores = generator.random((4, repetitions, 30), np.float32)
    every = estimators.label_scores(scores, table, np.tile(np.arange(500), (4, 1)), "mean")
    values = -np.sort(-every, axis=1)[:, :3]
    labels = np.zeros((4, 3), np.int32)
    places = np.ascontiguousarray((table + np.arange(repetitions, dtype=np.int32)[:, None] * 30).T)
    decode.compiled_top_k(scores.reshape(4, -1), places, labels)
    np.testing.assert_array_equal(labels, np.argsort(-every, axis=1, kind="stable")[:, :3])
    found = decode.numpy_top_k(scores, table, 3)
    np.testing.assert_allclose(np.take_along_axis(every, found, 1), values, rtol=1e-5)


def test_trained_like_sketches_have_few_high_buckets():
    from benchmarks import decode

    generator = np.random.default_rng(0)
    table = generator.integers(0, 1000, (3, 5000)).astype(np.int32)
    logits = decode.trained_like(table, 1000, 50, generator)
    high = (logits > -2).sum(axis=2)
    assert 1 < high.mean() < 8 and np.median(logits) == pytest.approx(-7.8, abs=0.1)
