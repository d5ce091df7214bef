from __future__ import annotations

import pytest

from mach_tf import strategies


@pytest.mark.parametrize(("name", "replicas"), [("mirrored", 2), ("one_device", 1)])
def test_replicas(name, replicas):
    """The tests run with two virtual CPU devices."""
    assert strategies.create(name).num_replicas_in_sync == replicas


@pytest.mark.parametrize(
    ("config", "chief"),
    [
        (None, True),
        ("{}", True),
        ('{"task": {"type": "worker", "index": 0}}', True),
        ('{"task": {"type": "worker", "index": 1}}', False),
    ],
)
def test_one_process_writes(monkeypatch, config, chief):
    monkeypatch.delenv("TF_CONFIG", raising=False)
    if config is not None:
        monkeypatch.setenv("TF_CONFIG", config)
    assert strategies.is_chief() == chief
