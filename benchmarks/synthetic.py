"""Synthetic points with long-tailed ids: text of Amazon-670K's shape (76 features and 5.5 labels per point), or rows of any shape."""

from __future__ import annotations

import bz2
import gzip
import lzma
from typing import Any, Callable

import numpy as np
import scipy.sparse

FEATURES, LABELS = 135_909, 670_091
FEATURES_PER_POINT, LABELS_PER_POINT = 76, 5.5
_OPENERS: dict[str, Callable[..., Any]] = {"none": open, "gz": gzip.open, "bz2": bz2.open, "xz": lzma.open}
COMPRESSIONS = list(_OPENERS)
_CHUNK = 10_000


def write_synthetic(path: str, points: int, compression: str = "none", seed: int = 0) -> None:
    """Writes text of Amazon-670K's shape: long-tailed ids, values with six digits."""
    random = np.random.default_rng(seed)
    with _OPENERS[compression](path, "wb") as file:
        file.write(f"{points} {FEATURES} {LABELS}\n".encode())
        for begin in range(0, points, _CHUNK):
            file.write(b"".join(_synthetic_line(random) for _ in range(min(_CHUNK, points - begin))))


def long_tailed_rows(random: np.random.Generator, ids: int, count: int, rows: int) -> np.ndarray:
    """Returns ids in [0, ids), int64 [rows, count], distinct within a row; small ids are frequent, as common words are in text."""
    shares = 1.0 / (np.arange(ids) + 30.0)
    cumulative = np.cumsum(shares / shares.sum())
    return np.stack([_distinct(random, cumulative, count) for _ in range(rows)])


def _distinct(random: np.random.Generator, cumulative: np.ndarray, count: int) -> np.ndarray:
    """Draws ids one by one, each anew while it is a repetition; np.random.Generator.choice would look at every id for each row."""
    drawn = np.zeros(0, np.int64)
    while True:
        # The last of the cumulative shares may be rounded to below 1.
        more = np.minimum(np.searchsorted(cumulative, random.random(2 * count)), len(cumulative) - 1)
        drawn = np.concatenate([drawn, more])
        distinct, first = np.unique(drawn, return_index=True)
        if len(distinct) >= count:
            return drawn[np.sort(first)[:count]]


def matrix(ids: np.ndarray, values: np.ndarray, width: int) -> scipy.sparse.csr_matrix:
    """Returns the matrix [rows, width] with `values`, [rows, count], in the columns `ids` of the same shape."""
    row_splits = np.arange(len(ids) + 1) * ids.shape[1]
    return scipy.sparse.csr_matrix((values.ravel(), ids.ravel(), row_splits), shape=(len(ids), width))


def batches(setting: dict[str, Any], labels: int, count: int) -> list[dict[str, np.ndarray]]:
    """Returns batches whose feature and label ids are long-tailed, as in text.

    Args:
      setting: shapes, one of settings.SETTINGS.
      labels: K; each point has five.
      count: the number of batches.

    Returns:
      `feature_ids` int64 and `feature_values` float32, [points, features], and `label_ids` int64 [points, 5].
    """
    random, points = np.random.default_rng(0), setting["points"]
    return [
        {
            "feature_ids": np.sort(long_tailed_rows(random, setting["columns"], setting["features"], points)),
            "feature_values": np.full((points, setting["features"]), setting["features"] ** -0.5, np.float32),
            "label_ids": np.sort(long_tailed_rows(random, labels, 5, points)),
        }
        for _ in range(count)
    ]


def _synthetic_line(random: np.random.Generator) -> bytes:
    features = np.unique(_long_tailed(random, FEATURES, 1 + random.poisson(1.18 * FEATURES_PER_POINT)))
    labels = np.unique(_long_tailed(random, LABELS, 1 + random.poisson(LABELS_PER_POINT - 1)))
    values = random.random(len(features)) + 0.01
    values /= np.sqrt(np.sum(values**2))
    pairs = map("%d:%.6f".__mod__, zip(features.tolist(), values.tolist()))
    return f"{','.join(map(str, labels.tolist()))} {' '.join(pairs)}\n".encode()


def _long_tailed(random: np.random.Generator, size: int, count: int) -> np.ndarray:
    """Returns ids whose frequency falls like 1 / rank; the ranks are scattered over the ids."""
    ranks = np.exp(random.random(count) * np.log(size)).astype(np.int64)
    return ranks * 7_919 % size
