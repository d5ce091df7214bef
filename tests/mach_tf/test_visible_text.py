"""No control character is left, and nothing else is changed."""

from __future__ import annotations

import unicodedata

import pytest

from mach_tf.visible_text import shortened, shown_name, visible


def test_no_control_character_of_unicode_is_left():
    everything = "".join(map(chr, range(0x110000)))
    kept = visible(everything)
    left = {c for c in kept if unicodedata.category(c) in ("Cc", "Cs", "Zl", "Zp")}
    assert left == {"\n", "\t"}
    assert not {
        c
        for c in kept
        if unicodedata.bidirectional(c) in ("LRE", "RLE", "LRO", "RLO", "PDF", "LRI", "RLI", "FSI", "PDI")
    }


@pytest.mark.parametrize("text", ["plain", "zwj: 👩\u200d💻", "مرحبا", "a\u0301\u200c", "tab\tline\n", "<script>&amp;"])
def test_what_is_harmless_stays(text):
    assert visible(text) == text


def test_windows_line_ends_are_line_ends():
    assert visible("a\r\nb\rc\0") == "a\nb␍c␀"


@pytest.mark.parametrize("length", [0, 1, 39, 40, 41, 1_000_000])
def test_long_text_keeps_both_ends(length):
    text = "b" + "x" * (length - 2) + "e" if length > 1 else "b" * length
    short = shortened(text, 40)
    assert (short == text) == (length <= 40) and len(short) < 80
    assert short[:1] == text[:1] and short[-1:] == text[-1:]
    if length > 40:
        assert f"{length - 40:,} characters" in short


def test_names_stand_on_one_line():
    assert shown_name("a\nb\tc\x1b") == "a␊b␉c␛" and len(shown_name("n" * 10_000)) < 160
