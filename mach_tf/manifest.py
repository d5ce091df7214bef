"""dataset.json and model.json: what a dataset directory and a model directory hold. Both are fully checked when read."""

from __future__ import annotations

import dataclasses
import hashlib
import json
import os
import re
from collections.abc import Iterator
from typing import Any, Callable, Optional

import numpy as np

from mach_tf import files
from mach_tf.array_files import read_array
from mach_tf.buckets import MAX_LABELS, BucketSpec
from mach_tf.errors import InputError
from mach_tf.hashing import MAX_ID, FeatureSpec
from mach_tf.logit_scale import Calibration
from mach_tf.network_shape import NetworkShape
from mach_tf.sealed_json import seal, unseal, without_checksum
from mach_tf.splits import Split, check_splits
from mach_tf.text_spec import VocabularySpec
from mach_tf.training_config import TrainingConfig
from mach_tf.typed_json import check_ranges, read_dataclass

SCHEMA_VERSION = 1
DATASET_FILE = "dataset.json"
MODEL_FILE = "model.json"
LABEL_COUNTS_FILE = "label_counts.npy"
RANKER_FILE = "ranker.npz"
FEATURE_NAMES_FILE, LABEL_NAMES_FILE, LABEL_KEYS_FILE = "feature_names.txt", "label_names.txt", "label_keys.txt"
DOCUMENT_FREQUENCIES_FILE = "document_frequencies.npy"
# What a model directory may keep of its dataset.
KEPT_FILES = (LABEL_NAMES_FILE, LABEL_KEYS_FILE, FEATURE_NAMES_FILE, DOCUMENT_FREQUENCIES_FILE, LABEL_COUNTS_FILE)
# The names that `repetition_directory` gives.
REPETITION_NAME = re.compile(r"repetition-\d{3,}")


@dataclasses.dataclass(frozen=True)
class DatasetManifest:
    """The content of dataset.json.

    Attributes:
      features: number of raw features.
      labels: K.
      feature_spec: how raw features were hashed and normalised.
      splits: the splits by name: "train", "valid", "test".
      label_counts_sha256: SHA-256 of label_counts.npy, the training frequencies of the labels, int64 [K].
      feature_names, label_names: whether feature_names.txt and label_names.txt exist.
      names_sha256: SHA-256 of each file of names; empty in datasets written before it was recorded. Names label_keys.txt if the
        labels have names other than the keys that the input gives them.
      text: the vocabulary, if the points were made of texts: document_frequencies.npy has its frequencies, feature_names.txt its
        terms.
      schema_version: version of this format.
    """

    features: int
    labels: int
    feature_spec: FeatureSpec
    splits: dict[str, Split]
    label_counts_sha256: str
    feature_names: bool = False
    label_names: bool = False
    names_sha256: dict[str, str] = dataclasses.field(default_factory=dict)
    text: Optional[VocabularySpec] = None
    schema_version: int = SCHEMA_VERSION

    def __post_init__(self) -> None:
        check_ranges(self, features=(0, MAX_ID), labels=(0, MAX_LABELS))
        if self.text is not None and not (self.feature_names and FEATURE_NAMES_FILE in self.names_sha256):
            raise InputError("a dataset of texts must have its terms as feature names, and their SHA-256")

    def __repr__(self) -> str:
        points = ", ".join(f"{name}={split.points} points" for name, split in self.splits.items())
        return f"DatasetManifest({points}, features={self.features}, labels={self.labels})"

    @property
    def columns(self) -> int:
        """D, the width of the model's input."""
        return self.feature_spec.columns(self.features)

    @property
    def fingerprint(self) -> str:
        """SHA-256 of the content: shards, counts, hashing and vocabulary, but not paths or times."""
        shards = {name: [dataclasses.astuple(s) for s in split.shards] for name, split in sorted(self.splits.items())}
        content = [self.features, self.labels, dataclasses.astuple(self.feature_spec), shards, self.label_counts_sha256]
        if self.text is not None:
            content += [self.text.content, self.names_sha256[FEATURE_NAMES_FILE]]
        return hashlib.sha256(json.dumps(content).encode()).hexdigest()

    def split(self, name: str) -> Split:
        """Returns the split of that name; the InputError for an unknown one names those that exist."""
        if name not in self.splits:
            raise InputError(
                f"This dataset has no {name!r} split; it has {', '.join(self.splits)}. Choose one of them."
            )
        return self.splits[name]

    def write(self, directory: str) -> None:
        """Writes dataset.json, which completes a dataset directory and is therefore written last."""
        files.write_json(os.path.join(directory, DATASET_FILE), seal(dataclasses.asdict(self)))

    @classmethod
    def read(cls, directory: str) -> DatasetManifest:
        """Reads dataset.json and makes the fast checks: all files exist in their sizes, names and counts are unaltered.

        Raises:
          InputError: there is no dataset, its schema version differs, or a file is missing or altered.
        """
        manifest = cls.parse(directory)
        for problem in manifest.file_problems(directory):
            raise InputError(problem)
        for check in manifest.content_checks:
            check(directory)
        return manifest

    @property
    def content_checks(self) -> tuple[Callable[[str], Any], ...]:
        """The methods that read the files beside the shards, each of which raises an error for a file that is damaged."""
        return (
            self.label_counts,
            self.read_feature_names,
            self.read_label_names,
            self.read_label_keys,
            self._check_document_frequencies,
        )

    @classmethod
    def parse(cls, directory: str) -> DatasetManifest:
        """Reads dataset.json alone; `file_problems` checks the files that it names.

        Raises:
          InputError: there is no dataset, its schema version differs, or its content is impossible.
        """
        path = os.path.join(directory, DATASET_FILE)
        value = files.read_json(path, "dataset; make one with mach-preprocess")
        # The schema first: what it says of a file by another version is of more use.
        manifest = read_dataclass(cls, without_checksum(value), path, SCHEMA_VERSION)
        unseal(value, path, "The dataset is damaged: preprocess again.")
        check_splits(manifest.splits, path)
        return manifest

    def file_problems(self, directory: str) -> Iterator[str]:
        """Yields a sentence for each file that is missing or whose size differs from that written."""
        sizes: dict[str, Optional[int]] = {s.file: s.bytes for split in self.splits.values() for s in split.shards}
        named = (
            (True, LABEL_COUNTS_FILE),
            (self.feature_names, FEATURE_NAMES_FILE),
            (self.label_names, LABEL_NAMES_FILE),
            (LABEL_KEYS_FILE in self.names_sha256, LABEL_KEYS_FILE),
            (self.text is not None, DOCUMENT_FREQUENCIES_FILE),
        )
        for file, size in {**sizes, **{file: None for present, file in named if present}}.items():
            path = os.path.join(directory, file)
            if not os.path.isfile(path):
                problem = f"{path} is missing, though {DATASET_FILE} names it"
            elif size is not None and os.path.getsize(path) != size:
                problem = f"{path} must have {size} bytes (got {os.path.getsize(path)})"
            else:
                continue
            yield f"{problem}; the dataset is damaged: preprocess again."

    def label_counts(self, directory: str) -> np.ndarray:
        """Reads the training frequencies of the labels, int64 [K]."""
        _check_hash(directory, LABEL_COUNTS_FILE, self.label_counts_sha256)
        path, content = os.path.join(directory, LABEL_COUNTS_FILE), f"the frequencies of {self.labels} labels"
        remedy = f"It or {DATASET_FILE} is damaged: preprocess again."
        return read_array(path, (self.labels,), np.int64, content, remedy)

    def read_feature_names(self, directory: str) -> Optional[list[str]]:
        """Reads the names of the raw features; None if the dataset has none."""
        return self._read_names(self.feature_names, directory, FEATURE_NAMES_FILE, self.features, "features")

    def read_label_names(self, directory: str) -> Optional[list[str]]:
        """Reads the names of the labels; None if the dataset has none."""
        return self._read_names(self.label_names, directory, LABEL_NAMES_FILE, self.labels, "labels")

    def read_label_keys(self, directory: str) -> Optional[list[str]]:
        """Reads what the input calls the labels; None if these are their names, or if they have neither."""
        present = LABEL_KEYS_FILE in self.names_sha256
        return self._read_names(present, directory, LABEL_KEYS_FILE, self.labels, "labels")

    def _check_document_frequencies(self, directory: str) -> None:
        if self.text is not None:
            _check_hash(directory, DOCUMENT_FREQUENCIES_FILE, self.text.document_frequencies_sha256)

    def _read_names(self, present: bool, directory: str, file: str, count: int, what: str) -> Optional[list[str]]:
        if not present:
            return None
        names = files.read_names(os.path.join(directory, file), count, what)
        if file in self.names_sha256:
            _check_hash(directory, file, self.names_sha256[file])
        return names


@dataclasses.dataclass(frozen=True)
class ModelManifest:
    """The content of model.json: everything that determines the weights, and what they were trained with.

    Attributes:
      features, labels: number of raw features and of labels, K.
      feature_spec: how raw features become the input of the model.
      bucket_spec: the R hash functions, which with `labels` determine the bucket table.
      training: the settings that determine the weights.
      dataset_fingerprint: fingerprint of the training data.
      versions: versions of the libraries, by package name.
      run: settings that do not change the weights (group size, strategy, ...), by name.
      names_sha256: SHA-256 of the training data's files of names, as in DatasetManifest.
      text: the vocabulary of the training data, as in DatasetManifest.
      files_sha256: SHA-256 of each of KEPT_FILES that the model directory holds; empty in models of earlier versions.
      ranker_sha256: SHA-256 of ranker.npz; empty for a model without a ranker.
      training_points: number of training points, with or without labels; 0 in models of earlier versions.
      calibration: how label scores become calibrated probabilities; None for a model that was not calibrated.
      schema_version: version of this format.
    """

    features: int
    labels: int
    feature_spec: FeatureSpec
    bucket_spec: BucketSpec
    training: TrainingConfig
    dataset_fingerprint: str
    versions: dict[str, str]
    run: dict[str, Any]
    names_sha256: dict[str, str] = dataclasses.field(default_factory=dict)
    text: Optional[VocabularySpec] = None
    files_sha256: dict[str, str] = dataclasses.field(default_factory=dict)
    ranker_sha256: str = ""
    training_points: int = 0
    calibration: Optional[Calibration] = None
    schema_version: int = SCHEMA_VERSION

    def __post_init__(self) -> None:
        check_ranges(self, features=(0, MAX_ID), labels=(0, MAX_LABELS), training_points=(0, MAX_ID))
        for name, digest in self.files_sha256.items():
            # A stranger's model.json must not name other files of this machine.
            if name not in KEPT_FILES or not files.SHA256.fullmatch(digest):
                raise InputError(f"files_sha256 must give the SHA-256 of files among {KEPT_FILES} (got {name!r:.80})")

    @property
    def columns(self) -> int:
        """D, the width of the model's input."""
        return self.feature_spec.columns(self.features)

    @property
    def shape(self) -> NetworkShape:
        """The sizes of each repetition's network."""
        return NetworkShape(self.columns, self.training.hidden_units, self.bucket_spec.buckets)

    def bucket_table(self) -> np.ndarray:
        """Returns the bucket of each label in each repetition, int32 [R, K]."""
        return self.bucket_spec.table(self.labels)

    def decisive(self) -> dict[str, Any]:
        """Returns the fields that determine the weights, as JSON values; the fingerprint of the dataset covers the vocabulary."""
        others = ("run", "versions", "names_sha256", "text", "files_sha256", "ranker_sha256", "training_points")
        return {name: value for name, value in dataclasses.asdict(self).items() if name not in (*others, "calibration")}

    def origin(self, repetition: int) -> str:
        """Returns the SHA-256 of everything that determines the weights of a repetition; its SavedModel records it."""
        content = self.decisive()
        # The number of repetitions changes none of them.
        del content["bucket_spec"]["repetitions"]
        content["training"] = self.training.of_origin()
        return hashlib.sha256(json.dumps([content, repetition], sort_keys=True).encode()).hexdigest()

    def write(self, directory: str) -> None:
        """Writes model.json; training writes it first, and then adds each repetition when it is complete."""
        files.write_json(os.path.join(directory, MODEL_FILE), seal(dataclasses.asdict(self)))

    @classmethod
    def read(cls, directory: str) -> ModelManifest:
        """Reads model.json.

        Raises:
          InputError: there is no model, its schema version differs, or its content is impossible or was edited: with a smaller
            number of repetitions, which is in no origin, a model would silently score with fewer.
        """
        path = os.path.join(directory, MODEL_FILE)
        found = files.read_json(path, "model; make one with mach-train")
        value = without_checksum(found)
        training = value.get("training")  # which had adam_epsilon in earlier versions
        if isinstance(training, dict) and "adam_epsilon" in training:
            value["training"] = {"optimizer_epsilon" if n == "adam_epsilon" else n: v for n, v in training.items()}
        model = read_dataclass(cls, value, path, SCHEMA_VERSION)
        remedy = "Put the original back, or remove it and run the training's command again, which writes it anew."
        unseal(found, path, remedy)
        return model


def _check_hash(directory: str, file: str, sha256: str) -> None:
    if files.sha256(path := os.path.join(directory, file)) != sha256:
        raise InputError(f"{path} is not the file that {DATASET_FILE} describes; preprocess again.")


def repetition_directory(model_dir: str, repetition: int) -> str:
    """Returns the directory of a repetition's SavedModel."""
    return os.path.join(model_dir, f"repetition-{repetition:03d}")
