from __future__ import annotations

import collections
import dataclasses
import os
import threading
import types

import numpy as np
import pytest

from mach_tf.text.vocabulary_builder import VocabularyBuilder
from mach_tf.text_spec import TextField, TextSpec
from tests.mach_tf.text.test_term_counts import documents, frequencies

SPEC = TextSpec((TextField("text"),), min_document_frequency=3, max_document_fraction=0.06, max_vocabulary=100)


def expected(rows, spec):
    counts = frequencies(rows)
    most = round(spec.max_document_fraction * len(rows))
    fit = {key: n for key, n in counts.items() if spec.min_document_frequency <= n <= most}
    order = sorted(fit, key=lambda key: (-fit[key], key))
    rare = sum(n < spec.min_document_frequency for n in counts.values())
    return order[: spec.max_vocabulary], rare, sum(n > most for n in counts.values()), len(order[spec.max_vocabulary :])


def parts(rows, size):
    for begin in range(0, len(rows), size):
        some = rows[begin : begin + size]
        splits = np.concatenate([[0], np.cumsum([len(row) for row in some])])
        yield types.SimpleNamespace(row_splits=splits, fingerprints=np.concatenate(some))


@pytest.mark.parametrize("max_slots", [512, 1 << 20])
@pytest.mark.parametrize(
    "change", [{}, {"max_vocabulary": 7}, {"min_document_frequency": 1, "max_document_fraction": 1.0}]
)
def test_the_selection_is_that_of_all_counts_however_little_memory_there_is(tmp_path, max_slots, change):
    spec = dataclasses.replace(SPEC, **change)
    rows = documents(0, n=100)[2]
    builder = VocabularyBuilder(spec, str(tmp_path), max_slots)
    for part in parts(rows, 50):
        builder.add(part)
    assert len(os.listdir(tmp_path)) > 5 or max_slots > 512
    found = builder.select()
    keys, rare, frequent, beyond = expected(rows, spec)
    assert found.fingerprints.tolist() == keys
    counts = frequencies(rows)
    assert found.document_frequencies.tolist() == [counts[key] for key in keys]
    assert (found.rare, found.frequent, found.beyond) == (rare, frequent, beyond)
    assert os.listdir(tmp_path) == []


def test_several_threads_count_what_one_counts(tmp_path):
    rows = documents(2, n=200)[2]
    builder = VocabularyBuilder(SPEC, str(tmp_path), 512)
    work = collections.deque(parts(rows, 20))

    def run():
        while True:
            try:
                part = work.pop()
            except IndexError:
                return
            builder.add(part)

    threads = [threading.Thread(target=run) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert builder.select().fingerprints.tolist() == expected(rows, SPEC)[0]


def test_no_documents_have_no_terms(tmp_path):
    found = VocabularyBuilder(SPEC, str(tmp_path)).select()
    assert len(found.fingerprints) == 0 and found.rare == found.frequent == found.beyond == 0


def test_a_term_in_exactly_the_fraction_is_kept(tmp_path):
    builder = VocabularyBuilder(dataclasses.replace(SPEC, max_document_fraction=0.29), str(tmp_path))
    # Fingerprint 1 is in all documents, 2 in 29 of 100 and 3 in 30.
    for part in parts([np.flatnonzero([False, True, i < 29, i < 30]) for i in range(100)], 100):
        builder.add(part)
    assert builder.select().fingerprints.tolist() == [2]
