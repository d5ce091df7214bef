"""The pieces are the text, until it is too long; then their note says what is missing."""

from __future__ import annotations

import numpy as np
import pytest

from mach_tf.explanations.words.displayed_text import Piece, displayed_fields, hidden_note, strengths
from tests.mach_tf.explanations.words.sample import explained_text, random_text


def test_pieces_are_words_and_what_stands_between():
    (title, empty) = displayed_fields(explained_text("(Über 漢字)", ""), 100)
    assert title.pieces == [Piece("(", None), Piece("Über", 0), Piece(" ", None), Piece("漢字", 1), Piece(")", None)]
    assert empty.pieces == [] and hidden_note(title, np.zeros(2)) == ""


def test_together_they_are_the_text():
    generator = np.random.default_rng(1)
    for _ in range(20):
        text = random_text(generator)
        for field, content in zip(displayed_fields(text, 10**6), text.texts):
            assert "".join(piece.text for piece in field.pieces) == content.decode()
            assert len(field.hidden_words) == field.hidden_characters == 0


def test_a_long_text_is_cut_and_the_note_adds_up():
    text = explained_text("ab " * 1000)
    values = np.arange(1000.0)
    (field,) = displayed_fields(text, 30)
    assert len(field.pieces) == 20 and field.hidden_words == range(10, 1000) and field.hidden_characters == 2970
    assert hidden_note(field, values) == "[… 2,970 more characters, whose 990 words have +4.99e+05 …]"


@pytest.mark.parametrize("text", ["x" * 1_000_000, " " * 1_000_000, "a" + "-" * 1_000_000 + "b"])
def test_a_megabyte_without_a_break_is_shortened(text):
    (field,) = displayed_fields(explained_text(text), 1000)
    assert sum(len(piece.text) for piece in field.pieces) < 600
    assert field.hidden_characters == 0 and any("characters …]" in piece.text for piece in field.pieces)


def test_control_characters_are_shown_by_signs():
    (field,) = displayed_fields(explained_text("a\x1b[31m b\0"), 100)
    assert "".join(piece.text for piece in field.pieces) == "a␛[31m b␀"


def test_strengths_are_parts_of_the_largest():
    assert strengths(np.array([2.0, -4.0, 0.01, 0.0])).tolist() == [0.5, 1.0, 0.0, 0.0]
    assert strengths(np.zeros(2)).tolist() == [0, 0] and strengths(np.zeros(0)).shape == (0,)
