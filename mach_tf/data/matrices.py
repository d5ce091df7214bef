"""Writing SciPy matrices as a dataset directory: `mach_tf.write_dataset`."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from typing import Optional

import numpy as np
import scipy.sparse

from mach_tf import points
from mach_tf.data import dataset
from mach_tf.data.shards import POINTS_PER_SHARD
from mach_tf.errors import InputError
from mach_tf.hashing import MAX_ID, FeatureSpec
from mach_tf.manifest import DatasetManifest, Source

_ROWS = 8192


def write_dataset(
    X: scipy.sparse.csr_matrix,
    Y: scipy.sparse.csr_matrix,
    output_dir: str,
    *,
    valid: Optional[tuple[scipy.sparse.csr_matrix, scipy.sparse.csr_matrix]] = None,
    test: Optional[tuple[scipy.sparse.csr_matrix, scipy.sparse.csr_matrix]] = None,
    valid_fraction: float = 0.0,
    split_seed: int = 0,
    spec: Optional[FeatureSpec] = None,
    feature_names: Optional[Sequence[str]] = None,
    label_names: Optional[Sequence[str]] = None,
    points_per_shard: int = POINTS_PER_SHARD,
    overwrite: bool = False,
) -> DatasetManifest:
    """Writes SciPy matrices as a dataset directory, like `python -m preprocess.to_tfrecord` does text files.

    Args:
      X: training features, CSR [n, features]; left as it is.
      Y: training labels, CSR [n, labels]; any non-zero marks a label.
      output_dir: a new or empty directory, or an old dataset if `overwrite`.
      valid, test: (X, Y) of the other splits.
      valid_fraction: instead of `valid`: the part of the training points to hold back, in [0, 1).
      split_seed: of the choice of the points held back.
      spec: how features are hashed and normalised; FeatureSpec() by default.
      feature_names, label_names: one a feature and a label.
      points_per_shard: of the shards.
      overwrite: whether an old dataset at `output_dir` may be replaced.

    Returns:
      The manifest of the new dataset.

    Raises:
      InputError: shapes that do not fit each other, values that are not finite, or `output_dir` is taken.
    """
    spec = spec or FeatureSpec()
    splits = {name: pair for name, pair in (("train", (X, Y)), ("valid", valid), ("test", test)) if pair is not None}
    dataset.check_valid_fraction(valid_fraction, "valid" in splits)
    for name, (features, labels) in splits.items():
        _check_matrices(name, features, labels, X.shape[1], Y.shape[1])
    with dataset.open_dataset(
        output_dir, X.shape[1], Y.shape[1], spec, points_per_shard=points_per_shard, overwrite=overwrite
    ) as writer:
        sources: dict[str, list[Source]] = {}
        for name, (features, labels) in splits.items():
            sources[name] = [_matrix_source(name, features, labels)]
            for begin in range(0, features.shape[0], _ROWS):
                rows = points.from_csr(features[begin : begin + _ROWS], labels[begin : begin + _ROWS])
                for split, part in dataset.share(name, rows, begin + np.arange(len(rows)), valid_fraction, split_seed):
                    writer.add(split, dataset.make_chunk(part, spec))
        if valid_fraction:
            sources["valid"] = []  # it must have points
        return writer.finish(sources, feature_names, label_names)


def _check_matrices(
    split: str, X: scipy.sparse.csr_matrix, Y: scipy.sparse.csr_matrix, features: int, labels: int
) -> None:
    if not (scipy.sparse.issparse(X) and X.format == "csr" and scipy.sparse.issparse(Y) and Y.format == "csr"):
        raise InputError(
            f"{split}: X and Y must be scipy.sparse CSR matrices (got {type(X)} and {type(Y)}); use .tocsr()."
        )
    if X.shape != (Y.shape[0], features) or Y.shape[1] != labels or not X.shape[0]:
        raise InputError(
            f"{split}: X must be [n, {features}] and Y [n, {labels}] with the same n, at least 1 "
            f"(got {X.shape} and {Y.shape})."
        )
    if max(features, labels) > MAX_ID:
        raise InputError(f"{split}: X and Y must have fewer than 2^31 columns (got {features} and {labels}).")
    with np.errstate(over="ignore"):
        finite = np.isfinite(X.data.astype(np.float32))
    if not finite.all():
        row = np.searchsorted(X.indptr, np.flatnonzero(~finite)[0], side="right") - 1
        raise InputError(
            f"{split}: the values of X must be finite as float32 (got {X.data[~finite][0]} in row {row}). Correct it."
        )


def _matrix_source(split: str, *matrices: scipy.sparse.csr_matrix) -> Source:
    digest, size = hashlib.sha256(), 0
    for matrix in matrices:
        for array in (matrix.indptr, matrix.indices, matrix.data):
            digest.update(np.ascontiguousarray(array).tobytes())
            size += array.nbytes
    return Source(f"<{split} matrices>", size, digest.hexdigest())
