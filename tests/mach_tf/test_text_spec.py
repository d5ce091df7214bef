from __future__ import annotations

import dataclasses
import json

import numpy as np
import pytest

from mach_tf.errors import InputError
from mach_tf.record_layout import RecordLayout
from mach_tf.text_spec import TextField, TextSpec, VocabularySpec
from mach_tf.typed_json import from_json

SPEC = TextSpec((TextField("title", 2, True), TextField("content")), word_ngrams=(1, 3), char_ngrams=(3, 5))


def test_a_spec_survives_json():
    vocabulary = VocabularySpec(SPEC, 7, "0" * 64)
    assert from_json(VocabularySpec, json.loads(json.dumps(dataclasses.asdict(vocabulary)))) == vocabulary


def test_equal_settings_are_equal_whatever_their_types():
    fields = [TextField("title", np.float32(2), np.True_), TextField("content", 1)]
    assert TextSpec(fields, word_ngrams=[1, np.int64(3)], char_ngrams=[3, 5]) == SPEC
    assert SPEC.field_names == ("title", "content")


@pytest.mark.parametrize(
    ("change", "rule"),
    [
        ({"fields": ()}, "text_fields must name one field or more"),
        ({"fields": (TextField("a"), TextField("a"))}, "text_fields must name one field or more, each once"),
        ({"word_ngrams": (2, 1)}, "word_ngrams must be two numbers"),
        ({"word_ngrams": (0, 2)}, "word_ngrams must be two numbers"),
        ({"word_ngrams": (1, 6)}, "word_ngrams must be two numbers, .* from 1 to 5"),
        ({"char_ngrams": (1, 11)}, "char_ngrams must be two numbers"),
        ({"char_ngrams": 3}, "char_ngrams must be two numbers"),
        ({"word_ngrams": (0, 0), "char_ngrams": (0, 0)}, "must not both be"),
        ({"min_document_frequency": 0}, "min_document_frequency"),
        ({"max_document_fraction": 1.5}, "max_document_fraction"),
        ({"max_vocabulary": 0}, "max_vocabulary"),
        ({"unicode_version": "3.0.0"}, "unicode_version must be"),
    ],
)
def test_impossible_settings_are_refused(change, rule):
    with pytest.raises(InputError, match=rule):
        dataclasses.replace(SPEC, **change)


@pytest.mark.parametrize(
    "arguments", [("",), ("a\nb",), ("a", 0), ("a", -1.0), ("a", np.nan), ("a", 1e7), ("a", 1, 2), (3,)]
)
def test_impossible_fields_are_refused(arguments):
    with pytest.raises(InputError):
        TextField(*arguments)


def test_a_vocabulary_needs_the_hash_of_its_frequencies():
    with pytest.raises(InputError, match="must be a SHA-256"):
        VocabularySpec(SPEC, 7, "")


@pytest.mark.parametrize("name", ["word_ngrams", "char_ngrams"])
@pytest.mark.parametrize("value", [3, (3,), [3]])
def test_one_number_for_ngrams_is_told_how_to_write_it(name, value):
    with pytest.raises(InputError, match=rf"{name} must be two numbers.*\(got 3 alone\)\. Give 3,3 for n-grams of one"):
        TextSpec((TextField("a"),), **{name: value})


def test_the_layout_does_not_change_the_content():
    vocabulary = VocabularySpec(SPEC, 7, "0" * 64)
    layout = RecordLayout("csv", (), ("tags",), ";")
    assert dataclasses.replace(vocabulary, layout=layout).content == vocabulary.content
    # As earlier versions had it, which fingerprints of datasets are of.
    assert vocabulary.content == dataclasses.astuple(vocabulary)[:3]
