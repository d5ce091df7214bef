from __future__ import annotations

import json
import random

import pytest

from mach_tf.errors import InputError
from mach_tf.training import cluster
from mach_tf.training.cluster import Worker


def read(monkeypatch, config):
    monkeypatch.setenv("TF_CONFIG", config if isinstance(config, str) else json.dumps(config))
    return cluster.read()


def of(workers, task=None):
    return {"cluster": {"worker": workers}, "task": {"type": "worker", "index": 0} if task is None else task}


def test_the_chief_comes_first(monkeypatch):
    config = {
        "cluster": {"worker": ["b:1", "[::1]:2"], "chief": ["a.b-c:65535"]},
        "task": {"type": "worker", "index": 1},
    }
    found = read(monkeypatch, config)
    assert found.workers == (
        Worker("chief 0", "a.b-c", 65535, "a.b-c:65535"),
        Worker("worker 0", "b", 1, "b:1"),
        Worker("worker 1", "::1", 2, "[::1]:2"),
    )
    assert found.position == 2 and found.own is found.workers[2] and found.chief is found.workers[0]


@pytest.mark.parametrize(
    ("config", "chief"),
    [
        ('{"cluster": {"worker": ["a:1"]}, "task": {"type": "worker", "index": 0}}', True),
        ('{"cluster": {"worker": ["a:1", "b:1"]}, "task": {"type": "worker", "index": 0}}', True),
        (
            '{"cluster": {"worker": ["a:1", "b:1"]}, "task": {"type": "worker", "index": "0"}, "rpc_layer": "grpc"}',
            True,
        ),
        ('{"cluster": {"worker": ["a:1", "b:1"]}, "task": {"type": "worker", "index": 1}}', False),
        ('{"cluster": {"chief": ["a:1"], "worker": ["b:1"]}, "task": {"type": "chief", "index": 0}}', True),
        ('{"cluster": {"chief": ["a:1"], "worker": ["b:1"]}, "task": {"type": "worker", "index": 0}}', False),
    ],
)
def test_one_of_several_workers_writes(monkeypatch, config, chief):
    monkeypatch.setenv("TF_CONFIG", config)
    assert cluster.is_chief("multiworker") == chief


@pytest.mark.parametrize("name", ["mirrored", "one_device"])
@pytest.mark.parametrize("config", ['{"task": {"type": "worker", "index": 1}}', "{bad"])
def test_who_trains_alone_writes_whatever_the_cluster_says(monkeypatch, name, config):
    monkeypatch.setenv("TF_CONFIG", config)
    assert cluster.is_chief(name)


TWO = ["a:1", "b:1"]


@pytest.mark.parametrize(
    ("config", "rule"),
    [
        ("", "must name the processes that train together (got nothing)"),
        (" \n", "must name the processes that train together (got nothing)"),
        ("{bad", "must be valid JSON"),
        ("[" * 100_000, "must be valid JSON"),
        ("9" * 5000, "must be valid JSON"),
        ("null", "must name the processes"),
        ([], "must name the processes"),
        ({}, "must name the processes"),
        ({"task": {"type": "worker", "index": 0}}, "must name the processes"),
        ({**of(TWO), "cluster": TWO}, "must name the processes"),
        ({**of(TWO), "cluster": {}}, "must name the processes"),
        ({"cluster": {"worker": TWO, "ps": ["c:1"]}, "task": {"type": "ps", "index": 0}}, "chief and worker alone"),
        (
            {"cluster": {"worker": TWO, "evaluator": ["c:1"]}, "task": {"type": "worker", "index": 0}},
            "chief and worker alone",
        ),
        (
            {"cluster": {"worker": TWO, "chief": ["c:1", "d:1"]}, "task": {"type": "worker", "index": 0}},
            "one chief at most",
        ),
        (of("a:1"), "a list of HOST:PORT"),
        (of([]), "a list of HOST:PORT"),
        (of({"0": "a:1"}), "a list of HOST:PORT"),
        *[
            (of(["b:1", address]), "must name worker 1 as HOST:PORT")
            for address in (
                "a",
                ":1",
                "a:",
                "a:0",
                "a:65536",
                "a:-1",
                "a:1x",
                "a:1:2",
                "grpc://a:1",
                "a b:1",
                "a:1 ",
                None,
                5,
            )
        ],
        (of(["a:1", "a:1"]), "a HOST:PORT of its own"),
        (of(["a:1", "a:01"]), "a HOST:PORT of its own"),
        ({"cluster": {"worker": TWO}}, 'in "task" which type and index'),
        (of(TWO, {"type": "worker"}), 'in "task" which type and index'),
        (of(TWO, ["worker", 0]), 'in "task" which type and index'),
        *[
            (of(TWO, {"type": kind, "index": index}), 'a process that "cluster" names')
            for kind, index in (
                ("chief", 0),
                ("worker", 2),
                ("worker", -1),
                ("worker", None),
                ("worker", 0.5),
                ("worker", True),
                (None, 0),
                ([], {}),
            )
        ],
    ],
)
def test_a_malformed_tf_config_is_refused_with_its_rule(monkeypatch, config, rule):
    with pytest.raises(InputError) as raised:
        read(monkeypatch, config)
    message = str(raised.value)
    assert (
        message.startswith("TF_CONFIG must ") and rule in message and "TF_CONFIG='{" in message and len(message) < 600
    )


def test_it_must_be_set(monkeypatch):
    monkeypatch.delenv("TF_CONFIG", raising=False)
    with pytest.raises(InputError, match=r"^TF_CONFIG must name the processes that train together \(got nothing\)"):
        cluster.is_chief("multiworker")


def test_whatever_it_holds_it_is_read_or_refused(monkeypatch):
    """A JSON value replaced somewhere by another, 2,000 times."""
    values = [
        None,
        True,
        0,
        -1,
        1.5,
        10**30,
        "",
        "a:1",
        "worker",
        [],
        {},
        ["a:1"],
        {"worker": ["a:1"]},
        "\x00",
        "\ud800",
    ]

    def replaced(value, draw):
        if isinstance(value, (dict, list)) and value and draw.random() < 0.8:
            key = draw.choice(list(value) if isinstance(value, dict) else range(len(value)))
            items = dict(value) if isinstance(value, dict) else list(value)
            items[key] = replaced(value[key], draw)
            return items
        return draw.choice(values)

    refused = 0
    for seed in range(2000):
        config = replaced(
            {"cluster": {"chief": ["a:1"], "worker": TWO[1:]}, "task": {"type": "worker", "index": 0}},
            random.Random(seed),
        )
        try:
            assert 0 <= read(monkeypatch, json.dumps(config)).position < 3
        except InputError:
            refused += 1
    assert refused > 1000
