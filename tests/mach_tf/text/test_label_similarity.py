"""Cosines of texts and label names, against scikit-learn's and a hand-computed case."""

from __future__ import annotations

import numpy as np
import pytest
import scipy.sparse
from sklearn.metrics.pairwise import cosine_similarity

from mach_tf.decoding import added_scores
from mach_tf.errors import InputError
from mach_tf.hashing import FeatureSpec
from mach_tf.text.label_similarity import LabelSimilarity, NameScore
from mach_tf.text.vectorizer import TextVectorizer
from mach_tf.text.vocabulary import Vocabulary
from mach_tf.text_spec import TextField, TextSpec

TERMS = ["light", "wave", "energy", "light wave", "matter", "title: light"]
NAMES = ["Light", "Wave energy", "unknown", "", "MATTER, light wave", "light light light"]
TEXTS = [["Light", "wave of matter"], ["", ""], ["Energy", "energy wave light wave"], ["nothing", "known"]]


def vectorizer(apart=False, terms=TERMS):
    fields = TextField("title", 2.0, apart), TextField("content")
    return TextVectorizer(Vocabulary(TextSpec(fields), terms, list(range(len(terms) + 2, 2, -1)), documents=20))


@pytest.mark.parametrize(
    "features", [FeatureSpec(0), FeatureSpec(0, norm="none"), FeatureSpec(4), FeatureSpec(4, 3, True)]
)
@pytest.mark.parametrize("apart", [False, True])
def test_cosines_are_those_of_the_models_input(features, apart):
    texts = vectorizer(apart, TERMS if apart else TERMS[:5])
    columns = features.columns(len(texts.vocabulary))

    def model_input(rows):
        return features.apply(texts.points(rows)).features(columns)

    similarity = LabelSimilarity.of(texts, features, NAMES)
    x = model_input(TEXTS)
    expected = cosine_similarity(x, model_input([[name, name] for name in NAMES]))
    np.testing.assert_allclose(similarity.cosines(x).toarray(), np.maximum(expected, 0), atol=1e-6)
    assert similarity.cosines(x).min() >= 0 and similarity.named == 4


@pytest.mark.parametrize("entries", [0, 3, 1 << 20])
def test_parts_are_the_whole_and_bounded(monkeypatch, entries):
    monkeypatch.setattr(added_scores, "_ENTRIES", entries)
    texts = vectorizer(terms=TERMS[:5])
    score = NameScore(LabelSimilarity.of(texts, FeatureSpec(0), NAMES), 3.0)
    x = texts.points(TEXTS * 3).features(5)
    parts = list(added_scores.parts([score], x))
    assert [row for some, _ in parts for row in range(some.start, some.stop)] == list(range(12))
    cosines = score.similarity.cosines(x)
    np.testing.assert_allclose(scipy.sparse.vstack([added for _, added in parts]).toarray(), 3 * cosines.toarray())
    assert (np.diff(cosines.indptr) <= score.similarity.most_entries(x)).all()
    assert all(added.nnz <= entries or some.stop == some.start + 1 for some, added in parts)
    assert list(added_scores.parts([score], x[:0])) == []


def test_by_hand():
    """A text of one word, whose name has it beside another: the cosine is that word's share of the name's length."""
    texts = vectorizer(terms=TERMS[:3])
    idf = texts.vocabulary.idf.astype(np.float64)
    x = texts.points([["wave", ""]]).features(3)
    found = LabelSimilarity.of(texts, FeatureSpec(0), ["Wave energy"]).cosines(x)
    # Both words occur once in each field, with the weights 2 and 1.
    assert found[0, 0] == pytest.approx(idf[1] / np.hypot(idf[1], idf[2]), rel=1e-6)


def test_a_key_is_no_name():
    """Where some labels have names, a label that shows its key has none; where none has keys, all are names."""
    texts, x = vectorizer(), scipy.sparse.identity(6, format="csr", dtype=np.float32)
    names, keys = ["light", "wave", "energy"], ["light", "k1", "k2"]
    assert LabelSimilarity.of(texts, FeatureSpec(0), names, keys).cosines(x).toarray().any(axis=0).tolist() == [0, 1, 1]
    assert LabelSimilarity.of(texts, FeatureSpec(0), names).cosines(x).toarray().any(axis=0).all()


def test_names_of_other_words_are_refused():
    with pytest.raises(InputError, match=r"must have words of the vocabulary .* \(none of 2 has one\)"):
        LabelSimilarity.of(vectorizer(), FeatureSpec(0), ["x", "y"])
