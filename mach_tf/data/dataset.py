"""Writes a dataset directory; text files, matrices and distributed runners all use this code."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import NamedTuple, Optional

import numpy as np

from mach_tf import arguments, files, manifest, staging
from mach_tf.buckets import MAX_LABELS
from mach_tf.data.dataset_directory import SKIPPED_FILE, check_output
from mach_tf.data.examples import Records, encode
from mach_tf.data.incomplete_points import Incomplete
from mach_tf.data.shards import POINTS_PER_SHARD, ShardWriter
from mach_tf.errors import InputError
from mach_tf.hashing import MAX_DIM, MAX_ID, FeatureSpec, murmur3_32
from mach_tf.manifest import DatasetManifest
from mach_tf.points import Points
from mach_tf.splits import SPLITS, Shard, Source, Split
from mach_tf.text_spec import VocabularySpec


class Chunk(NamedTuple):
    """Points ready to be written, with the counts that the manifest needs.

    Attributes:
      records: the serialized points.
      features, raw_features: number of features present, summed over the points, after and before hashing.
      label_ids: the label ids of all points, int64.
      incomplete: how many points there are, and how many lack labels or features.
    """

    records: Records
    features: int
    raw_features: int
    label_ids: np.ndarray
    incomplete: Incomplete

    @property
    def totals(self) -> tuple[int, ...]:
        """Features, raw features, label assignments, points without labels and points without features."""
        return self.features, self.raw_features, len(self.label_ids), *self.incomplete[1:]


def make_chunk(raw: Points, spec: FeatureSpec) -> Chunk:
    """Hashes and serializes raw points; a pure function that holds the interpreter's lock only briefly.

    Raises:
      InputError: raw features that share a hashed feature add up beyond float32.
    """
    hashed = spec.apply(raw)
    finite = np.isfinite(hashed.feature_values)
    if not finite.all():
        point = int(np.searchsorted(hashed.row_splits, np.flatnonzero(~finite)[0], side="right")) - 1
        values = raw.feature_values[raw.row_splits[point] : raw.row_splits[point + 1]]
        raise InputError(
            "Raw features that share a hashed feature must add up to a number finite as float32 (got a point with values up "
            f"to {np.abs(values).max():g}). Scale the values, or keep raw ids with a feature_hash_dim of 0."
        )
    return Chunk(encode(hashed), len(hashed.feature_ids), len(raw.feature_ids), raw.label_ids, Incomplete.of(raw))


def held_back(places: np.ndarray, fraction: float, seed: int) -> np.ndarray:
    """Returns which training points to use for validation, bool [n]; each choice depends on seed and place alone."""
    return murmur3_32(places, seed) < fraction * 2.0**32


class DatasetWriter:
    """Writes chunks to the shards of their splits, and the manifest last; `open_dataset` makes it.

    Attributes:
      directory: the temporary directory that it writes to.
    """

    def __init__(self, directory: str, features: int, labels: int, spec: FeatureSpec, points_per_shard: int) -> None:
        self.directory = directory
        self._features, self._labels, self._spec = features, labels, spec
        self._points_per_shard = points_per_shard
        self._writers: dict[str, ShardWriter] = {}
        self._totals: dict[str, np.ndarray] = {}
        self._label_counts = np.zeros(labels, np.int64)

    def add(self, split: str, chunk: Chunk) -> None:
        """Appends a chunk to a split."""
        if split not in self._writers:
            self._writers[split] = ShardWriter(self.directory, split, self._points_per_shard)
            self._totals[split] = np.zeros(5, np.int64)
        self._writers[split].write(chunk.records)
        self._totals[split] += chunk.totals
        if split == "train":
            np.add.at(self._label_counts, chunk.label_ids, 1)

    def finish(
        self,
        sources: dict[str, list[Source]],
        feature_names: Optional[Sequence[str]] = None,
        label_names: Optional[Sequence[str]] = None,
        skipped: Sequence[str] = (),
        label_keys: Optional[Sequence[str]] = None,
        text: Optional[VocabularySpec] = None,
    ) -> DatasetManifest:
        """Completes the shards and writes the other files, dataset.json last.

        Args:
          sources: the files that each split came from; a split that is named here must have points.
          feature_names, label_names: one name per raw feature and per label.
          skipped: lines for skipped.txt.
          label_keys: what the input calls the labels, if that differs from their names.
          text: the vocabulary of texts, whose document frequencies are in the directory already.

        Raises:
          InputError: a split has no points, none with labels or none with features; or there are too few or too many names.
        """
        shards = {split: writer.finish() for split, writer in self._writers.items()}
        return self.complete(
            shards, self._totals, self._label_counts, sources, feature_names, label_names, skipped, label_keys, text
        )

    def complete(
        self,
        shards: Mapping[str, list[Shard]],
        totals: Mapping[str, Iterable[int]],
        label_counts: np.ndarray,
        sources: Mapping[str, list[Source]],
        feature_names: Optional[Sequence[str]] = None,
        label_names: Optional[Sequence[str]] = None,
        skipped: Sequence[str] = (),
        label_keys: Optional[Sequence[str]] = None,
        text: Optional[VocabularySpec] = None,
    ) -> DatasetManifest:
        """Writes the files that complete the shards in the directory; the last part of `finish`.

        Args:
          shards: the shards of each split that has points.
          totals: of each of these splits, the sums of `Chunk.totals`.
          label_counts: training frequencies of the labels, int64 [K].
          sources, feature_names, label_names, skipped, label_keys, text: as of `finish`.
        """
        splits = {}
        for name in SPLITS:
            if name in sources and name not in shards:
                raise InputError(
                    f"The {name} split must have at least one point (got none). Add points, or leave the split out."
                )
            if name in shards:
                features, raw_features, labels, *without = map(int, totals[name])
                total = sum(shard.points for shard in shards[name])
                counted = (total, features, raw_features, labels)
                splits[name] = Split(*counted, shards[name], sources.get(name, []), *without)
        counts = os.path.join(self.directory, manifest.LABEL_COUNTS_FILE)
        with files.atomic_write(counts) as file:
            np.save(file, label_counts, allow_pickle=False)
        names_sha256 = {}
        for file_name, what, names, count in (
            (manifest.FEATURE_NAMES_FILE, "feature", feature_names, self._features),
            (manifest.LABEL_NAMES_FILE, "label", label_names, self._labels),
            (manifest.LABEL_KEYS_FILE, "label", label_keys, self._labels),
        ):
            if names is not None:
                self._write_names(file_name, what, names, count)
                names_sha256[file_name] = files.sha256(os.path.join(self.directory, file_name))
        if skipped:
            self._write_lines(SKIPPED_FILE, skipped)
        for name, split in splits.items():
            # Points that chance has held back are not refused for what they lack.
            if name == "train" or sources.get(name):
                Incomplete.of_split(split).check(f"of the {name} split")
        result = DatasetManifest(
            self._features,
            self._labels,
            self._spec,
            splits,
            files.sha256(counts),
            feature_names is not None,
            label_names is not None,
            names_sha256,
            text,
        )
        result.write(self.directory)
        return result

    def abandon(self) -> None:
        """Closes all open files."""
        for writer in self._writers.values():
            writer.abandon()

    def _write_names(self, file: str, what: str, names: Sequence[str], count: int) -> None:
        names = arguments.name_list(names, f"{what}_names", what=what)
        broken = next((name for name in names if "\n" in name or name.endswith("\r")), None)
        if len(names) != count or broken is not None:
            got = f"{len(names)}" if broken is None else f"the name {broken!r:.60}, which contains a line end"
            raise InputError(
                f"{what}_names must hold {count} names, one per {what} (got {got}). {file} stores one name per line."
            )
        self._write_lines(file, names)

    def _write_lines(self, name: str, lines: Sequence[str]) -> None:
        with files.atomic_write(os.path.join(self.directory, name)) as file:
            file.write("".join(f"{line}\n" for line in lines).encode())


@contextlib.contextmanager
def open_dataset(
    output_dir: str,
    features: int,
    labels: int,
    spec: FeatureSpec,
    *,
    points_per_shard: int = POINTS_PER_SHARD,
    overwrite: bool = False,
) -> Iterator[DatasetWriter]:
    """Yields a writer; the dataset appears at `output_dir` if the block calls `finish` and ends without error.

    Until then nothing there changes, so that an old dataset stays usable.

    Args:
      output_dir: a new or empty directory, or an old dataset if `overwrite`.
      features, labels: number of raw features and of labels.
      spec: how features are hashed and normalised.
      points_per_shard: points per shard; only the last shard of a split may hold fewer.
      overwrite: whether to replace an existing dataset.

    Raises:
      InputError: `output_dir` holds a dataset and `overwrite` is false, or it holds other files; or a number is out of range.
    """
    with open_directory(output_dir, overwrite) as directory:
        with open_writer(directory, features, labels, spec, points_per_shard) as writer:
            yield writer


@contextlib.contextmanager
def open_directory(output_dir: str, overwrite: bool) -> Iterator[str]:
    """Yields a new directory that takes the place of `output_dir` if the block ends without error; as of `open_dataset`."""
    check_output(output_dir, overwrite)
    with staging.staged(output_dir, lambda: check_output(output_dir, overwrite)) as directory:
        yield directory


@contextlib.contextmanager
def open_writer(
    directory: str, features: int, labels: int, spec: FeatureSpec, points_per_shard: int = POINTS_PER_SHARD
) -> Iterator[DatasetWriter]:
    """Yields a writer to a directory, which the block must finish; arguments and errors as of `open_dataset`."""
    if not 1 <= labels <= MAX_LABELS:
        raise InputError(f"labels must be in [1, {MAX_LABELS}] (got {labels}).")
    if spec.dim > MAX_DIM:
        raise InputError(f"dim must be at most {MAX_DIM} (got {spec.dim}).")
    points_per_shard = arguments.whole_number(points_per_shard, "points_per_shard", 1, MAX_ID)
    writer = DatasetWriter(directory, features, labels, spec, points_per_shard)
    try:
        yield writer
    finally:
        writer.abandon()


def share(split: str, raw: Points, places: np.ndarray, valid_fraction: float, seed: int) -> list[tuple[str, Points]]:
    """Divides training points between train and valid; points of other splits stay together.

    Args:
      split: the split that the points were given for.
      raw: n points.
      places: int64 [n], the position of each point in its split.
      valid_fraction: fraction of the training points to hold back.
      seed: seed that chooses them.

    Returns:
      The splits that get points, and their points.
    """
    if split != "train" or not valid_fraction:
        return [(split, raw)]
    back = held_back(places, valid_fraction, seed)
    return [(name, raw[chosen]) for name, chosen in (("train", ~back), ("valid", back)) if chosen.any()]


def check_valid_fraction(fraction: float, has_valid: bool) -> None:
    """Raises InputError unless the fraction is in [0, 1), and 0 when there is a valid split already."""
    if not 0 <= arguments.finite_number(fraction, "valid_fraction") < 1 or (fraction and has_valid):
        raise InputError(
            f"valid_fraction must be in [0, 1), and 0 if a valid split is given (got {fraction}). Leave one of them out."
        )
