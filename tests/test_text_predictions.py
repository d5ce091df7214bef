"""Predictions of texts by a model directory alone are those of the preprocessed texts, to the bit."""

from __future__ import annotations

import json
import shutil

import numpy as np
import pytest

import mach_tf
from mach_tf.data import records
from mach_tf.manifest import DatasetManifest
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


@pytest.mark.parametrize(
    "options",
    [
        {},
        {"fields_apart": True, "text_weights": (2, 0.5), "feature_hash_dim": 50, "signed_hash": True},
        {"char_ngrams": (2, 3), "word_ngrams": (0, 0), "feature_norm": "none"},
    ],
)
def test_texts_are_predicted_as_they_were_preprocessed(tmp_path, options):
    write(tmp_path / "train.jsonl", 60, 0)
    new = write(tmp_path / "new.jsonl", 30, 1)
    names = tmp_path / "subjects.tsv"
    names.write_text("".join(f"<{key}>\t{name}\n" for key, name in SUBJECTS.items()))
    data, model_dir = str(tmp_path / "data"), str(tmp_path / "model")
    fields = {"text_fields": ["title", "meta.content"], "label_field": "subjects", "label_names": names}
    mach_tf.preprocess(data, train=tmp_path / "train.jsonl", test=tmp_path / "new.jsonl", **fields, **options)
    model = mach_tf.fit(
        data, model_dir, buckets=3, repetitions=2, hidden_units=8, epochs=2, strategy="one_device", progress=False
    )
    manifest = DatasetManifest.read(data)
    hashed = records.read_points(data, manifest, "test").features(manifest.columns)
    found = model.hash_points(model.texts.points(new))
    for name in ("indptr", "indices", "data"):
        np.testing.assert_array_equal(getattr(found, name), getattr(hashed, name))
    expected = model.decode(hashed, 2)
    shutil.rmtree(data)

    # The directory alone, elsewhere.
    shutil.move(model_dir, tmp_path / "moved")
    model = mach_tf.Ensemble.load(tmp_path / "moved")
    top = model.predict_text(new, k=2)
    np.testing.assert_array_equal(top.top.labels, expected.labels)
    np.testing.assert_array_equal(model.predict_text(new, k=2, scores="logit").top.scores, expected.scores)
    assert all(SUBJECTS[key] == name for row in top for key, name, _ in row)

    output = tmp_path / "top.jsonl"
    programs.run(
        "eval.predict", f"--model_dir={tmp_path}/moved", f"--input={tmp_path}/new.jsonl", f"--output={output}", "--k=2"
    )
    assert [json.loads(line) for line in output.read_text().splitlines()] == top.to_json()
