from __future__ import annotations

import io
import sys

import pytest

from mach_tf import progress_bars
from mach_tf.progress_bars import Bar, each


class Terminal(io.StringIO):
    def isatty(self):
        return True


class Broken(io.StringIO):
    def write(self, _):
        raise BrokenPipeError(32, "Broken pipe")


@pytest.fixture
def clock(monkeypatch):
    """Seconds that pass only when a test says so."""
    now = [1000.0]
    for clock in ("time.time", "tqdm.std.time"):
        monkeypatch.setattr(clock, lambda: now[0])
    return now


def lines(monkeypatch, stream=None):
    stream = stream or io.StringIO()
    monkeypatch.setattr(sys, "stderr", stream)
    return stream


def test_a_terminal_shows_a_bar_that_is_redrawn(monkeypatch):
    stream = lines(monkeypatch, Terminal())
    with Bar("predict", 4, "point") as bar:
        bar.note("fast")
        bar.update(3)
        bar.update()
    assert "\rpredict: 100%" in stream.getvalue() and "4/4" in stream.getvalue() and "fast" in stream.getvalue()
    assert stream.getvalue().count("\n") == 1
    assert bar.count == 4


def test_a_file_gets_one_line_per_minute(monkeypatch, clock):
    stream = lines(monkeypatch)
    with Bar("predict", 1000, "point") as bar:
        for _ in range(1000):  # in 250 seconds
            clock[0] += 0.25
            bar.update()
    written = stream.getvalue().splitlines()
    assert [line.split("%")[0] for line in written] == [f"predict:  {n}" for n in (24, 48, 72, 96)] + ["predict: 100"]
    assert "\r" not in stream.getvalue()


def test_a_file_gets_nothing_of_work_that_takes_seconds(monkeypatch, clock):
    stream = lines(monkeypatch)
    with Bar("predict", 10, "point") as bar:
        clock[0] += 30
        bar.update(10)
    assert stream.getvalue() == ""


@pytest.mark.parametrize("stream", [None, Broken(), io.StringIO()], ids=["none", "broken", "closed"])
def test_a_stderr_that_cannot_be_written_is_no_error(monkeypatch, clock, stream):
    if type(stream) is io.StringIO:
        stream.close()
    monkeypatch.setattr(sys, "stderr", stream)
    with Bar("predict", 10, "point") as bar:
        for _ in range(10):
            clock[0] += 100
            bar.update()
    assert bar.count == 10


def test_a_pipe_that_breaks_under_a_bar_ends_the_bar_alone(monkeypatch):
    stream = lines(monkeypatch, Terminal())
    with Bar("predict", 10, "point") as bar:
        monkeypatch.setattr(stream, "write", Broken().write)
        monkeypatch.setattr(progress_bars, "_SECONDS_PER_DRAWING", 0)
        bar.update(10)


def test_items_are_counted(monkeypatch):
    stream = lines(monkeypatch, Terminal())
    assert list(each([1, 2, 3], "parse", "file")) == [1, 2, 3]
    assert list(each(iter("ab"), "parse", "file", 2)) == ["a", "b"]
    assert "3/3" in stream.getvalue() and "2/2" in stream.getvalue()


def test_a_bar_that_is_not_shown_writes_nothing(monkeypatch):
    stream = lines(monkeypatch, Terminal())
    with Bar("predict", 1, "point", shown=False) as bar:
        bar.update()
        bar.note("quick")
    assert stream.getvalue() == ""
