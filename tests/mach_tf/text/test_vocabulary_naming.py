from __future__ import annotations

import collections
import threading

import numpy as np
import pytest
import tensorflow as tf

from mach_tf.text.vocabulary_naming import VocabularyNaming
from tests.helpers import reference_text
from tests.helpers.text_world import SPECS, WORDS, frequencies, text_world


@pytest.mark.parametrize("spec", SPECS)
def test_terms_are_named_and_the_named_vocabulary_maps_texts_as_the_fingerprints_did(spec):
    world = text_world(spec)
    vocabulary = world.vectorizer.vocabulary
    expected = collections.Counter(term for record in world.training for term in reference_text.counts(record, spec))
    assert dict(zip(vocabulary.terms, vocabulary.document_frequencies)) == expected
    again = world.vectorizer.points(world.records)
    for name in ("row_splits", "feature_ids", "feature_values"):
        np.testing.assert_array_equal(getattr(again, name), getattr(world.points, name))


def test_several_threads_name_the_same_terms():
    world = text_world(WORDS)
    naming = VocabularyNaming(world.tokenizer, *frequencies(world.tokenizer, world.training), 100)
    threads = [threading.Thread(target=naming.points, args=(tf.constant(world.training[i::4]),)) for i in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert naming.vocabulary().terms == world.vectorizer.vocabulary.terms


def test_a_term_that_does_not_occur_is_a_defect():
    world = text_world(WORDS)
    naming = VocabularyNaming(world.tokenizer, *frequencies(world.tokenizer, [["a b"], ["a c"]]), 2)
    naming.points(tf.constant([["a b"]]))
    assert naming.unnamed == 2
    with pytest.raises(RuntimeError, match=r"2 term\(s\)"):
        naming.vocabulary()
