"""Writing matrices as a dataset directory: `mach_tf.write_dataset`."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from typing import Any, Optional

import numpy as np

from mach_tf import arguments
from mach_tf.data import arrays, dataset
from mach_tf.data.dataset_labels import Labels, open_labels
from mach_tf.data.incomplete_points import Incomplete
from mach_tf.data.matrix_blocks import Matrix, open_matrix
from mach_tf.data.shards import POINTS_PER_SHARD
from mach_tf.errors import InputError
from mach_tf.hashing import FeatureSpec
from mach_tf.manifest import DatasetManifest
from mach_tf.points import Points
from mach_tf.splits import Source

_ROWS = 8192


def write_dataset(
    X: Any,
    Y: Any,
    output_dir: str,
    *,
    valid: Optional[tuple[Any, Any]] = None,
    test: Optional[tuple[Any, Any]] = None,
    valid_fraction: float = 0.0,
    split_seed: int = 0,
    spec: Optional[FeatureSpec] = None,
    feature_names: Optional[Sequence[str]] = None,
    label_names: Optional[Sequence[str]] = None,
    points_per_shard: int = POINTS_PER_SHARD,
    overwrite: bool = False,
) -> DatasetManifest:
    """Writes matrices as a dataset directory, as `mach_tf.preprocess` does with text files.

    Args:
      X: training features, [n, features] of any real dtype: a 2-D array or nested list, a SciPy sparse matrix of any format,
        or a DataFrame. A dense X is read in blocks of rows; no X is changed.
      Y: training labels: an indicator matrix [n, labels], dense or sparse, in which any positive number marks a label; or a
        sequence of label sequences. Integers in sequences are label ids from 0; strings become the label names.
      output_dir: a new or empty directory, or an old dataset if `overwrite`.
      valid, test: (X, Y) of the other splits.
      valid_fraction: instead of `valid`: the fraction of the training points to hold back, in [0, 1).
      split_seed: seed that chooses the points to hold back.
      spec: how features are hashed and normalised. By default up to 131,072 features keep their ids and more are hashed to as
        many; points are scaled to unit length.
      feature_names: one name per column of X; by default the columns of a DataFrame.
      label_names: one name per label; by default the columns of a DataFrame. If Y holds sequences of strings, these are all
        the labels that may occur, in the order of their ids; by default the sorted strings.
      points_per_shard: points per shard; only the last shard of a split may hold fewer.
      overwrite: whether to replace an existing dataset at `output_dir`.

    Returns:
      The manifest of the new dataset.

    Raises:
      InputError: an argument breaks a rule, or `output_dir` is taken; nothing is written then.

    Example:
      >>> X = [[0.5, 0.0, 1.0], [0.0, 2.0, 0.0]]
      >>> manifest = write_dataset(X, [["cat", "pet"], ["dog"]], "data/pets")
      >>> manifest.labels, manifest.features
      (3, 3)
    """
    output_dir = arguments.path(output_dir, "output_dir")
    split_seed = arguments.seed(split_seed, "split_seed")
    if spec is not None and not isinstance(spec, FeatureSpec):
        raise InputError(f"spec must be a mach_tf.FeatureSpec (got {arguments.shown(spec)}).")
    if label_names is not None:
        label_names = arguments.name_list(label_names, "label_names", what="label")
    pairs = {name: pair for name, pair in (("train", (X, Y)), ("valid", valid), ("test", test)) if pair is not None}
    dataset.check_valid_fraction(valid_fraction, "valid" in pairs)
    features = {split: _open_features(split, pair) for split, pair in pairs.items()}
    labels, label_names = open_labels({split: labels for split, (_, labels) in pairs.items()}, label_names)
    for split in pairs:
        _check_shapes(split, features, labels)
    if feature_names is None:
        feature_names = features["train"].column_names
    else:
        feature_names = arguments.name_list(feature_names, "feature_names", what="feature")
    columns, classes = features["train"].shape[1], labels["train"].shape[1]
    spec = spec or FeatureSpec.for_features(columns)
    with dataset.open_dataset(
        output_dir, columns, classes, spec, points_per_shard=points_per_shard, overwrite=overwrite
    ) as writer:
        sources: dict[str, list[Source]] = {}
        for name in pairs:
            sources[name] = [_source(name, features[name], labels[name])]
            for begin in range(0, features[name].shape[0], _ROWS):
                rows = _points(name, features[name], labels[name], begin)
                for split, part in dataset.share(name, rows, begin + np.arange(len(rows)), valid_fraction, split_seed):
                    writer.add(split, dataset.make_chunk(part, spec))
        if valid_fraction:
            sources["valid"] = []  # it must have points
        manifest = writer.finish(sources, feature_names, label_names)
    for name, written in manifest.splits.items():
        Incomplete.of_split(written).warn(f"of the {name} split")
    return manifest


def _open_features(split: str, pair: tuple[Any, Any]) -> Matrix:
    if not isinstance(pair, (tuple, list)) or len(pair) != 2:
        raise InputError(f"{split} must be a pair (X, Y) of features and labels (got {type(pair).__name__}).")
    return open_matrix(pair[0], f"{split}: X")


def _check_shapes(split: str, features: dict[str, Matrix], labels: dict[str, Labels]) -> None:
    first, shape, tags = features["train"], features[split].shape, labels[split].shape
    columns, classes = first.shape[1], labels["train"].shape[1]
    if shape[0] != tags[0]:
        raise InputError(f"{split}: X has {shape[0]} rows and Y has {tags[0]}; both need one row per point.")
    if not shape[0]:
        raise InputError(f"{split}: X and Y must have at least 1 row, one per point (got 0).")
    if shape[1] != columns:
        raise InputError(f"{split}: X must have {columns} columns, as the training X has (got {shape[1]}).")
    if tags[1] != classes:
        raise InputError(f"{split}: Y must have {classes} columns, as the training Y has (got {tags[1]}).")
    arrays.check_shape(features[split], columns, "features", 1)
    names = features[split].column_names
    if None not in (names, first.column_names) and names != first.column_names:
        raise InputError(f"{split}: X must have the columns of the training X, in the same order. Select them by name.")


def _points(split: str, features: Matrix, labels: Labels, begin: int) -> Points:
    end = min(begin + _ROWS, features.shape[0])
    rows, tags = arrays.feature_rows(features, begin, end), labels.rows(begin, end)
    return Points(
        rows.indptr.astype(np.int64),
        rows.indices.astype(np.int64),
        rows.data,
        tags.indptr.astype(np.int64),
        tags.indices.astype(np.int64),
    )


def _source(split: str, features: Matrix, labels: Labels) -> Source:
    """Describes where a split came from: the bytes of its matrices, and their hash."""
    digest, size = hashlib.sha256(), 0
    for content in (features.content(), labels.content()):
        for array in content:
            digest.update(np.ascontiguousarray(array).tobytes())
            size += array.nbytes
    return Source(f"<{split} matrices>", size, digest.hexdigest())
