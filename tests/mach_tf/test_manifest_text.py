"""The part of dataset.json and model.json that is about texts: the vocabulary, and the keys of labels."""

from __future__ import annotations

import dataclasses
import json
import os

import numpy as np
import pytest

from mach_tf import files
from mach_tf.data import dataset, verification
from mach_tf.errors import InputError
from mach_tf.hashing import FeatureSpec
from mach_tf.manifest import DatasetManifest, ModelManifest
from mach_tf.record_layout import RecordLayout
from mach_tf.sealed_json import seal, without_checksum
from mach_tf.text.vocabulary import Vocabulary
from mach_tf.text_spec import TextField, TextSpec
from tests.helpers import sample
from tests.mach_tf.test_manifest import _model

TERMS = [f"term {i}" for i in range(500)]
SPEC = FeatureSpec(300)


def _write(directory: str, terms=TERMS, documents: int = 100) -> DatasetManifest:
    with dataset.open_dataset(directory, 500, 40, SPEC, overwrite=True) as writer:
        writer.add("train", dataset.make_chunk(sample.random_points(100), SPEC))
        text = Vocabulary(TextSpec((TextField("title"),)), terms, np.full(500, 7), documents).write(writer.directory)
        names, keys = [f"name {i}" for i in range(40)], [f"key:{i}" for i in range(40)]
        return writer.finish({}, terms, names, label_keys=keys, text=text)


def test_a_dataset_of_texts_is_read_as_it_was_written(tmp_path):
    directory = str(tmp_path / "d")
    written = _write(directory)
    read = DatasetManifest.read(directory)
    assert read == written and read.text is not None and read.text.text.fields == (TextField("title"),)
    assert read.read_label_keys(directory) == [f"key:{i}" for i in range(40)]
    assert Vocabulary.read(directory, read.text, read.features).terms == TERMS
    assert verification.verify(directory).is_whole


def test_the_fingerprint_covers_the_vocabulary_and_nothing_that_changes_from_run_to_run(tmp_path):
    written = [_write(str(tmp_path / "a")), _write(str(tmp_path / "b")), _write(str(tmp_path / "c"), documents=101)]
    others = [_write(str(tmp_path / "d"), terms=[*TERMS[:-1], "other"]), dataclasses.replace(written[0], text=None)]
    prints = [one.fingerprint for one in (*written, *others)]
    assert prints[0] == prints[1] and len(set(prints)) == 4


@pytest.mark.parametrize("file", ["document_frequencies.npy", "label_keys.txt", "feature_names.txt", "label_names.txt"])
@pytest.mark.parametrize("damage", ["altered", "missing"])
def test_damage_to_the_files_is_found(tmp_path, file, damage):
    directory = str(tmp_path / "d")
    _write(directory)
    path = os.path.join(directory, file)
    if damage == "missing":
        os.remove(path)
    else:
        content = bytearray((tmp_path / "d" / file).read_bytes())
        content[-2] ^= 1
        (tmp_path / "d" / file).write_bytes(content)
    with pytest.raises(InputError, match=f"{path} is (missing|not the file).*preprocess again"):
        DatasetManifest.read(directory)
    assert [problem for problem in verification.problems(directory) if file in problem]


def test_manifests_without_texts_are_read_as_before(tmp_path):
    sample.write(str(tmp_path / "d"), train=sample.random_points(100))
    path = tmp_path / "d" / "dataset.json"
    value = json.loads(path.read_text())
    del value["text"], value["sha256"]
    files.write_json(str(path), seal(value))
    assert DatasetManifest.read(str(tmp_path / "d")).text is None


def test_terms_without_their_hash_are_refused(tmp_path):
    _write(str(tmp_path / "d"))
    path = tmp_path / "d" / "dataset.json"
    value = json.loads(path.read_text())
    value["names_sha256"].pop("feature_names.txt")
    files.write_json(str(path), seal({name: item for name, item in value.items() if name != "sha256"}))
    with pytest.raises(InputError, match=r"does not fit the schema .*its terms as feature names"):
        DatasetManifest.read(str(tmp_path / "d"))


def test_a_model_keeps_the_vocabulary_which_changes_no_weights(tmp_path):
    text = _write(str(tmp_path / "d")).text
    model = _model(text=text)
    model.write(str(tmp_path))
    assert ModelManifest.read(str(tmp_path)) == model
    assert model.origin(0) == _model().origin(0)


def test_a_dataset_and_a_model_of_versions_without_a_layout_are_read(tmp_path):
    directory = str(tmp_path / "d")
    written = _write(directory)
    path = os.path.join(directory, "dataset.json")
    with open(path, encoding="utf-8") as file:
        value = json.load(file)
    del value["text"]["layout"]
    files.write_json(path, seal(without_checksum(value)))
    assert DatasetManifest.read(directory) == written and written.text is not None and written.text.layout is None


def test_the_layout_is_kept_and_does_not_change_the_fingerprint(tmp_path):
    directory = str(tmp_path / "d")
    written = _write(directory)
    layout = RecordLayout("csv", ("tsv",), ("tags",), ";")
    other = dataclasses.replace(written, text=dataclasses.replace(written.text, layout=layout))
    other.write(directory)
    assert DatasetManifest.read(directory).text.layout == layout and other.fingerprint == written.fingerprint
