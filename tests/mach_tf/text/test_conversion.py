"""Texts become a dataset: compared with scikit-learn, the same with any number of workers, whole or absent."""

from __future__ import annotations

import dataclasses
import json
import os
import re

import numpy as np
import pytest

import mach_tf
from mach_tf.data import records, verification
from mach_tf.errors import InputError
from mach_tf.manifest import DatasetManifest
from mach_tf.text import record_batches
from mach_tf.text.vocabulary import Vocabulary
from mach_tf.text_spec import TextField
from tests.helpers import sample_texts
from tests.helpers.sample_texts import Example

FIELDS = {"text_fields": ["title", "content"], "label_field": "labels"}


def _convert(tmp_path, train, name="out", **options):
    path = sample_texts.write_jsonl(tmp_path / "train.jsonl", train)
    return mach_tf.preprocess(tmp_path / name, train=path, progress=False, **{**FIELDS, **options})


def test_the_values_are_those_of_scikit_learn(tmp_path):
    text = pytest.importorskip("sklearn.feature_extraction.text")
    train, test = sample_texts.examples(200), sample_texts.examples(50, seed=1)
    out = str(tmp_path / "out")
    path = sample_texts.write_jsonl(tmp_path / "test.jsonl", test)
    # Two word n-grams may not span two fields, so that one field is compared.
    converted = _convert(tmp_path, train, test=path, text_fields="content")
    oracle = text.TfidfVectorizer(ngram_range=(1, 2), min_df=2, sublinear_tf=True, token_pattern=r"\w+")
    expected = {"train": oracle.fit_transform([record.content for record in train])}
    expected["test"] = oracle.transform([record.content for record in test])
    manifest = DatasetManifest.read(out)
    terms = manifest.read_feature_names(out)
    assert terms is not None and sorted(terms) == sorted(oracle.vocabulary_) and converted.text.terms == len(terms)
    columns = [oracle.vocabulary_[term] for term in terms]
    names = manifest.read_label_names(out)
    for split, records_of_split in (("train", train), ("test", test)):
        points = records.read_points(out, manifest, split)
        difference = points.features(len(terms)) - expected[split][:, columns]
        assert abs(difference).max() < 1e-6
        found = [
            {names[label] for label in points.label_ids[points.label_splits[i] : points.label_splits[i + 1]]}
            for i in range(len(points))
        ]
        assert found == [set(record.labels) for record in records_of_split]
    assert verification.verify(out).is_whole


def test_all_formats_of_the_same_records_make_the_same_dataset(tmp_path):
    records_ = sample_texts.examples(40)
    lines = {
        "jsonl": [json.dumps({"a": {"b": r.content}, "labels": list(r.labels)}) for r in records_],
        "csv": ["text,labels", *(f"{r.content},{'|'.join(r.labels)}" for r in records_)],
        "tsv": [f"{r.content}\t{'|'.join(r.labels)}" for r in records_],
        "annif": [f"{r.content}\t{' '.join(f'<{label}>' for label in r.labels)}" for r in records_],
        "fasttext": [f"{' '.join(f'__label__{label}' for label in r.labels)} {r.content}" for r in records_],
        "lines": [r.content for r in records_],
    }
    options = {
        "jsonl": {"text_fields": "a.b", "label_field": "labels"},
        "csv": {"text_fields": "text", "label_field": "labels", "label_separator": "|"},
        "tsv": {"text_fields": 0, "label_field": 1, "label_separator": "|"},
    }
    (tmp_path / "labels").write_text("".join(f"{' '.join(r.labels)}\n" for r in records_))
    prints = {}
    for form, content in lines.items():
        path = tmp_path / form
        path.write_text("".join(f"{line}\n" for line in content))
        train = (path, tmp_path / "labels") if form == "lines" else path
        given = {"input_format": form, **options.get(form, {})}
        manifest = mach_tf.preprocess(tmp_path / f"of {form}", train=train, progress=False, **given).manifest
        # The name of the field is a part of the vocabulary's settings.
        fields = (TextField("text"),)
        assert manifest.text is not None
        spec = dataclasses.replace(manifest.text, text=dataclasses.replace(manifest.text.text, fields=fields))
        prints[form] = dataclasses.replace(manifest, text=spec).fingerprint
    assert len(set(prints.values())) == 1, prints


def test_ids_descend_with_frequencies_and_the_vocabulary_is_part_of_the_dataset(tmp_path):
    train = sample_texts.examples(60)
    manifest = _convert(tmp_path, train).manifest
    out = str(tmp_path / "out")
    assert manifest.text is not None and manifest.text.documents == 60
    vocabulary = Vocabulary.read(out, manifest.text, manifest.features)
    assert (np.diff(vocabulary.document_frequencies) <= 0).all() and len(vocabulary) == manifest.features
    most = vocabulary.terms[0]
    assert vocabulary.document_frequencies[0] == sum(most in f"{r.title} {r.content}".split() for r in train)
    assert (np.diff(manifest.label_counts(out)) <= 0).all()
    assert manifest.feature_spec.dim == 0  # as there are few terms
    names = manifest.read_label_names(out)
    assert names is not None and sorted(names) == sorted(sample_texts.TOPICS) and manifest.read_label_keys(out) is None


@pytest.mark.parametrize("workers", [1, 3])
def test_neither_workers_nor_batches_change_the_dataset(tmp_path, monkeypatch, workers):
    train = sample_texts.examples(150)
    options = {"valid_fraction": 0.2, "points_per_shard": 40, "signed_hash": True, "feature_hash_dim": 64}
    first = _convert(tmp_path, train, **options)
    monkeypatch.setattr(record_batches, "BATCH_BYTES", 3000)
    again = _convert(tmp_path, train, "again", workers=workers, **options)
    assert again.manifest.fingerprint == first.manifest.fingerprint
    assert again.manifest == first.manifest and len(again.manifest.splits["train"].shards) == 3


def test_points_are_held_back_before_terms_and_labels_are_counted(tmp_path):
    train = sample_texts.examples(100)
    converted = _convert(tmp_path, train, valid_fraction=0.3, min_document_frequency=1)
    manifest, out = converted.manifest, str(tmp_path / "out")
    points = manifest.splits["train"].points
    assert manifest.text is not None and manifest.text.documents == points < 100
    terms = set(manifest.read_feature_names(out) or ())
    # Each record has a word that no other has.
    assert sum(f"unique0x{i}" in terms for i in range(100)) == points
    assert manifest.label_counts(out).sum() == manifest.splits["train"].labels


def test_the_fraction_of_documents_that_a_term_is_too_frequent_for_is_not_rounded(tmp_path):
    converted = _convert(tmp_path, sample_texts.examples(30), max_document_fraction=0.995)
    assert any(item.why.startswith("in more than 99.5% of the training points") for item in converted.text.left_out)


def test_labels_that_are_rare_or_unknown_in_training_are_left_out_and_counted(tmp_path):
    train = [*sample_texts.examples(20), Example("lens", "light", ("rare", "optics"))]
    test = [Example("lens", "light", ("new", "optics")), Example("wave", "field", ("new", "rare"))]
    path = sample_texts.write_jsonl(tmp_path / "test.jsonl", test)
    converted = _convert(tmp_path, train, test=path, min_label_count=2, max_vocabulary=30)
    left_out = {(item.what, item.count, item.why.partition(" ")[0]) for item in converted.text.left_out if item.count}
    assert {("labels", 1, "with"), ("labels", 1, "only"), ("assignments", 2, "of")} <= left_out
    assert converted.text.labels == 3 and converted.text.terms == 30
    manifest = converted.manifest
    assert manifest.splits["test"].points == 2 and manifest.splits["test"].without_labels == 1
    shown = str(converted)
    assert "1 of 2 points of the test split has no label" in shown
    assert re.search(r"labels +3 +1 +with fewer than 2 training points \(min_label_count\)\n +1 +only in other", shown)
    assert converted.to_json()["text"]["labels"] == 3


def test_names_of_keys_and_keys_are_kept(tmp_path):
    (tmp_path / "names.tsv").write_text("optics\tThe study of light\nphysics\tPhysics\n")
    converted = _convert(tmp_path, sample_texts.examples(30), label_names=tmp_path / "names.tsv")
    out, manifest = str(tmp_path / "out"), converted.manifest
    keys, names = manifest.read_label_keys(out), manifest.read_label_names(out)
    assert keys is not None and names is not None and sorted(keys) == sorted(sample_texts.TOPICS)
    named = dict(zip(keys, names))
    assert named == {"optics": "The study of light", "physics": "Physics", "biology": "biology"}
    assert "1 label(s) have no name in label_names" in str(converted)


def test_names_by_position_keep_the_numbers_of_labels(tmp_path):
    (tmp_path / "names.txt").write_text("zero\none\ntwo\nthree\n")
    train = [record._replace(labels=("3", "1")) for record in sample_texts.examples(10)]
    manifest = _convert(tmp_path, train, label_names=tmp_path / "names.txt").manifest
    out = str(tmp_path / "out")
    assert manifest.labels == 4 and manifest.label_counts(out).tolist() == [0, 10, 0, 10]
    assert manifest.read_label_names(out) == ["zero", "one", "two", "three"]
    assert manifest.read_label_keys(out) == ["0", "1", "2", "3"]


def test_bad_lines_are_refused_or_listed(tmp_path):
    train = tmp_path / "train.jsonl"
    sample_texts.write_jsonl(train, sample_texts.examples(9))
    train.write_text("oops\n" + train.read_text() + '{"title": "lens", "content": "", "labels": []}\n')
    options = {"train": train, "progress": False, **FIELDS}
    with pytest.raises(InputError, match=r"train\.jsonl, line 1: .*on_bad_line=skip\. No dataset was made"):
        mach_tf.preprocess(tmp_path / "out", input_format="jsonl", **options)
    assert os.listdir(tmp_path) == ["train.jsonl"]
    converted = mach_tf.preprocess(tmp_path / "out", input_format="jsonl", on_bad_line="skip", **options)
    assert [line.line for line in converted.skipped] == [1, 11] and converted.points == 9
    assert (tmp_path / "out" / "skipped.txt").read_text().count("\n") == 2
    assert re.search(r"records +9 +2 +bad lines", str(converted))


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"runner": "DirectRunner"}, "runner must be left out with texts (got 'DirectRunner')"),
        ({"feature_names": "train.jsonl"}, "feature_names must be left out with texts"),
        ({"train": None, "test": "train.jsonl"}, "train must name a file of texts"),
        ({"text_fields": []}, "text_fields must name the fields with texts"),
        ({"text_fields": ["title", "body"]}, "line 1: a record must have the field body"),
        ({"min_document_frequency": 999}, "must leave a term (got 999 and 1, and none is left of 9 training points)"),
        ({"min_label_count": 999}, "min_label_count must leave a label (got 999"),
        ({"valid_fraction": 1}, "valid_fraction must be in [0, 1)"),
        ({"label_names": "none"}, "none"),
        ({"train": ["train.jsonl", "bags.txt"]}, "All files must hold texts, or all bags of words"),
        ({"train": "bags.txt"}, "text_fields, label_field are options for texts, and bags.txt was read as a bag of"),
    ],
)
def test_what_is_refused_leaves_nothing(tmp_path, monkeypatch, options, message):
    monkeypatch.chdir(tmp_path)
    sample_texts.write_jsonl(tmp_path / "train.jsonl", sample_texts.examples(9))
    (tmp_path / "bags.txt").write_text("1 2 1\n0 1:1\n")
    arguments = {"output_dir": "out", "train": "train.jsonl", "progress": False, **FIELDS, **options}
    with pytest.raises(InputError, match=re.escape(message)):
        mach_tf.preprocess(**arguments)
    assert sorted(os.listdir(tmp_path)) == ["bags.txt", "train.jsonl"]


def test_a_training_file_that_changes_between_the_passes_is_refused(tmp_path, monkeypatch):
    from mach_tf.text import conversion

    first_pass = conversion.count

    def count_and_change(*args):
        counts = first_pass(*args)
        sample_texts.write_jsonl(tmp_path / "train.jsonl", sample_texts.examples(30, seed=5))
        return counts

    monkeypatch.setattr(conversion, "count", count_and_change)
    with pytest.raises(InputError, match="must not change while they are read"):
        _convert(tmp_path, sample_texts.examples(30))
    assert os.listdir(tmp_path) == ["train.jsonl"]


def test_the_size_of_the_vocabulary_chooses_the_number_of_hashed_features(tmp_path, monkeypatch):
    from mach_tf.hashing import FeatureSpec

    monkeypatch.setattr(FeatureSpec, "for_features", lambda features: FeatureSpec(features // 2))
    manifest = _convert(tmp_path, sample_texts.examples(30)).manifest
    assert manifest.features > 20 and manifest.feature_spec.dim == manifest.features // 2
    assert _convert(tmp_path, sample_texts.examples(30), "raw", feature_hash_dim=0).manifest.feature_spec.dim == 0


def test_bytes_of_windows_are_told_how_to_convert_them(tmp_path):
    (tmp_path / "a.csv").write_bytes("text,tags\nschön,a\n".encode("cp1252"))
    with pytest.raises(InputError, match=r"line 2: text must be UTF-8 .*Correct it \(iconv -f WINDOWS-1252 -t UTF-8"):
        mach_tf.preprocess(tmp_path / "out", train=tmp_path / "a.csv", text_fields="text", label_field="tags")
