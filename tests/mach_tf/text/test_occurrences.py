from __future__ import annotations

import collections

import pytest

from mach_tf.text.spelling import spell_characters, spell_words
from tests.helpers import reference_text
from tests.helpers.text_world import SPECS, WORDS, text_world


def _spelled(found, occurrence, spec):
    """Returns the term of an occurrence as the vocabulary spells it."""
    field, first, length = (int(part[occurrence]) for part in (found.field, found.first_character, found.length))
    begin, end = found.first_word[occurrence], found.last_word[occurrence] + 1
    if first < 0:
        return spell_words(found.words.text[begin:end], spec, field)
    return spell_characters(found.words.text[begin], first, length, spec, field)


@pytest.mark.parametrize("spec", SPECS)
def test_occurrences_are_those_of_the_definition_and_know_their_words(spec):
    world = text_world(spec)
    terms = world.vectorizer.vocabulary.terms
    found = world.vectorizer.occurrences(world.records)
    counts = [collections.Counter() for _ in world.records]
    for i in range(len(found)):
        term = _spelled(found, i, spec)
        assert terms[found.feature_id[i]] == term
        counts[found.row[i]][term] += spec.fields[found.field[i]].weight
        for word in (found.first_word[i], found.last_word[i]):
            assert (found.words.row[word], found.words.field[word]) == (found.row[i], found.field[i])
    known = set(terms)
    assert counts == [
        {term: count for term, count in reference_text.counts(record, spec).items() if term in known}
        for record in world.records
    ]
    words = found.words
    for i, text in enumerate(words.text):
        own = world.records[words.row[i]][words.field[i]].encode()[words.begin[i] : words.end[i]]
        assert text in reference_text.words(own.decode())


def test_words_that_are_no_terms_are_there_too():
    vectorizer = text_world(WORDS).vectorizer
    found = vectorizer.occurrences([["qqqqq: A"], [""]])
    assert found.words.text == ["qqqqq", "a"] and len(found.words) == 2
    assert list(found.words.begin) == [0, 7] and list(found.words.end) == [5, 8]
    assert list(found.first_word) == list(found.last_word) == [1]
    assert len(vectorizer.occurrences([])) == 0
