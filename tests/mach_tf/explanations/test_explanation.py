"""Explanations display themselves, and names stay text."""

from __future__ import annotations

import html.parser

import numpy as np
import pytest
import scipy.sparse

from mach_tf.errors import InputError
from mach_tf.explanations.explanation import Explanation, Explanations, FeatureAttribution
from mach_tf.explanations.words.word_attributions import word_attributions
from tests.mach_tf.explanations.words.sample import explained_text

_HOSTILE = "<script>alert(1)</script>"


class _Reader(html.parser.HTMLParser):
    def __init__(self):
        super().__init__()
        self.tags, self.text = [], []

    def handle_starttag(self, tag, attrs):
        self.tags.append(tag)

    def handle_data(self, data):
        self.text.append(data)


def _read(text):
    reader = _Reader()
    reader.feed(text)
    return reader


def _explanation():
    features = [FeatureAttribution(i, _HOSTILE if i == 0 else None, 1.0, 3.0 - i, False, i) for i in range(14)]
    features.append(FeatureAttribution(None, None, 0.0, -0.001, False, 77))
    return Explanation(4, 2, "a & b", 5.0, 1.0, 0.0, features)


def test_displays_itself_and_escapes_names():
    page = _read(_explanation()._repr_html_())
    assert "script" not in page.tags and page.tags.count("tr") == 12
    text = "".join(page.text)
    assert (
        _HOSTILE in text
        and "a & b, point 4" in text
        and "2 others that raise" in text
        and "3 others that lower" in text
    )


def test_titles_without_names():
    features = _explanation().attributions
    assert (features[0].title, features[1].title, features[-1].title) == (_HOSTILE, "feature 1", "hashed feature 77")
    assert Explanation(0, 9, None, 0.0, 0.0, 0.0, []).title == "label 9"


def test_json_has_the_documented_fields():
    value = _explanation().to_json()
    assert list(value) == [
        "point",
        "label",
        "label_name",
        "score",
        "baseline_score",
        "completeness_gap",
        "attributions",
    ]
    assert value["attributions"][1]["attribution"] == 2.0


def test_a_matrix_of_explanations_is_csr_and_displays_itself():
    matrix = Explanations(scipy.sparse.csr_matrix(np.array([[0.0, 2.0, -1.0], [1.0, 0.0, 0.0]])))
    assert scipy.sparse.issparse(matrix) and (matrix @ np.ones(3)).tolist() == [1.0, 1.0]
    assert "row 1" in matrix._repr_html_()
    matrix.points, matrix.labels = np.array([0, 1]), np.array([5, 6])
    matrix.scores, matrix.baseline_scores = np.array([0.5, 0.25]), np.zeros(2)
    assert "label 6, row 1" in matrix._repr_html_() and "feature 2" in matrix._repr_html_()
    assert matrix[1:].labels is None and "row 0" in matrix[1:]._repr_html_()
    many = Explanations(scipy.sparse.eye(8, format="csr"))
    assert "and 3 more" in many._repr_html_()


def test_a_matrix_displays_names_when_it_knows_them():
    matrix = Explanations(scipy.sparse.csr_matrix(np.array([[0.0, 2.0, -1.0], [1.0, 0.0, 0.0]])))
    matrix.points, matrix.labels = np.array([0, 1]), np.array([1, 0])
    matrix.scores, matrix.baseline_scores = np.array([0.5, 0.25]), np.array([-0.5, -0.75])
    matrix.feature_names, matrix.label_names = ["fur", "barks", _HOSTILE], ["cats", "<i>dogs"]
    page = _read(matrix._repr_html_())
    text = "".join(page.text)
    assert "<i>dogs, row 0" in text and "cats, row 1" in text and "barks" in text and "feature 1" not in text
    assert _HOSTILE in text and not {"script", "i"} & set(page.tags)
    assert "score 0.5, baseline -0.5" in text
    derived = matrix[:1]
    assert derived.feature_names is None and derived.label_names is None and "feature 1" in derived._repr_html_()


def test_an_explanation_of_a_text_shows_its_words():
    text = explained_text("Cats <b>purr", occurrences=[(0, 0, 0), (1, 2, 2)])
    words = word_attributions(text, np.array([0, 1, 2]), np.array([2.0, -1.0, 0.5]))
    explanation = Explanation(0, 1, "cats", 1.5, 0.0, 0.0, [], words)
    value = explanation.to_json()
    assert [(word["word"], word["attribution"]) for word in value["words"]] == [("Cats", 2.0), ("purr", -1.0)]
    assert value["unplaced_attribution"] == 0.5
    page = _read(explanation._repr_html_())
    assert "Cats <b>purr" in "".join(page.text) and "b" not in page.tags[page.tags.index("style") :]


def test_a_matrix_of_explanations_of_texts_shows_their_words():
    matrix = Explanations(scipy.sparse.csr_matrix(np.array([[0.0, 2.0, -1.0], [1.0, 0.0, 0.5]])))
    with pytest.raises(InputError, match="explain_text"):
        matrix.words(0)
    matrix.points, matrix.labels = np.array([1, 0]), np.array([5, 6])
    matrix.scores, matrix.baseline_scores = np.array([1.0, 1.5]), np.zeros(2)
    matrix.texts = [
        explained_text("zero", occurrences=[(0, 0, 0)]),
        explained_text("one two", occurrences=[(1, 0, 0), (2, 0, 1)]),
    ]
    assert matrix.words(0).values.tolist() == [1.5, -0.5] and matrix.words(0).rest == 0.0
    assert matrix.words(1).values.tolist() == [1.0] and matrix.words(1).rest == 0.5
    text = "".join(_read(matrix._repr_html_()).text)
    assert "one two" in text and "zero" in text
    assert "one two" not in matrix[:1]._repr_html_()
