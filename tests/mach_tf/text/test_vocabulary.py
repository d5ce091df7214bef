from __future__ import annotations

import dataclasses

import numpy as np
import pytest

from mach_tf.errors import InputError
from mach_tf.manifest import DOCUMENT_FREQUENCIES_FILE, FEATURE_NAMES_FILE
from mach_tf.text.vocabulary import Vocabulary
from mach_tf.text_spec import TextField, TextSpec

SPEC = TextSpec((TextField("text"),))
VOCABULARY = Vocabulary(SPEC, ["the", "ünder", "~<un", "𝔸 字"], np.array([9, 4, 4, 1]), 9)


def test_idf_is_that_of_the_formula():
    expected = [1 + np.log(10 / (1 + df)) for df in (9, 4, 4, 1)]
    np.testing.assert_allclose(VOCABULARY.idf, expected, rtol=1e-6)
    assert VOCABULARY.idf.dtype == np.float32 and VOCABULARY.idf[0] == 1


def test_a_vocabulary_is_read_as_written(tmp_path):
    spec = VOCABULARY.write(str(tmp_path))
    found = Vocabulary.read(str(tmp_path), spec, len(VOCABULARY))
    assert (found.spec, found.terms, found.documents) == (SPEC, VOCABULARY.terms, 9)
    np.testing.assert_array_equal(found.document_frequencies, VOCABULARY.document_frequencies)


def test_a_term_may_be_longer_than_a_page(tmp_path):
    vocabulary = Vocabulary(SPEC, ["a" * 3_000_000], np.array([2]), 2)
    assert Vocabulary.read(str(tmp_path), vocabulary.write(str(tmp_path)), 1).terms == vocabulary.terms


def test_damage_is_found(tmp_path):
    spec = VOCABULARY.write(str(tmp_path))
    with pytest.raises(InputError, match="frequencies of 3 terms"):
        Vocabulary.read(str(tmp_path), spec, 3)
    (tmp_path / FEATURE_NAMES_FILE).write_text("one\n")
    with pytest.raises(InputError, match="4 terms, one per line"):
        Vocabulary.read(str(tmp_path), spec, 4)
    path = tmp_path / DOCUMENT_FREQUENCIES_FILE
    path.write_bytes(path.read_bytes()[:-1] + b"\1")
    with pytest.raises(InputError, match="is not the file that the manifest"):
        Vocabulary.read(str(tmp_path), spec, 4)
    path.unlink()
    with pytest.raises(InputError, match="is missing"):
        Vocabulary.read(str(tmp_path), spec, 4)


@pytest.mark.parametrize(("frequencies", "documents"), [([1, 2], 9), ([1, 2, 3, 0], 9), ([9, 8, 7, 6], 8)])
def test_impossible_frequencies_are_refused(tmp_path, frequencies, documents):
    with pytest.raises(InputError):
        Vocabulary(SPEC, VOCABULARY.terms, np.array(frequencies), documents)
    if len(frequencies) == 4:
        spec = dataclasses.replace(VOCABULARY.write(str(tmp_path)), documents=3)
        with pytest.raises(InputError, match="from 1 to 3"):
            Vocabulary.read(str(tmp_path), spec, 4)
