"""The comparisons of a GPU with the CPU: each check computes something, twice the same, and a difference is found."""

from __future__ import annotations

import numpy as np
import pytest

from benchmarks import gpu_checks
from benchmarks.settings import TINY


@pytest.mark.parametrize("name", gpu_checks.CHECKS)
def test_a_check_agrees_with_itself(name, monkeypatch):
    monkeypatch.setattr(gpu_checks, "_LABELS", 30)
    one, two = (gpu_checks.CHECKS[name](TINY) for _ in range(2))
    assert max(gpu_checks.difference(one, two).values()) < 1e-6
    assert all(np.abs(array).sum() > 0 for array in one.values())


def test_what_a_check_expects_of_itself(monkeypatch):
    monkeypatch.setattr(gpu_checks, "_LABELS", 30)
    assert gpu_checks.decode(TINY)["share_exact"] == 1
    np.testing.assert_allclose(gpu_checks.export(TINY)["loaded_minus_trained"], 1, atol=1e-6)
    losses = gpu_checks.clean_steps(TINY)["clean_loss"]
    assert losses[-1].sum() < losses[0].sum()


def test_differences():
    expected = {"a": np.array([3.0, 4.0]), "b": np.zeros(2)}
    assert gpu_checks.difference({"a": np.array([3.0, 4.5]), "b": np.zeros(2)}, expected) == {"a": 0.1, "b": 0}
    assert gpu_checks.difference({"a": np.array([3.0, np.nan]), "b": np.zeros(2)}, expected)["a"] == np.inf
    assert gpu_checks.difference({"a": np.array([3.0]), "b": np.zeros(2)}, expected)["a"] == np.inf
    assert gpu_checks.difference({"a": np.zeros(2)}, expected) == {"b": np.inf}
