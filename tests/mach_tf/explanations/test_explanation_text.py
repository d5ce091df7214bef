"""Explanations as text: a heading, the words with their numbers, a table; nothing of a text moves the cursor or reorders a line."""

from __future__ import annotations

import numpy as np
import pytest
import scipy.sparse

from mach_tf.explanations.explanation import Explanation, Explanations, FeatureAttribution
from mach_tf.explanations.explanation_text import ExplainedRow, attributions_table, words_text
from mach_tf.explanations.words.word_attributions import word_attributions
from tests.mach_tf.explanations.words.sample import explained_text

HOSTILE = "\u202egpj.\x1b[31m"


def _words():
    return word_attributions(
        explained_text("light wave", occurrences=[(0, 0, 0), (1, 1, 1)]), np.array([0, 1]), np.array([2.0, -1.0])
    )


def test_a_label_and_its_words():
    lines = words_text("tea", 3.0, 0.5, _words()).split("\n")
    assert lines[0] == "tea: score 3, baseline 0.5" and lines[1] == "light[+2] wave[-1]"


def test_names_are_shown_without_control_characters():
    shown = words_text(HOSTILE, 3.0, 0.5, _words()) + attributions_table(
        [ExplainedRow(0, HOSTILE, 1.0, None, [(HOSTILE, 1.0)])]
    )
    assert shown.count("<U+202E>gpj.␛[31m") == 3 and "\u202e" not in shown and "\x1b" not in shown


@pytest.mark.parametrize(("gap", "columns"), [(None, 4), (0.25, 5)])
def test_the_gap_is_a_column_where_it_is_known(gap, columns):
    header = attributions_table([ExplainedRow(3, "7", 1.0, gap, [("a", 1.0)] * 9)]).split("\n")[0]
    assert len(header.split("  ")) >= columns and ("gap" in header) == (gap is not None)


def _explanations(rows: int, texts: bool) -> Explanations:
    matrix = Explanations(scipy.sparse.csr_matrix(np.tile([[1.0, -2.0]], (rows, 1))))
    matrix.points, matrix.labels = np.arange(rows), np.zeros(rows, np.int64)
    matrix.scores, matrix.baseline_scores = np.full(rows, 3.0), np.zeros(rows)
    matrix.feature_names, matrix.label_names = ["light", "wave"], ["tea"]
    if texts:
        matrix.texts = [explained_text("light wave", occurrences=[(0, 0, 0), (1, 1, 1)])] * rows
    return matrix


def test_print_shows_words_and_labels():
    shown = str(_explanations(2, texts=True))
    assert shown.count("tea: score 3, baseline 0\nlight[+1] wave[-2]\n") == 2
    assert "wave -2.00, light +1.00" in shown and "more" not in shown


def test_print_of_many_says_how_many_more():
    shown = str(_explanations(20, texts=False))
    assert shown.endswith("\nand 8 more") and "tea: score" not in shown and shown.count("wave -2.00, light +1.00") == 12


def test_a_derived_matrix_prints_as_scipy_does():
    matrix = _explanations(2, texts=True)
    assert str(matrix[1:]) == str(scipy.sparse.csr_matrix(matrix[1:])) and "tea" not in str(matrix[1:])


def test_one_explanation_prints_its_words():
    features = [FeatureAttribution(1, "wave", 1.0, -2.0, False, 1)]
    one = Explanation(0, 0, "tea", 3.0, 0.0, 0.0, features)
    assert "wave -2.00" in str(one) and "tea: score" not in str(one)
    one = Explanation(0, 0, "tea", 3.0, 0.0, 0.0, features, _words())
    assert str(one).startswith("tea: score 3, baseline 0\nlight[+2] wave[-1]\n\n")
