"""Predictions of texts by a model directory alone are those of the preprocessed texts, to the bit."""

from __future__ import annotations

import json
import shutil

import numpy as np
import pytest

import mach_tf
from mach_tf.data import records
from mach_tf.manifest import DatasetManifest
from mach_tf.text.model_texts import ModelTexts
from mach_tf.text.vectorizer import TextVectorizer
from mach_tf.text.vocabulary import Vocabulary
from tests.helpers import programs

SUBJECTS = {"https://example.org/1": "Optics", "https://example.org/2": "Birds", "https://example.org/3": "Law"}
WORDS = {
    "https://example.org/1": ["light", "wave", "lens", "Überlicht", "光"],
    "https://example.org/2": ["stork", "wing", "nest", "e\u0301gret"],
    "https://example.org/3": ["court", "judge", "Straße"],
}


def write(path, count, seed):
    """Writes records whose words tell their subjects."""
    generator = np.random.default_rng(seed)
    every = []
    for _ in range(count):
        subjects = generator.choice(list(WORDS), generator.integers(1, 3), replace=False).tolist()
        words = [word for subject in subjects for word in generator.choice(WORDS[subject], 3)]
        generator.shuffle(words)
        title, content = " ".join(words[:2]).upper(), ", ".join(words[2:])
        every.append({"title": title, "meta": {"content": content}, "subjects": subjects})
    path.write_text("".join(f"{json.dumps(record)}\n" for record in every), encoding="utf-8")
    return every


OPTIONS = {"fields_apart": True, "text_weights": (2, 0.5), "feature_hash_dim": 50, "signed_hash": True}


def preprocess(folder, **options):
    """Makes a dataset; returns its path and manifest, and the records of its test split."""
    write(folder / "train.jsonl", 60, 0)
    new = write(folder / "new.jsonl", 30, 1)
    names = folder / "subjects.tsv"
    names.write_text("".join(f"<{key}>\t{name}\n" for key, name in SUBJECTS.items()))
    data = str(folder / "data")
    fields = {"text_fields": ["title", "meta.content"], "label_field": "subjects", "label_names": names}
    mach_tf.preprocess(data, train=folder / "train.jsonl", test=folder / "new.jsonl", **fields, **options)
    return data, DatasetManifest.read(data), new


def assert_same(found, expected):
    for name in ("indptr", "indices", "data"):
        np.testing.assert_array_equal(getattr(found, name), getattr(expected, name))


@pytest.mark.parametrize(
    "options", [{}, OPTIONS, {"char_ngrams": (2, 3), "word_ngrams": (0, 0), "feature_norm": "none"}]
)
def test_texts_become_the_points_of_preprocessing(tmp_path, options):
    data, manifest, new = preprocess(tmp_path, **options)
    texts = ModelTexts(TextVectorizer(Vocabulary.read(data, manifest.text, manifest.features)))
    hashed = records.read_points(data, manifest, "test").features(manifest.columns)
    assert_same(manifest.feature_spec.apply(texts.points(new)).features(manifest.columns), hashed)


def test_a_model_directory_alone_predicts_as_with_its_dataset(tmp_path):
    data, manifest, new = preprocess(tmp_path, **OPTIONS)
    small = {"buckets": 3, "repetitions": 2, "hidden_units": 8, "epochs": 2, "strategy": "one_device"}
    trained = mach_tf.fit(data, tmp_path / "model", progress=False, **small)
    hashed = records.read_points(data, manifest, "test").features(manifest.columns)
    expected = trained.decode(hashed, 2)
    shutil.rmtree(data)
    shutil.move(tmp_path / "model", tmp_path / "moved")

    model = mach_tf.Ensemble.load(tmp_path / "moved")
    assert_same(model.hash_points(model.texts.points(new)), hashed)
    top = model.predict_text(new, k=2)
    np.testing.assert_array_equal(top.top.labels, expected.labels)
    np.testing.assert_array_equal(model.predict_text(new, k=2, scores="logit").top.scores, expected.scores)
    assert all(SUBJECTS[key] == name for row in top for key, name, _ in row)

    flags = [f"--model_dir={tmp_path}/moved", f"--input={tmp_path}/new.jsonl", f"--output={tmp_path}/top.jsonl"]
    programs.run("eval.predict", *flags, "--k=2")
    assert [json.loads(line) for line in (tmp_path / "top.jsonl").read_text().splitlines()] == top.to_json()
