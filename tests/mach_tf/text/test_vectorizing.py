"""The second pass; the whole conversion is compared with others in test_conversion.py."""

from __future__ import annotations

import numpy as np
import pytest

from mach_tf.data import dataset, records
from mach_tf.data.conversion import Options
from mach_tf.data.libsvm import TextInput
from mach_tf.errors import InputError
from mach_tf.hashing import FeatureSpec
from mach_tf.text.counting import count
from mach_tf.text.label_vocabulary import LabelVocabulary
from mach_tf.text.readers.settings import InputSettings
from mach_tf.text.record_batches import RecordBatches
from mach_tf.text.tokenizer import Tokenizer
from mach_tf.text.vectorizer import TextVectorizer
from mach_tf.text.vectorizing import Vectorizing, write_points
from mach_tf.text.vocabulary import Vocabulary
from mach_tf.text_spec import TextField, TextSpec
from tests.helpers import sample, sample_texts

SETTINGS = InputSettings("jsonl", ("title", "content"), ("labels",))
SPEC = TextSpec((TextField("title", weight=2.0, apart=True), TextField("content")))
TOKENIZER = Tokenizer(SPEC)


def test_points_are_those_of_the_vectorizer_of_the_written_vocabulary(tmp_path):
    train, test = sample_texts.examples(40), sample_texts.examples(10, seed=1)
    inputs = {
        split: [TextInput(sample_texts.write_jsonl(tmp_path / f"{split}.jsonl", examples))]
        for split, examples in (("train", train), ("test", test))
    }
    options = Options(FeatureSpec(0, norm="none"), workers=2)
    training = RecordBatches({"train": inputs["train"]}, SETTINGS)
    counts = count(training, TOKENIZER, options, str(tmp_path), lambda *_: None)
    labels = LabelVocabulary.of_counts({key: n for key, n in counts.labels.items() if key != "optics"})
    vectorizing = Vectorizing(TOKENIZER, counts, labels, options)
    out = str(tmp_path / "out")
    progress = []
    with dataset.open_directory(out, False) as directory:
        written = write_points(
            vectorizing,
            RecordBatches(inputs, SETTINGS),
            training.sources,
            directory,
            lambda *done: progress.append(done),
        )
    manifest = written.manifest
    assert sum(points for points, _ in progress) == 50 and written.skipped == []
    assert manifest.text is not None
    vectorizer = TextVectorizer(Vocabulary.read(out, manifest.text, manifest.features))
    for split, examples in (("train", train), ("test", test)):
        found = records.read_points(out, manifest, split)
        expected = vectorizer.points([[example.title, example.content] for example in examples])
        ids = [sorted(labels.ids[key] for key in example.labels if key != "optics") for example in examples]
        splits = np.cumsum([0, *map(len, ids)])
        sample.assert_same(
            found, type(found)(*[getattr(expected, name) for name in sample.FIELDS[:3]], splits, np.concatenate(ids))
        )
    assert written.rare_assignments == sum("optics" in example.labels for example in [*train, *test])
    assert written.unknown_labels == set() and written.unknown_assignments == 0


def test_other_training_files_than_those_of_the_first_pass_are_refused(tmp_path):
    files = [
        TextInput(sample_texts.write_jsonl(tmp_path / f"{i}.jsonl", sample_texts.examples(20, seed=i))) for i in (0, 1)
    ]
    first, second = (RecordBatches({"train": [file]}, SETTINGS) for file in files)
    counts = count(first, TOKENIZER, Options(), str(tmp_path), lambda *_: None)
    vectorizing = Vectorizing(TOKENIZER, counts, LabelVocabulary.of_counts(counts.labels), Options(FeatureSpec(0)))
    with pytest.raises(InputError, match="must not change while they are read"):
        with dataset.open_directory(str(tmp_path / "out"), False) as directory:
            write_points(vectorizing, second, first.sources, directory, lambda *_: None)
