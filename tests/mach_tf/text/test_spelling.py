from __future__ import annotations

import pytest

from mach_tf.text.spelling import Spelling, read_term, spell_characters, spell_words
from mach_tf.text_spec import TextField, TextSpec

SPEC = TextSpec((TextField("body"), TextField("a: b", apart=True), TextField("a", apart=True)))


@pytest.mark.parametrize(
    ("words", "field", "term"),
    [
        (["cat"], 0, "cat"),
        (["the", "u\u0308ber"], 0, "the über"),
        (["x"], 1, "a: b: x"),
        (["b", "x"], 2, "a: b x"),
    ],
)
def test_words_are_spelled_and_read(words, field, term):
    assert spell_words(words, SPEC, field) == term
    text = term.rpartition(": ")[2]
    assert read_term(term, SPEC) == Spelling(text, field if SPEC.fields[field].apart else -1)


@pytest.mark.parametrize(
    ("word", "first", "length", "term"),
    [
        ("cat", 0, 3, Spelling("ca", -1, True, True, False)),
        ("cat", 1, 3, Spelling("cat", -1, True, False, False)),
        ("cat", 2, 3, Spelling("at", -1, True, False, True)),
        ("cat", 0, 5, Spelling("cat", -1, True, True, True)),
        ("a", 0, 5, Spelling("a", -1, True, True, True)),
        ("cat", 0, 1, Spelling("", -1, True, True, False)),
        ("cat", 4, 1, Spelling("", -1, True, False, True)),
        ("u\u0308b", 1, 2, Spelling("ü", -1, True, False, False)),
        # Together they would be composed to another character.
        ("\u0338a", 0, 2, Spelling("\u0338", -1, True, True, False)),
    ],
)
def test_characters_are_spelled_and_read(word, first, length, term):
    spelled = spell_characters(word, first, length, SPEC, 0)
    assert spelled == "~" + "<" * term.begin + term.text + ">" * term.end
    assert read_term(spelled, SPEC) == term
    apart = spell_characters(word, first, length, SPEC, 1)
    assert apart == "a: b: " + spelled and read_term(apart, SPEC) == term._replace(field=1)
