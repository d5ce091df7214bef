"""Colours only on a terminal that wants them."""

from __future__ import annotations

import io

import pytest

from mach_tf.programs import terminal_colours


class _Terminal(io.StringIO):
    def isatty(self):
        return True


@pytest.mark.parametrize(
    ("stream", "term", "no_color", "expected"),
    [
        (_Terminal(), "xterm-256color", None, True),
        (_Terminal(), "xterm-256color", "", True),
        (_Terminal(), "xterm-256color", "1", False),
        (_Terminal(), "dumb", None, False),
        (_Terminal(), None, None, False),
        (io.StringIO(), "xterm-256color", None, False),
    ],
)
def test_colours_are_for_terminals(monkeypatch, stream, term, no_color, expected):
    for name, value in (("TERM", term), ("NO_COLOR", no_color)):
        monkeypatch.delenv(name, raising=False)
        if value is not None:
            monkeypatch.setenv(name, value)
    assert terminal_colours.shows_colours(stream) == expected


def test_lines_are_as_wide_as_the_terminal(monkeypatch):
    monkeypatch.setenv("COLUMNS", "60")
    assert terminal_colours.columns(_Terminal()) == 60 and terminal_colours.columns(io.StringIO()) == 100
    monkeypatch.setenv("COLUMNS", "600")
    assert terminal_colours.columns(_Terminal()) == 100
