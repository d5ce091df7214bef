"""Files of texts and of bags of words give the points that preprocessing makes, block by block."""

from __future__ import annotations

import json

import numpy as np
import pytest

from mach_tf import points
from mach_tf.data.libsvm import TextInput
from mach_tf.errors import InputError
from mach_tf.explanations.reporting.point_files import BagFile, GivenTexts, RecordFile, read_files
from mach_tf.manifest import DatasetManifest, ModelManifest
from mach_tf.text.model_texts import ModelTexts
from mach_tf.text.readers.settings import InputSettings
from tests.helpers import text_model

IDS = {key: label for label, key in enumerate(text_model.KEYS)}
LABELS = [[text_model.KEYS[3], text_model.KEYS[1]], [text_model.KEYS[0]], [], ["https://example.org/unknown"]]


@pytest.fixture(scope="module")
def texts(tmp_path_factory):
    model = text_model.write(tmp_path_factory.mktemp("model") / "model")
    return ModelTexts.open(model, ModelManifest.read(model))


@pytest.fixture
def records(tmp_path):
    path = tmp_path / "records.jsonl"
    lines = [{**record, "subjects": labels} for record, labels in zip(text_model.RECORDS, LABELS)]
    path.write_text("".join(json.dumps(line) + "\n" for line in lines), encoding="utf-8")
    return str(path)


def _file(path, texts, label_fields=("subjects",)):
    settings = InputSettings(text_fields=texts.fields, label_fields=label_fields, labels_optional=True)
    return RecordFile(TextInput(path), settings, texts, IDS)


def test_texts_are_points_with_known_labels(texts, records):
    with pytest.warns(UserWarning, match=r"1 labels of points in .*records.jsonl are unknown to the model"):
        found = read_files([_file(records, texts)])
    rows = [(record["title"], record["content"]) for record in text_model.RECORDS]
    assert found.texts == rows
    expected = texts.rows(rows)
    np.testing.assert_array_equal(found.points.feature_ids, expected.feature_ids)
    np.testing.assert_array_equal(found.points.feature_values, expected.feature_values)
    assert found.points.label_splits.tolist() == [0, 2, 3, 3, 3] and found.points.label_ids.tolist() == [1, 3, 0]


def test_without_a_field_of_labels_there_are_none(texts, records):
    assert not len(read_files([_file(records, texts, ())]).points.label_ids)


def test_blocks_follow_each_other(texts, records):
    with _file(records, texts, ()).open() as opened:
        blocks = list(opened.blocks(40))
        opened.finish()
    assert len(blocks) > 1 and sum(block.done for block in blocks) == opened.total
    assert [block.first_point for block in blocks] == np.cumsum([0, *(len(b.texts) for b in blocks[:-1])]).tolist()
    together = points.concatenate([block.points() for block in blocks])
    np.testing.assert_array_equal(together.feature_ids, read_files([_file(records, texts, ())]).points.feature_ids)


def test_a_bad_line_is_refused(texts, records):
    with open(records, "a", encoding="utf-8") as file:
        file.write('{"title": 3}\n')
    with pytest.raises(InputError, match=r"records.jsonl, line 5: .* Correct the line"):
        read_files([_file(records, texts, ())])


def test_how_texts_are_read_is_plain_values(texts, records):
    reading = _file(records, texts).reading
    assert json.loads(json.dumps(reading)) == reading and reading["label_fields"] == ["subjects"]


def test_texts_in_memory(texts):
    found = read_files([GivenTexts([("light", "wave")], texts)])
    assert found.texts == [("light", "wave")] and len(found.points) == 1 and len(found.points.feature_ids) > 1
    assert GivenTexts([], texts).paths == []


def test_bags_of_words_have_no_texts(world):
    file = BagFile(TextInput(world.text), DatasetManifest.read(world.dataset))
    found = read_files([file])
    assert found.texts is None and file.paths == [world.text] and file.reading == {}
    np.testing.assert_array_equal(found.points.features(60).toarray(), world.features.toarray())


def test_bags_and_texts_together_have_no_texts(texts, records, tmp_path):
    path = tmp_path / "bag.txt"
    path.write_text(f"1 {len(text_model.TERMS)} {text_model.LABELS}\n3 0:1\n")
    model = texts.vectorizer.vocabulary
    manifest = DatasetManifest.__new__(DatasetManifest)
    object.__setattr__(manifest, "features", len(model.terms))
    object.__setattr__(manifest, "labels", text_model.LABELS)
    found = read_files([_file(records, texts, ()), BagFile(TextInput(str(path)), manifest)])
    assert found.texts is None and len(found.points) == 5
