from __future__ import annotations

import numpy as np
import pytest
import tensorflow as tf

from mach_tf.errors import InputError
from mach_tf.text import term_weighting
from tests.helpers import reference_text
from tests.helpers.text_world import SPECS, WORDS, text_world


@pytest.mark.parametrize("spec", SPECS)
def test_features_are_those_of_the_definition(spec):
    world = text_world(spec)
    vocabulary = world.vectorizer.vocabulary
    idf = dict(zip(vocabulary.terms, vocabulary.idf.astype(float)))
    for i, record in enumerate(world.records):
        point = world.points[i : i + 1]
        assert (np.diff(point.feature_ids) > 0).all()
        found = {vocabulary.terms[j]: value for j, value in zip(point.feature_ids, point.feature_values)}
        expected = reference_text.vector(record, spec, idf)
        assert found.keys() == expected.keys()
        np.testing.assert_allclose([found[term] for term in expected], [*expected.values()], rtol=1e-6)


def test_points_do_not_depend_on_the_batches(monkeypatch):
    world = text_world(WORDS)
    monkeypatch.setattr(term_weighting, "_BATCH_RECORDS", 7)
    monkeypatch.setattr(term_weighting, "_BATCH_BYTES", 300)
    found = world.vectorizer.points(np.array(world.records, object))
    for name in ("row_splits", "feature_ids", "feature_values"):
        np.testing.assert_array_equal(getattr(found, name), getattr(world.points, name))


def test_no_records_and_texts_without_terms_are_points_without_features():
    vectorizer = text_world(WORDS).vectorizer
    assert len(vectorizer.points([])) == 0 and len(vectorizer(tf.zeros([0, 1], tf.string))[0]) == 1
    assert list(vectorizer.points([[""], ["qqqqq"], [b"a"], ["\ud800"]]).row_splits) == [0, 0, 0, 1, 1]


@pytest.mark.parametrize(
    ("texts", "rule"),
    [
        ("a", "must be a list of records"),
        (3, "must be a list of records"),
        (["a"], r"a list of 1 text\(s\) per record \(got 'a' in record 0\)"),
        ([["a"], ["a", "b"]], "in record 1"),
        ([["a"], None], "in record 1"),
        ([{"text": "a"}], "in record 0"),
        ([{"a"}], "in record 0"),
        ([["a"], [None]], r"must hold texts \(got None in record 1\)"),
        ([["a"], [7]], "must hold texts"),
    ],
)
def test_what_is_no_list_of_texts_is_refused(texts, rule):
    with pytest.raises(InputError, match=rule):
        text_world(WORDS).vectorizer.points(texts)
