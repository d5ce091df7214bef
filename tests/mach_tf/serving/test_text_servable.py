"""Texts through the servable, against the library's vectorizer, predictions and explanations."""

from __future__ import annotations

import numpy as np
import pytest
import tensorflow as tf

from mach_tf.ensemble import Ensemble
from mach_tf.serving.stored_ranker import StoredRanker
from mach_tf.serving.text_servable import TextServable
from mach_tf.text.vectorizer import TextVectorizer
from mach_tf.text.vocabulary import Vocabulary
from mach_tf.text_spec import TextField, TextSpec
from tests.mach_tf.serving.test_servable import arrays, ranked_model, stored

WORDS = ["cat", "dog", "the", "sat", "ran", "café", "ıx", "½"]
TEXTS = [
    ["The cat sat. The dog ran!", "the CAT"],
    ["nothing known here", ""],
    ["", "dog dog dog cat"],
    ["<script>cat</script> Cafe\u0301 \u0000 ran", "sat the dog ½ cat"],
    ["", ""],
]
SPECS = {
    "one field": TextSpec((TextField("title"),), word_ngrams=(1, 2)),
    "two fields": TextSpec((TextField("title", 2.0), TextField("body", 0.5)), word_ngrams=(1, 3)),
    "kept apart": TextSpec((TextField("title", apart=True), TextField("body")), char_ngrams=(2, 3)),
}


def vocabulary(spec, size):
    """Terms of the texts above, filled up with words that they lack."""
    words = ["cat", "the", "dog", "the cat", "cat sat", "ran", "dog dog", "café", "cafe\u0301 ran"][:8]
    if spec.char_ngrams[1]:
        words += ["~<c", "~at", "~og>", "~th"]
    if spec.fields[0].apart:
        words += ["title: cat", "title: the dog"]
    words += [f"word{i}" for i in range(size - len(words))]
    return Vocabulary(spec, words, np.arange(size, 0, -1), documents=size)


@pytest.fixture(scope="module")
def model(evaluated):
    return Ensemble.load(evaluated.model_dir)


@pytest.fixture(scope="module", params=list(SPECS))
def texts(request, model):
    """The vectorizer, the texts as a servable takes them, and its signatures."""
    spec = SPECS[request.param]
    vectorizer = TextVectorizer(vocabulary(spec, model.manifest.features))
    names = [str(label) for label in range(model.labels)]
    servable = TextServable(vectorizer, *stored(model), "logit_mean", names, vectorizer.vocabulary.terms)
    rows = [row[: len(spec.fields)] for row in TEXTS]
    given = tf.constant(rows if len(spec.fields) > 1 else [row[0] for row in rows])
    return vectorizer, rows, given, servable.signatures()


def test_texts_are_ranked_as_the_library_ranks_their_features(model, texts):
    vectorizer, rows, given, signatures = texts
    features = vectorizer.points(rows).features(model.manifest.features)
    expected = model.top_k(features, 4, scores="logit")
    for name in ("text", "explain_text"):
        found = signatures[name](given, tf.constant(4))
        np.testing.assert_array_equal(found["labels"], expected.labels)
        np.testing.assert_array_equal(found["scores"], expected.scores)
        np.testing.assert_array_equal(found["known_terms"], np.diff(features.indptr))
    assert found["known_terms"][4] == 0


def test_words_share_the_attributions_of_their_terms(model, texts):
    vectorizer, rows, given, signatures = texts
    found = {name: each.numpy() for name, each in signatures["explain_text"](given, tf.constant(2)).items()}
    raw = vectorizer.points(rows)
    expected = model.explain(raw.features(model.manifest.features), labels=found["labels"]).toarray()
    located = vectorizer.occurrences(rows)
    spec = vectorizer.vocabulary.spec
    weights = np.array([field.weight for field in spec.fields])[located.field]
    for point in range(len(rows)):
        words = np.flatnonzero(located.words.row == point)
        own = np.flatnonzero(located.row == point)
        for rank in range(2):
            by_word = np.zeros(len(located.words))
            attributions = expected[2 * point + rank]
            for occurrence in own:
                same = own[located.feature_id[own] == located.feature_id[occurrence]]
                span = slice(located.first_word[occurrence], located.last_word[occurrence] + 1)
                share = weights[occurrence] / weights[same].sum() / (span.stop - span.start)
                by_word[span] += attributions[located.feature_id[occurrence]] * share
            shown = found["word_attributions"][point, rank]
            np.testing.assert_allclose(shown[: len(words)], by_word[words], rtol=1e-5, atol=1e-6)
            assert not shown[len(words) :].any()
            np.testing.assert_allclose(shown.sum(), attributions.sum(), rtol=1e-4, atol=1e-5)
        for name, expected_part in (
            ("words", [located.words.text[word].encode() for word in words]),
            ("word_fields", located.words.field[words].tolist()),
            ("word_begins", located.words.begin[words].tolist()),
            ("word_ends", located.words.end[words].tolist()),
        ):
            assert found[name][point, : len(words)].tolist() == expected_part
        assert (found["word_begins"][point, len(words) :] == -1).all()


def test_texts_are_ranked_and_explained_with_the_ranker(evaluated):
    model = ranked_model(evaluated.model_dir)
    vectorizer = TextVectorizer(vocabulary(SPECS["two fields"], model.manifest.features))
    names = [str(label) for label in range(model.labels)]
    servable = TextServable(vectorizer, *stored(model), "logit_mean", names, ranker=StoredRanker(model.ranker))
    features = vectorizer.points(TEXTS).features(model.manifest.features)
    expected = model.top_k(features, 4, scores="logit")
    found = tf.function(servable.explain_text)(tf.constant(TEXTS), tf.constant(4))
    # It was given no line, and the model is not calibrated with this ranker.
    np.testing.assert_allclose(found["probabilities"], model.top_k(features, 4).scores, rtol=1e-5)
    np.testing.assert_array_equal(found["labels"], expected.labels)
    np.testing.assert_array_equal(found["scores"], expected.scores)
    totals = found["baseline_scores"] + tf.reduce_sum(found["word_attributions"], 2)
    np.testing.assert_allclose(totals, found["scores"], rtol=1e-5, atol=1e-4)


def test_terms_have_names(texts):
    vectorizer, _, given, signatures = texts
    found = signatures["explain_text"](given, tf.constant(1))
    names = {name.decode() for name in found["feature_names"].numpy()[0, 0]} - {""}
    assert names <= set(vectorizer.vocabulary.terms)
    assert any("cat" in name for name in names)


def test_no_texts_have_no_answers(texts):
    _, _, given, signatures = texts
    found = signatures["explain_text"](given[:0], tf.constant(3))
    assert found["labels"].shape == (0, 3)
    assert found["word_attributions"].shape[0] == 0


@pytest.mark.parametrize("texts", ["two fields"], indirect=True)
def test_texts_are_attacked_as_their_features_are(model, texts):
    vectorizer, rows, given, signatures = texts
    raw = vectorizer.points(rows)
    attack = {"epsilon": tf.fill([len(rows)], 0.05), "true_labels": tf.fill([len(rows), 1], tf.constant(-1, tf.int64))}
    found = signatures["attack_text"](given, tf.constant(4), **attack)
    expected = signatures["attack"](**arrays(raw, 4), **attack)
    assert set(found) == {*expected, "known_terms"}
    for name, each in expected.items():
        np.testing.assert_array_equal(found[name], each)
