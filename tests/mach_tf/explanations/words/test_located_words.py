"""Words and occurrences of real texts, and attributions of their points that add up."""

from __future__ import annotations

import numpy as np
import pytest

from mach_tf.explanations.words.located_words import explained_texts
from mach_tf.explanations.words.word_attributions import word_attributions
from mach_tf.text.vectorizer import TextVectorizer
from mach_tf.text.vocabulary import Vocabulary
from mach_tf.text_spec import TextField, TextSpec

TERMS = ["light", "wave", "light wave", "1", "2", "1 2", "über", "光"]


@pytest.fixture(scope="module")
def vectorizer():
    spec = TextSpec((TextField("title", weight=2.0), TextField("content")))
    return TextVectorizer(Vocabulary(spec, TERMS, list(range(len(TERMS) + 1, 1, -1)), documents=99))


def _terms(text):
    """The terms of a text with the words that each occurrence covers."""
    return sorted(
        (TERMS[feature], " ".join(text.word(i) for i in range(first, last + 1)))
        for feature, first, last in zip(text.feature_ids, text.first_words, text.last_words)
    )


def test_every_record_has_its_words_and_terms(vectorizer):
    rows = [("Light WAVE!", "a light"), ("", ""), ("(Über)", "wave 光 light\nwave")]
    first, empty, last = explained_texts(vectorizer, rows)
    assert [first.word(i) for i in range(len(first))] == ["Light", "WAVE", "a", "light"]
    assert _terms(first) == [("light", "Light"), ("light", "light"), ("light wave", "Light WAVE"), ("wave", "WAVE")]
    assert first.fields == ("title", "content") and first.field_weights == [2.0, 1.0]
    assert len(empty) == 0 and len(empty.feature_ids) == 0 and empty.texts == [b"", b""]
    assert last.word_fields.tolist() == [0, 1, 1, 1, 1] and last.word(0) == "Über" and last.word(2) == "光"
    assert ("light wave", "light wave") in _terms(last) and ("über", "Über") in _terms(last)


def test_words_of_one_character_are_one(vectorizer):
    (text,) = explained_texts(vectorizer, [("½ light", "")])
    assert [text.word(i) for i in range(len(text))] == ["½", "light"]
    assert _terms(text) == [("1", "½"), ("1 2", "½"), ("2", "½"), ("light", "light")]


@pytest.mark.parametrize(
    "text",
    ["\0light\0wave", "\ud800light wave", b"\xfflight \xfewave", "light\u200bwave 😀", "x" * 1_000_000, "½¼ⅷ㎏ﷺ"],
)
def test_no_text_breaks_it(vectorizer, text):
    (found,) = explained_texts(vectorizer, [(text, "light")])
    assert "".join(found.word(i) for i in range(len(found)))
    assert (found.begins < found.ends).all()
    spans = [(f, b) for f, b in zip(found.word_fields, found.begins)]
    assert spans == sorted(set(spans)) and found.words_of(1) == range(len(found) - 1, len(found))


def test_the_attributions_of_points_add_up(vectorizer):
    generator = np.random.default_rng(0)
    pieces = ["light", "wave", "½", "Über", "-", "光", "unknown", "\n"]
    rows = [tuple(" ".join(generator.choice(pieces, 12)) for _ in range(2)) for _ in range(50)]
    points = vectorizer.points(rows)
    for row, text in enumerate(explained_texts(vectorizer, rows)):
        ids = points[row : row + 1].feature_ids
        assert set(ids) == set(text.feature_ids)
        attributions = generator.normal(size=len(ids))
        found = word_attributions(text, ids, attributions)
        assert found.rest == 0.0 and found.values.sum() == pytest.approx(attributions.sum(), abs=1e-12)


def test_texts_of_many_records_are_those_of_each(vectorizer):
    rows = [(f"light {i} wave", "1 2 " * (i % 3)) for i in range(300)]
    together = explained_texts(vectorizer, rows)
    for i in (0, 7, 299):
        (alone,) = explained_texts(vectorizer, [rows[i]])
        for name, value in alone.__dict__.items():
            np.testing.assert_array_equal(getattr(together[i], name), value)


def test_character_ngrams_of_fields_kept_apart():
    spec = TextSpec(
        (TextField("title", apart=True), TextField("content", apart=True)), word_ngrams=(1, 1), char_ngrams=(3, 3)
    )
    terms = ["content: wave", "content: ~<wa", "title: ~ve>", "title: ~<wa", "content: ~光电子"]
    vectorizer = TextVectorizer(Vocabulary(spec, terms, list(range(len(terms) + 1, 1, -1)), documents=99))
    (text,) = explained_texts(vectorizer, [("Waves wave", "wave 光电子学")])
    found = sorted(
        (terms[feature], text.word(first), text.word(last))
        for feature, first, last in zip(text.feature_ids, text.first_words, text.last_words)
    )
    assert found == [
        ("content: wave", "wave", "wave"),
        ("content: ~<wa", "wave", "wave"),
        ("content: ~光电子", "光电子学", "光电子学"),
        ("title: ~<wa", "Waves", "Waves"),
        ("title: ~<wa", "wave", "wave"),
        ("title: ~ve>", "wave", "wave"),
    ]
    ids = vectorizer.points([("Waves wave", "wave 光电子学")]).feature_ids
    shared = word_attributions(text, ids, np.ones(len(ids)))
    assert shared.values.sum() == pytest.approx(5.0) and shared.rest == 0
