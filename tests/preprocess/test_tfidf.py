from __future__ import annotations

import numpy as np
import pytest
from sklearn.feature_extraction import text

from preprocess import tfidf

WORDS = [f"w{i}" for i in range(30)]


def _documents(count, seed):
    generator = np.random.default_rng(seed)
    weights = 1.0 / np.arange(1, len(WORDS) + 1)
    return [list(generator.choice(WORDS, size, p=weights / weights.sum())) for size in generator.integers(1, 40, count)]


def _counts(documents):
    return [{word: document.count(word) for word in document} for document in documents]


@pytest.mark.parametrize("seed", range(3))
def test_tf_idf_is_that_of_scikit_learn(seed):
    train, test = _documents(50, seed), _documents(20, 100 + seed)
    names = tfidf.shared_names(train, min_documents=2)
    oracle = text.TfidfVectorizer(analyzer=list, sublinear_tf=True, min_df=2).fit(train)
    assert names == sorted(oracle.get_feature_names_out())
    columns = np.argsort(oracle.get_feature_names_out())

    frequencies = tfidf.document_frequencies(tfidf.count_matrix(_counts(train), names))
    for documents in (train, test):
        ours = tfidf.tf_idf(tfidf.count_matrix(_counts(documents), names), frequencies, len(train))
        np.testing.assert_allclose(ours.toarray(), oracle.transform(documents).toarray()[:, columns], rtol=1e-12)


def test_rows_without_known_names_stay_empty_wherever_they_are():
    documents = [{"x": 1}, {"a": 2, "b": 1}, {"x": 1}, {"b": 5}, {"x": 3}]
    result = tfidf.tf_idf(tfidf.count_matrix(documents, ["a", "b"]), np.array([1, 2]), 5)
    np.testing.assert_allclose(np.linalg.norm(result.toarray(), axis=1), [0, 1, 0, 1, 0])
    assert result.has_sorted_indices


@pytest.mark.parametrize(("min_documents", "expected"), [(1, ["a", "b", "c"]), (2, ["a", "b"]), (3, ["b"])])
def test_shared_names_counts_documents_not_occurrences(min_documents, expected):
    assert tfidf.shared_names([["b", "a"], ["b", "c", "c", "c"], ["a", "b"]], min_documents) == expected
