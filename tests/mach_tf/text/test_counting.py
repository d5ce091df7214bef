"""The first pass, compared with counts by Python's own words."""

from __future__ import annotations

import collections

import numpy as np
import pytest

from mach_tf.data.conversion import Options
from mach_tf.data.dataset import held_back
from mach_tf.data.libsvm import TextInput
from mach_tf.errors import InputError
from mach_tf.text.counting import count, encode
from mach_tf.text.readers.settings import InputSettings
from mach_tf.text.record_batches import RecordBatches
from mach_tf.text.tokenizer import Tokenizer
from mach_tf.text_spec import TextField, TextSpec
from tests.helpers import sample_texts

SETTINGS = InputSettings("jsonl", ("title", "content"), ("labels",))
SPEC = TextSpec((TextField("title"), TextField("content")), word_ngrams=(1, 1), min_document_frequency=2)


@pytest.mark.parametrize("fraction", [0.0, 0.3])
def test_points_words_labels_and_terms_are_counted(tmp_path, fraction):
    examples = sample_texts.examples(80)
    path = sample_texts.write_jsonl(tmp_path / "a.jsonl", examples)
    batches = RecordBatches({"train": [TextInput(path)]}, SETTINGS)
    progress = []
    options = Options(valid_fraction=fraction, split_seed=3, workers=2)
    counts = count(batches, Tokenizer(SPEC), options, str(tmp_path), lambda *done: progress.append(done))
    back = held_back(np.arange(80), fraction, 3)
    kept = [example for example, is_back in zip(examples, back) if not is_back]
    words = [f"{example.title} {example.content}".split() for example in kept]
    frequencies = collections.Counter(word for one in words for word in set(one))
    expected = sorted((n for n in frequencies.values() if n >= 2), reverse=True)
    assert counts.documents == len(kept) and counts.words == sum(map(len, words))
    assert counts.labels == collections.Counter(label for example in kept for label in example.labels)
    assert counts.selection.document_frequencies.tolist() == expected
    assert counts.selection.rare == sum(n < 2 for n in frequencies.values())
    assert sum(n for _, n in progress) == (tmp_path / "a.jsonl").stat().st_size


def test_a_bad_line_ends_the_pass_unless_such_lines_are_skipped(tmp_path):
    path = tmp_path / "a.jsonl"
    sample_texts.write_jsonl(path, sample_texts.examples(5))
    path.write_text(path.read_text() + "oops\n")
    batches = RecordBatches({"train": [TextInput(str(path))]}, SETTINGS)
    with pytest.raises(InputError, match=r"line 6: .*on_bad_line=skip"):
        count(batches, Tokenizer(SPEC), Options(), str(tmp_path), lambda *_: None)
    assert count(batches, Tokenizer(SPEC), Options(skip_bad_lines=True), str(tmp_path), lambda *_: None).documents == 5


def test_if_every_record_is_skipped_the_first_says_why(tmp_path):
    path = tmp_path / "a.jsonl"
    path.write_text("oops\n" * 3)
    batches = RecordBatches({"train": [TextInput(str(path))]}, SETTINGS)
    with pytest.raises(
        InputError, match=r"got none, as all 3 records break a rule.* The first is .*a\.jsonl, line 1: a line must"
    ):
        count(batches, Tokenizer(SPEC), Options(skip_bad_lines=True), str(tmp_path), lambda *_: None)


def test_texts_are_encoded_as_utf8():
    assert encode([("é", ""), ("日本", "a\0b")], 2).numpy().tolist() == [
        ["é".encode(), b""],
        ["日本".encode(), b"a\0b"],
    ]
    assert encode([], 2).shape == (0, 2)
