"""Checks every byte of a dataset directory against its manifest: hashes, records, schema, ids, counts and names."""

from __future__ import annotations

import dataclasses
import os
from collections.abc import Iterator
from typing import Callable

import numpy as np
import tensorflow as tf

from mach_tf import files
from mach_tf.check_result import CheckResult
from mach_tf.data import damage, record_content
from mach_tf.errors import InputError
from mach_tf.manifest import DATASET_FILE, DatasetManifest
from mach_tf.splits import Shard

_BATCH = 4096


@dataclasses.dataclass(frozen=True)
class Verification(CheckResult):
    """The result of checking a dataset directory; its `str()` is a sentence, or the list of problems.

    Attributes:
      dataset_dir: the directory.
      problems: a sentence for each thing that is wrong; empty if the dataset is whole.
      points, shards: their numbers according to the manifest; 0 if that is damaged.
      fingerprint: of the content; empty if the manifest is damaged.
    """

    dataset_dir: str
    problems: list[str]
    points: int = 0
    shards: int = 0
    fingerprint: str = ""

    def __str__(self) -> str:
        if self.is_whole:
            return (
                f"{self.dataset_dir} is whole: {self.points:,} points in {self.shards} shards, fingerprint "
                f"{self.fingerprint[:16]}."
            )
        if self.problems == [_not_a_dataset(self.dataset_dir)]:
            return self.problems[0]
        return self.listed(self.dataset_dir)


def _not_a_dataset(directory: str) -> str:
    return f"{directory} is not a dataset: it holds no {DATASET_FILE}."


def verify(dataset_dir: str, report: Callable[[str], None] = lambda problem: None) -> Verification:
    """Checks every byte of a dataset directory.

    Args:
      dataset_dir: the directory.
      report: called with each problem as it is found.
    """
    found = []
    for problem in problems(dataset_dir):
        report(problem)
        found.append(problem)
    try:
        manifest = DatasetManifest.parse(dataset_dir)
    except InputError:
        return Verification(dataset_dir, found)
    splits = manifest.splits.values()
    return Verification(
        dataset_dir,
        found,
        sum(split.points for split in splits),
        sum(len(split.shards) for split in splits),
        manifest.fingerprint,
    )


class _Totals:
    """The totals of a split's shards, to be compared with the manifest."""

    def __init__(self, labels: int) -> None:
        self.points = self.features = self.labels = self.without_labels = 0
        self.label_counts = np.zeros(labels, np.int64)


def problems(directory: str) -> Iterator[str]:
    """Yields a sentence for each thing that is wrong with a dataset, as it is found; nothing if the dataset is whole."""
    if not os.path.exists(os.path.join(directory, DATASET_FILE)):
        yield _not_a_dataset(directory)
        return
    try:
        manifest = DatasetManifest.parse(directory)
    except InputError as error:
        yield str(error)
        return
    yield from manifest.file_problems(directory)
    for read in manifest.content_checks:
        try:
            read(directory)
        except FileNotFoundError:
            pass  # reported already
        except (InputError, ValueError) as error:
            yield str(error)
    for name, split in manifest.splits.items():
        totals = _Totals(manifest.labels)
        whole = True
        for shard in split.shards:
            path = os.path.join(directory, shard.file)
            if not os.path.isfile(path):
                whole = False  # reported already
                continue
            found = list(_shard_problems(path, shard, manifest, totals))
            whole = whole and not found
            yield from found
        if not whole:
            continue  # its totals differ for the same reason
        for what in ("points", "features", "labels", *(["without_labels"] if split.without_labels else [])):
            if getattr(totals, what) != getattr(split, what):
                yield (
                    f"The {name} split must have {getattr(split, what)} {what} in total, according to dataset.json "
                    f"(got {getattr(totals, what)}); preprocess again."
                )
        if name == "train" and not _same_counts(manifest, directory, totals.label_counts):
            yield "The training frequencies of the labels must be those of the train shards (they differ); preprocess again."


def _shard_problems(path: str, shard: Shard, manifest: DatasetManifest, totals: _Totals) -> Iterator[str]:
    found = damage.find(path)
    if found:
        yield damage.describe(path, found)
        return
    digest = files.sha256(path)
    if digest != shard.sha256:
        yield f"{path} must have the SHA-256 {shard.sha256} (got {digest}): it is not the file that was written; preprocess again."
        return
    record = 0
    for serialized in tf.data.TFRecordDataset(path).batch(_BATCH):
        content = record_content.read(serialized, manifest)
        if content.problem:
            yield record_content.describe(path, serialized, record, manifest)
            return
        totals.features += content.features
        totals.labels += len(content.label_ids)
        totals.without_labels += content.without_labels
        np.add.at(totals.label_counts, content.label_ids, 1)
        record += len(serialized)
    totals.points += record
    if record != shard.points:
        yield f"{path} must have {shard.points} records, according to dataset.json (got {record}); preprocess again."


def _same_counts(manifest: DatasetManifest, directory: str, counts: np.ndarray) -> bool:
    try:
        return np.array_equal(manifest.label_counts(directory), counts)
    except (InputError, ValueError, FileNotFoundError):
        return True  # reported already
