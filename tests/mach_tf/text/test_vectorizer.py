from __future__ import annotations

import concurrent.futures
import pathlib
import subprocess
import sys

import numpy as np
import pytest
import tensorflow as tf
from sklearn.feature_extraction.text import TfidfVectorizer

from mach_tf.text.vectorizer import TextVectorizer
from mach_tf.text.vocabulary import Vocabulary
from mach_tf.text_spec import TextField, TextSpec

# Text in which both agree on what a word is.
DOCUMENTS = [
    "the cat sat on the mat and the dog sat on the cat",
    "a dog and a cat",
    "",
    "cats and dogs; dogs, cats!",
    "The DOG of the house",
    "unknown0 words1 only2",
]


@pytest.mark.parametrize(
    ("word_ngrams", "char_ngrams"),
    [((1, 1), (0, 0)), ((1, 3), (0, 0)), ((0, 0), (3, 5)), ((0, 0), (5, 6))],
)
def test_features_are_those_of_scikit_learn_where_its_definitions_are_the_same(word_ngrams, char_ngrams):
    words = word_ngrams[1] > 0
    oracle = TfidfVectorizer(
        analyzer="word" if words else "char_wb",
        ngram_range=word_ngrams if words else char_ngrams,
        token_pattern=r"\w+" if words else None,
        sublinear_tf=True,
    )
    texts = DOCUMENTS if words else ["".join(c if c.isalnum() else " " for c in text) for text in DOCUMENTS]
    oracle.fit(texts[:-1])
    expected = oracle.transform(texts)
    terms = list(oracle.get_feature_names_out())
    frequencies = np.round((1 + len(texts) - 1) / np.exp(oracle.idf_ - 1) - 1).astype(np.int64)
    if not words:
        # scikit-learn marks both ends of a word by a space; a short word may stand within two.
        terms = ["~" + _marked(term, char_ngrams[0]) for term in terms]
    spec = TextSpec((TextField("text"),), word_ngrams, char_ngrams)
    points = TextVectorizer(Vocabulary(spec, terms, frequencies, len(texts) - 1)).points([[text] for text in texts])
    np.testing.assert_allclose(points.features(len(terms)).toarray(), expected.toarray(), atol=1e-6)


def _marked(term: str, shortest: int) -> str:
    begin, end = term.startswith(" "), term.endswith(" ")
    return "<" * begin + term.strip() + ">" * end


VOCABULARY = Vocabulary(
    TextSpec((TextField("title", 2.0, apart=True), TextField("text")), (1, 2), (2, 4)),
    ["the", "cat", "the cat", "über", "title: cat", "~<ca", "~ber>", "~ü", "title: ~at>"],
    np.array([9, 5, 3, 3, 2, 2, 2, 1, 1]),
    10,
)
TEXTS = [["The Cat", "über the cat\0 U\u0308BER the the"], ["", ""], ["cat cat", "½ 👩\u200d💻 \u0301cat"]]


def test_threads_that_share_a_vectorizer_get_what_one_gets():
    vectorizer = TextVectorizer(VOCABULARY)
    texts = TEXTS * 50
    expected = vectorizer.points(texts)
    with concurrent.futures.ThreadPoolExecutor(4) as pool:
        for found in pool.map(vectorizer.points, [texts] * 16):
            np.testing.assert_array_equal(found.feature_ids, expected.feature_ids)
            np.testing.assert_array_equal(found.feature_values, expected.feature_values)


def test_a_vocabulary_without_terms_finds_none():
    spec = VOCABULARY.spec
    vectorizer = TextVectorizer(Vocabulary(spec, [], np.zeros(0, np.int64), 10))
    assert list(vectorizer.points(TEXTS).row_splits) == [0, 0, 0, 0]
    assert len(vectorizer.occurrences(TEXTS)) == 0


class _Served(tf.Module):
    def __init__(self):
        super().__init__()
        self.vectorizer = TextVectorizer(VOCABULARY)

    @tf.function(input_signature=[tf.TensorSpec([None, 2], tf.string)])
    def serve(self, texts):
        return dict(zip(("row_splits", "feature_ids", "feature_values"), self.vectorizer(texts)))


_SERVING = """
import sys
import numpy as np, tensorflow as tf
served = tf.saved_model.load(sys.argv[1])
found = served.serve(tf.constant(eval(sys.argv[2])))
np.savez(sys.argv[3], **{name: value.numpy() for name, value in found.items()})
assert "mach_tf" not in sys.modules
"""


@pytest.fixture(scope="module")
def saved(tmp_path_factory):
    directory = tmp_path_factory.mktemp("saved")
    served = _Served()
    tf.saved_model.save(served, str(directory / "model"))
    return directory, served.vectorizer.points(TEXTS)


def test_a_saved_model_gives_the_same_bits_where_only_tensorflow_is_imported(saved):
    directory, expected = saved
    output = directory / "found.npz"
    subprocess.run(
        [sys.executable, "-c", _SERVING, str(directory / "model"), repr(TEXTS), str(output)],
        check=True,
        cwd=directory,
        capture_output=True,
    )
    with np.load(output) as found:
        for name in ("row_splits", "feature_ids", "feature_values"):
            np.testing.assert_array_equal(found[name], getattr(expected, name))
    assert pathlib.Path(directory / "model" / "saved_model.pb").stat().st_size < 5_000_000
