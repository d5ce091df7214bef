"""dataset.json and model.json: what a dataset and a model directory hold, read and checked without trust."""

from __future__ import annotations

import dataclasses
import hashlib
import json
import os
import typing
from collections.abc import Iterator
from typing import Any, Optional

import numpy as np

from mach_tf import files
from mach_tf.buckets import BucketSpec
from mach_tf.errors import InputError
from mach_tf.hashing import FeatureSpec
from mach_tf.training_config import TrainingConfig

SCHEMA_VERSION = 1
DATASET_FILE = "dataset.json"
MODEL_FILE = "model.json"
LABEL_COUNTS_FILE = "label_counts.npy"
FEATURE_NAMES_FILE = "feature_names.txt"
LABEL_NAMES_FILE = "label_names.txt"
SPLITS = ("train", "valid", "test")


@dataclasses.dataclass(frozen=True)
class Shard:
    """One TFRecord file: its name in the dataset directory, points, bytes, sha256."""

    file: str
    points: int
    bytes: int
    sha256: str


@dataclasses.dataclass(frozen=True)
class Source:
    """One input file, as given, with its sha256 (of the bytes on disk)."""

    path: str
    bytes: int
    sha256: str


@dataclasses.dataclass(frozen=True)
class Split:
    """A split's shards in order, where they came from, and its totals over all points.

    Attributes:
      points: their number.
      features: number of features present, summed over points, after hashing.
      raw_features: the same before hashing.
      labels: number of label assignments, summed over points.
    """

    points: int
    features: int
    raw_features: int
    labels: int
    shards: list[Shard]
    sources: list[Source]


@dataclasses.dataclass(frozen=True)
class DatasetManifest:
    """dataset.json.

    Attributes:
      features: number of raw features in the source's header.
      labels: K.
      feature_spec: how raw features were hashed and normalised.
      splits: by name: "train", "valid", "test".
      label_counts_sha256: of label_counts.npy, the labels' training frequencies, int64 [K].
      feature_names, label_names: whether feature_names.txt and label_names.txt are there.
      names_sha256: of those that are, by file name; empty in datasets made before it was recorded.
    """

    features: int
    labels: int
    feature_spec: FeatureSpec
    splits: dict[str, Split]
    label_counts_sha256: str
    feature_names: bool = False
    label_names: bool = False
    names_sha256: dict[str, str] = dataclasses.field(default_factory=dict)
    schema_version: int = SCHEMA_VERSION

    @property
    def columns(self) -> int:
        """The model's input width, D."""
        return self.feature_spec.columns(self.features)

    @property
    def fingerprint(self) -> str:
        """SHA-256 of the content: shards, counts, hashing; not of paths or times."""
        shards = {name: [dataclasses.astuple(s) for s in split.shards] for name, split in sorted(self.splits.items())}
        content = [self.features, self.labels, dataclasses.astuple(self.feature_spec), shards, self.label_counts_sha256]
        return hashlib.sha256(json.dumps(content).encode()).hexdigest()

    def split(self, name: str) -> Split:
        """The split of that name; InputError says which there are."""
        if name not in self.splits:
            raise InputError(f"This dataset has no {name!r} split; it has {', '.join(self.splits)}.")
        return self.splits[name]

    def write(self, directory: str) -> None:
        """Writes dataset.json; the last thing that makes a directory a dataset."""
        files.write_json(os.path.join(directory, DATASET_FILE), dataclasses.asdict(self))

    @classmethod
    def read(cls, directory: str) -> DatasetManifest:
        """Reads dataset.json and checks the cheap part: every file is there with its size, names and counts are whole.

        Raises:
          InputError: no dataset, another schema version, a missing or altered file.
        """
        manifest = cls.parse(directory)
        for problem in manifest.file_problems(directory):
            raise InputError(problem)
        for check in (manifest.label_counts, manifest.read_feature_names, manifest.read_label_names):
            check(directory)
        return manifest

    @classmethod
    def parse(cls, directory: str) -> DatasetManifest:
        """Reads dataset.json alone; of the files that it names, `file_problems` knows more.

        Raises:
          InputError: no dataset, another schema version, or an impossible content.
        """
        path = os.path.join(directory, DATASET_FILE)
        manifest = _parse(cls, files.read_json(path, "dataset; make one with python -m preprocess.to_tfrecord"), path)
        for name, split in manifest.splits.items():
            if name not in SPLITS or split.points != sum(shard.points for shard in split.shards):
                raise InputError(f"{path}: split {name!r} does not add up; the dataset is damaged: preprocess again.")
            for shard in split.shards:
                if os.path.basename(shard.file) != shard.file:
                    raise InputError(f"{path} names {shard.file!r}, which is not a plain file name; it is damaged.")
        return manifest

    def file_problems(self, directory: str) -> Iterator[str]:
        """Yields a sentence for each file that is missing or has another size than it was written with."""
        sizes: dict[str, Optional[int]] = {s.file: s.bytes for split in self.splits.values() for s in split.shards}
        named = (
            (True, LABEL_COUNTS_FILE),
            (self.feature_names, FEATURE_NAMES_FILE),
            (self.label_names, LABEL_NAMES_FILE),
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
        """The labels' training frequencies, int64 [K]."""
        path = os.path.join(directory, LABEL_COUNTS_FILE)
        if files.sha256(path) != self.label_counts_sha256:
            raise InputError(f"{path} is not the file that {DATASET_FILE} describes; preprocess again.")
        counts = np.load(path, allow_pickle=False)
        if counts.shape != (self.labels,) or counts.dtype != np.int64:
            raise InputError(
                f"{path} must hold the frequencies of {self.labels} labels, int64 (got {counts.dtype} {list(counts.shape)}); "
                f"{DATASET_FILE} or it is damaged: preprocess again."
            )
        return counts

    def read_feature_names(self, directory: str) -> Optional[list[str]]:
        """Names of the raw features, or None when the dataset has none."""
        return (
            self._read_names(directory, FEATURE_NAMES_FILE, self.features, "features") if self.feature_names else None
        )

    def read_label_names(self, directory: str) -> Optional[list[str]]:
        """Names of the labels, or None when the dataset has none."""
        return self._read_names(directory, LABEL_NAMES_FILE, self.labels, "labels") if self.label_names else None

    def _read_names(self, directory: str, file: str, count: int, what: str) -> list[str]:
        path = os.path.join(directory, file)
        names = files.read_names(path, count, what)
        if file in self.names_sha256 and files.sha256(path) != self.names_sha256[file]:
            raise InputError(f"{path} is not the file that {DATASET_FILE} describes; preprocess again.")
        return names


@dataclasses.dataclass(frozen=True)
class ModelManifest:
    """model.json: all that decides the weights, and where they came from.

    Attributes:
      features, labels: number of raw features and of labels, K.
      feature_spec: how raw features become the model's input.
      bucket_spec: the R hash functions; with `labels`, the bucket table.
      training: the settings that decide the weights.
      dataset_fingerprint: of the dataset trained on.
      versions: of the libraries, by package name.
      run: flags that do not decide the weights (group size, strategy, ...), by flag name.
    """

    features: int
    labels: int
    feature_spec: FeatureSpec
    bucket_spec: BucketSpec
    training: TrainingConfig
    dataset_fingerprint: str
    versions: dict[str, str]
    run: dict[str, Any]
    schema_version: int = SCHEMA_VERSION

    @property
    def columns(self) -> int:
        """The model's input width, D."""
        return self.feature_spec.columns(self.features)

    def bucket_table(self) -> np.ndarray:
        """int32 [R, K]."""
        return self.bucket_spec.table(self.labels)

    def decisive(self) -> dict[str, Any]:
        """The fields that decide the weights, as JSON has them."""
        return {name: value for name, value in dataclasses.asdict(self).items() if name not in ("run", "versions")}

    def origin(self, repetition: int) -> str:
        """SHA-256 of all that decides a repetition's weights, its number among it; its SavedModel carries it."""
        content = self.decisive()
        # How many repetitions there are decides none of them.
        del content["bucket_spec"]["repetitions"]
        # Under its earlier name, so that repetitions trained then keep their origin.
        content["training"]["adam_epsilon"] = content["training"].pop("optimizer_epsilon")
        return hashlib.sha256(json.dumps([content, repetition], sort_keys=True).encode()).hexdigest()

    def write(self, directory: str) -> None:
        """Writes model.json; training does so first, and adds each repetition when it is whole."""
        files.write_json(os.path.join(directory, MODEL_FILE), dataclasses.asdict(self))

    @classmethod
    def read(cls, directory: str) -> ModelManifest:
        """Reads model.json.

        Raises:
          InputError: no model directory, or another schema version.
        """
        path = os.path.join(directory, MODEL_FILE)
        value = files.read_json(path, "model; make one with python -m train.main")
        training = value.get("training")
        if isinstance(training, dict) and "adam_epsilon" in training:  # its name in earlier versions
            training["optimizer_epsilon"] = training.pop("adam_epsilon")
        return _parse(cls, value, path)


def repetition_directory(model_dir: str, repetition: int) -> str:
    """Where a repetition's SavedModel is."""
    return os.path.join(model_dir, f"repetition-{repetition:03d}")


def check_same_features(model: ModelManifest, dataset: DatasetManifest) -> None:
    """Raises InputError unless a dataset's points can be given to a model."""
    for name in ("features", "labels", "feature_spec"):
        ours, theirs = getattr(model, name), getattr(dataset, name)
        if ours != theirs:
            raise InputError(
                f"The model was trained with {name} = {ours}, the dataset has {theirs}. "
                "Preprocess the dataset with the model's settings, or give the model's own dataset."
            )


def _parse(cls: Any, value: dict[str, Any], path: str) -> Any:
    if value.get("schema_version") != SCHEMA_VERSION:
        raise InputError(
            f"{path} must have schema version {SCHEMA_VERSION} (got {value.get('schema_version')!r}); "
            "it was written by another version of mach_tf: make it again."
        )
    try:
        return _from_json(cls, value)
    except (TypeError, ValueError, KeyError, AttributeError) as error:
        raise InputError(f"{path} does not fit the schema ({error}); it is damaged: make it again.") from None


def _from_json(kind: Any, value: Any) -> Any:
    """Builds a value of an annotated type from parsed JSON, checking types as it goes."""
    if dataclasses.is_dataclass(kind):
        hints = typing.get_type_hints(kind)
        unknown = sorted(set(value) - set(hints))
        if unknown:
            raise ValueError(f"unknown fields {unknown}")
        return kind(**{name: _from_json(hints[name], item) for name, item in value.items()})  # type: ignore[operator]
    if kind is Any:
        return value
    origin, arguments = typing.get_origin(kind), typing.get_args(kind)
    if not isinstance(value, origin or kind) or (isinstance(value, bool) and kind is not bool):
        raise TypeError(f"expected {kind}, got {value!r}")
    if origin is list:
        return [_from_json(arguments[0], item) for item in value]
    if origin is dict:
        return {name: _from_json(arguments[1], item) for name, item in value.items()}
    return value
