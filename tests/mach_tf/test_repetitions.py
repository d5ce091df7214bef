"""Which repetitions are in memory, and when."""

from __future__ import annotations

import pytest

from mach_tf import repetitions
from mach_tf.network_shape import NetworkShape
from mach_tf.repetitions import Repetitions
from mach_tf.saved_repetition import Repetition

SHAPE = NetworkShape(4, 3, 2)


@pytest.fixture
def loads(monkeypatch):
    seen = []
    monkeypatch.setattr(repetitions, "load_repetition", lambda path, *_: seen.append(path) or f"loaded {path}")
    return seen


def test_kept_ones_are_loaded_once(loads):
    every = Repetitions(["a", "b", "c"], SHAPE, keep=True)
    assert loads == []
    assert list(every) == list(every) == ["loaded a", "loaded b", "loaded c"]
    assert loads == ["a", "b", "c"]


def test_others_are_loaded_when_walked_to_and_only_one_is_held(loads):
    every = Repetitions(["a", "b"], SHAPE, keep=False)
    assert [*every, *every] == ["loaded a", "loaded b"] * 2
    assert loads == ["a", "b", "a", "b"]
    assert every[1] == "loaded b" and len(loads) == 4
    assert len(every._loaded) == 1


def test_it_is_a_sequence(loads):
    every = Repetitions(["a", "b", "c"], SHAPE, keep=True)
    assert len(every) == 3 and every[-1] == "loaded c"
    assert list(every[:2]) == ["loaded a", "loaded b"] and every[:2].kept
    with pytest.raises(IndexError):
        every[3]


def test_those_of_a_softmax_say_so(monkeypatch):
    monkeypatch.setattr(repetitions, "load_repetition", lambda *_: Repetition(None))
    every = Repetitions(["a", "b"], SHAPE, True, multiclass=True)
    assert every[0].multiclass and every[1:][0].multiclass
    assert not Repetitions(["a"], SHAPE, True)[0].multiclass
