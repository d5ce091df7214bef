from __future__ import annotations

import time

import pytest

from mach_tf.training.waiting import SharedError, Stopped, Waiting


@pytest.fixture
def clock(monkeypatch):
    now = [100.0]
    monkeypatch.setattr(time, "monotonic", lambda: now[0])
    return now


def test_it_says_who_is_missing_every_ten_seconds(clock):
    said = []
    waiting = Waiting(["a:1", "b:1", "c:1"], 60, lambda: False, lambda text: said.append((clock[0], text)))
    waiting.start(["b:1", "c:1"])
    while clock[0] < 124:
        waiting.tick()
        clock[0] += 0.25
        if clock[0] == 115:
            waiting.missing.remove("b:1")
    both, one = "waiting for b:1, c:1 (1 of 3 are here)", "waiting for c:1 (2 of 3 are here)"
    assert said == [(102.25, both), (112.5, both), (122.75, one)]


def test_the_time_counts_from_the_start(clock):
    waiting = Waiting(["a:1", "b:1"], 60, lambda: False, lambda _: None)
    for _ in range(3):
        clock[0] += 59
        waiting.start(["b:1"])
        clock[0] += 59
        waiting.tick()
    waiting.trouble = "b:1: Name or service not known"
    clock[0] += 2
    with pytest.raises(SharedError) as raised:
        waiting.tick()
    assert str(raised.value) == (
        "All workers must be there within worker_timeout=60 seconds, but b:1 did not come (1 of 2 are here; b:1: Name or service "
        "not known). Start all workers, check that each can reach a:1, or raise worker_timeout."
    )


def test_many_are_counted_and_not_named(clock):
    said = []
    waiting = Waiting([f"a:{i}" for i in range(9)], 60, lambda: False, said.append)
    waiting.start([f"a:{i}" for i in range(1, 9)])
    clock[0] += 3
    waiting.tick()
    assert said == ["waiting for a:1, a:2, a:3, a:4, a:5 and 3 more (1 of 9 are here)"]


def test_a_stop_ends_it():
    with pytest.raises(Stopped):
        Waiting(["a:1", "b:1"], 60, lambda: True, pytest.fail).tick()
