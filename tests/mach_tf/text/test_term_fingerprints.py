from __future__ import annotations

import numpy as np
import pytest
import tensorflow as tf

from mach_tf.errors import InputError
from mach_tf.text.term_fingerprints import term_fingerprints
from mach_tf.text_spec import TextField, TextSpec
from tests.helpers import reference_text
from tests.helpers.text_world import SPECS, WORDS, text_world


@pytest.mark.parametrize("spec", SPECS)
def test_fingerprints_of_terms_are_those_of_texts(spec):
    world = text_world(spec)
    terms = sorted(set().union(*(reference_text.counts(record, spec) for record in world.records)))
    found = world.tokenizer(tf.constant(world.records)).fingerprints.numpy()
    np.testing.assert_array_equal(np.sort(term_fingerprints(terms, spec)), np.unique(found))


def test_a_vocabulary_may_be_empty():
    assert term_fingerprints([], WORDS).shape == (0,)


@pytest.mark.parametrize(
    ("terms", "rule"),
    [
        (["a", "a b c"], "Term 1 must be a term"),
        (["..."], "Term 0 must be a term"),
        ([""], "Term 0 must be a term"),
        (["~<a"], "Term 0 must be a term"),
        (["ü", "a", "u\u0308"], "Terms must differ"),
    ],
)
def test_what_is_no_term_is_refused(terms, rule):
    with pytest.raises(InputError, match=rule):
        term_fingerprints(terms, WORDS)


@pytest.mark.parametrize("term", ["~ab", "~<abcd", "~<>", "~", "~a b c", "a"])
def test_what_is_no_character_ngram_is_refused(term):
    spec = TextSpec((TextField("text"),), (0, 0), (3, 4))
    assert term_fingerprints(["~abc", "~<a>"], spec).shape == (2,)
    with pytest.raises(InputError, match="Term 0 must be a term"):
        term_fingerprints([term], spec)


def test_terms_of_fields_that_are_all_apart_name_theirs():
    spec = TextSpec((TextField("title", apart=True),))
    assert len(np.unique(term_fingerprints(["title: a", "title: a b"], spec))) == 2
    with pytest.raises(InputError, match="Term 0 must be a term"):
        term_fingerprints(["a"], spec)
