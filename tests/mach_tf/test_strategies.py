from __future__ import annotations

import pytest

from mach_tf import strategies


@pytest.mark.parametrize(("name", "replicas"), [("mirrored", 2), ("one_device", 1)])
def test_replicas(name, replicas):
    """The tests run with two virtual CPU devices."""
    strategy = strategies.create(name)
    assert strategy.num_replicas_in_sync == strategies.local_replicas(strategy) == replicas


@pytest.mark.parametrize(
    ("config", "chief"),
    [
        (None, True),
        ("{}", True),
        ('{"task": {"type": "worker", "index": 0}}', True),
        ('{"task": {"type": "worker", "index": 1}}', False),
        ('{"cluster": {"chief": ["a:1"], "worker": ["b:1"]}, "task": {"type": "chief", "index": 0}}', True),
        ('{"cluster": {"chief": ["a:1"], "worker": ["b:1"]}, "task": {"type": "worker", "index": 0}}', False),
    ],
)
def test_one_of_several_workers_writes(monkeypatch, config, chief):
    monkeypatch.delenv("TF_CONFIG", raising=False)
    if config is not None:
        monkeypatch.setenv("TF_CONFIG", config)
    assert strategies.is_chief("multiworker") == chief


@pytest.mark.parametrize("name", ["mirrored", "one_device"])
def test_who_trains_alone_writes_whatever_the_cluster_says(monkeypatch, name):
    monkeypatch.setenv("TF_CONFIG", '{"task": {"type": "worker", "index": 1}}')
    assert strategies.is_chief(name)
