"""Shares of words: hand-computed, against a loop, and the sum that is preserved."""

from __future__ import annotations

import math
from fractions import Fraction

import numpy as np
import pytest

from mach_tf.explanations.words.word_attributions import word_attributions
from tests.mach_tf.explanations.words.sample import explained_text, random_text


def _by_hand(text, ids, attributions):
    """The formula of the docstring in exact fractions: values and rest."""
    values, rest = [Fraction(0)] * len(text), Fraction(0)
    for feature, attribution in zip(ids, attributions):
        found = [o for o in range(len(text.feature_ids)) if text.feature_ids[o] == feature]
        weights = [Fraction(text.field_weights[text.word_fields[text.first_words[o]]]) for o in found]
        if not found:
            rest += Fraction(attribution)
        for occurrence, weight in zip(found, weights):
            first, last = int(text.first_words[occurrence]), int(text.last_words[occurrence])
            for word in range(first, last + 1):
                values[word] += Fraction(attribution) * weight / sum(weights) / (last - first + 1)
    return values, rest


def test_an_ngram_is_shared_among_its_words_and_occurrences():
    # Feature 5 is "a b", twice; feature 7 is "c"; feature 9 does not occur.
    text = explained_text("a b c a b", occurrences=[(5, 0, 1), (7, 2, 2), (5, 3, 4)])
    found = word_attributions(text, np.array([9, 5, 7]), np.array([0.25, 4.0, -3.0]))
    assert found.values.tolist() == [1, 1, -3, 1, 1] and found.rest == 0.25


def test_a_field_of_twice_the_weight_gets_twice_the_part():
    text = explained_text("a", "a", weights=[2.0, 1.0], occurrences=[(0, 0, 0), (0, 1, 1)])
    assert word_attributions(text, np.array([0]), np.array([3.0])).values.tolist() == [2, 1]


def test_as_the_formula_says_and_the_sum_is_preserved():
    generator = np.random.default_rng(0)
    for _ in range(200):
        text = random_text(generator, occurrences=int(generator.integers(0, 40)))
        ids = generator.permutation(12)[: generator.integers(0, 12)]
        attributions = generator.normal(size=len(ids)) * 10.0 ** generator.integers(-6, 6)
        found = word_attributions(text, ids, attributions)
        values, rest = _by_hand(text, ids, attributions)
        size = np.abs(attributions).sum()
        np.testing.assert_allclose(found.values, [float(v) for v in values], rtol=0, atol=1e-14 * size)
        assert found.rest == pytest.approx(float(rest), rel=0, abs=1e-14 * size)
        total = math.fsum([*found.values, found.rest])
        assert total == pytest.approx(math.fsum(attributions), rel=0, abs=1e-13 * size)


def test_sums_of_halves_are_exact():
    text = explained_text("a b c d", occurrences=[(0, 0, 1), (0, 2, 3), (1, 1, 2), (2, 3, 3)])
    found = word_attributions(text, np.array([0, 1, 2, 3]), np.array([8.0, -4.0, 0.5, 16.0]))
    assert found.values.sum() + found.rest == 20.5


@pytest.mark.parametrize("texts", [("",), ("a b",), ("", "")])
def test_what_no_term_covers_is_the_rest(texts):
    found = word_attributions(explained_text(*texts), np.array([3, -1]), np.array([1.0, 2.0]))
    assert found.rest == 3.0 and not found.values.any() and found.to_json() == []


def test_features_without_a_raw_id_are_the_rest():
    text = explained_text("a", occurrences=[(0, 0, 0)])
    found = word_attributions(text, np.array([-1, 0, -1]), np.array([1.0, 2.0, 4.0]))
    assert found.values.tolist() == [2] and found.rest == 5


def test_a_field_without_weight_gets_nothing():
    text = explained_text("a", "a b", weights=[1.0, 0.0], occurrences=[(0, 0, 0), (0, 1, 1), (1, 2, 2)])
    found = word_attributions(text, np.array([0, 1]), np.array([2.0, 0.5]))
    assert found.values.tolist() == [2, 0, 0] and found.rest == 0.5


def test_json_has_the_words_of_terms_with_byte_offsets():
    text = explained_text("é b, c", names=["title"], occurrences=[(0, 0, 1)])
    assert word_attributions(text, np.array([0]), np.array([1.0])).to_json() == [
        {"field": "title", "begin": 0, "end": 2, "word": "é", "attribution": 0.5},
        {"field": "title", "begin": 3, "end": 4, "word": "b", "attribution": 0.5},
    ]
