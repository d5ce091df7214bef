from __future__ import annotations

import collections

import numpy as np
import pytest
import tensorflow as tf

from tests.helpers import reference_text
from tests.helpers.text_world import SPECS, WORDS, text_world


@pytest.mark.parametrize("spec", SPECS)
def test_terms_occur_as_often_and_with_the_weights_of_the_definition(spec):
    world = text_world(spec)
    found = world.tokenizer(tf.constant(world.records))
    splits, weights = found.row_splits.numpy(), found.weights.numpy()
    # Which fingerprint is which term shows itself by where both occur, over all records.
    places, expected = collections.defaultdict(list), collections.defaultdict(list)
    for i, record in enumerate(world.records):
        own = slice(splits[i], splits[i + 1])
        values, inverse = np.unique(found.fingerprints.numpy()[own], return_inverse=True)
        for value, weight in zip(values, np.bincount(inverse, weights[own], len(values))):
            places[value].append((i, weight))
        for term, weight in reference_text.counts(record, spec).items():
            expected[term].append((i, weight))
    # As one value: pytest would compare the two line by line for minutes.
    same = sorted(places.values()) == sorted(expected.values())
    assert same


def test_any_number_of_records_is_taken_without_tracing_again():
    tokenizer = text_world(WORDS).tokenizer
    for n in (0, 1, 7, 2):
        assert len(tokenizer(tf.fill([n, 1], "a b")).fingerprints) == 3 * n
    assert tokenizer._terms.experimental_get_tracing_count() == 1
