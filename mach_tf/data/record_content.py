"""What the records of a shard must hold beyond their checksums: the schema, ids in range and in order, finite values."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import tensorflow as tf

from mach_tf.data.examples import FEATURE_IDS, FEATURE_VALUES, LABEL_IDS
from mach_tf.manifest import DatasetManifest

SCHEMA = {
    name: tf.io.RaggedFeature(dtype, row_splits_dtype=tf.int64)
    for name, dtype in ((FEATURE_IDS, tf.int64), (FEATURE_VALUES, tf.float32), (LABEL_IDS, tf.int64))
}
_BATCH = 4096


class Content(NamedTuple):
    """What a batch of records holds.

    Attributes:
      problem: what is wrong with it, a sentence; "" if nothing is.
      features: the number of features present; 0 if there is a problem.
      label_ids: the labels of all points, int64; empty if there is a problem.
      without_labels: the number of points without a label.
    """

    problem: str
    features: int = 0
    label_ids: np.ndarray = np.empty(0, np.int64)
    without_labels: int = 0


def assert_valid(parsed: dict[str, tf.RaggedTensor], columns: int, labels: int) -> list[tf.Operation]:
    """Returns operations that fail with InvalidArgumentError where `read` finds a problem; `damage.named` then finds the record.

    Args:
      parsed: records as `SCHEMA` parses them.
      columns: D.
      labels: K.
    """
    ids, values, label_ids = (parsed[name] for name in (FEATURE_IDS, FEATURE_VALUES, LABEL_IDS))
    holds = tf.reduce_all(ids.row_splits == values.row_splits) & tf.reduce_all(tf.math.is_finite(values.flat_values))
    for tensor, bound in ((ids, columns), (label_ids, labels)):
        flat = tensor.flat_values
        holds &= tf.reduce_all((flat >= 0) & (flat < bound))
        # Where an id does not rise, a point must begin.
        falls = tf.where(flat[1:] <= flat[:-1])[:, 0] + 1
        begins = tf.searchsorted(tensor.row_splits, falls, side="left")
        holds &= tf.reduce_all(tf.gather(tensor.row_splits, begins) == falls)
    return [tf.debugging.Assert(holds, ["a record breaks a rule"])]


def read(serialized: tf.Tensor, manifest: DatasetManifest) -> Content:
    """Reads a batch of serialized records and checks it against the manifest of its dataset."""
    try:
        parsed = tf.io.parse_example(serialized, SCHEMA)
    except (tf.errors.InvalidArgumentError, UnicodeDecodeError):  # the second when TensorFlow quotes the record
        return Content("a record must be a tf.train.Example of feature_ids, feature_values and label_ids.")
    splits = {name: tensor.row_splits.numpy() for name, tensor in parsed.items()}
    flat = {name: tensor.flat_values.numpy() for name, tensor in parsed.items()}
    if not np.array_equal(splits[FEATURE_IDS], splits[FEATURE_VALUES]):
        return Content("a point must have as many feature_values as feature_ids.")
    for name, bound in ((FEATURE_IDS, manifest.columns), (LABEL_IDS, manifest.labels)):
        if len(flat[name]) and not (flat[name].min() >= 0 and flat[name].max() < bound):
            return Content(f"{name} must be in [0, {bound}).")
        rising = flat[name][1:] > flat[name][:-1]
        starts = splits[name][1:-1]
        rising[starts[(starts > 0) & (starts < len(flat[name]))] - 1] = True
        if not rising.all():
            return Content(f"{name} must be ascending and unique in a point.")
    if not np.isfinite(flat[FEATURE_VALUES]).all():
        return Content("feature_values must be finite.")
    without_labels = int(np.count_nonzero(np.diff(splits[LABEL_IDS]) == 0))
    return Content("", len(flat[FEATURE_IDS]), flat[LABEL_IDS], without_labels)


def first_problem(path: str, manifest: DatasetManifest) -> str:
    """Returns a sentence about the first record of a shard, whose checksums hold, that breaks a rule; "" if none does."""
    before = 0
    for serialized in tf.data.TFRecordDataset(path).batch(_BATCH):
        problem = describe(path, serialized, before, manifest)
        if problem:
            return problem
        before += len(serialized)
    return ""


def describe(path: str, serialized: tf.Tensor, before: int, manifest: DatasetManifest) -> str:
    """Returns a sentence about the first record of a batch that breaks a rule; "" if none does.

    Args:
      path: the shard.
      serialized: the batch.
      before: the number of records before it.
      manifest: the manifest of the dataset.
    """
    problem = read(serialized, manifest).problem
    if not problem:
        return ""
    bad = next(i for i in range(len(serialized)) if read(serialized[i : i + 1], manifest).problem)
    return f"{path}, record {before + bad}: {problem} Preprocess again."
