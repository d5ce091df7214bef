"""Rankers with random weights, and what they add by NumPy."""

from __future__ import annotations

import shutil

import numpy as np
import scipy.sparse

from mach_tf.ranker.ranker import Ranker
from mach_tf.training import claims


def random_ranker(labels: int, columns: int, seed: int = 0, scale: float = 2.0) -> Ranker:
    """Some labels have no weights, the others some of either sign."""
    weights = scipy.sparse.random(
        labels, columns, 0.4, "csr", np.float32, random_state=seed, data_rvs=np.random.default_rng(seed).standard_normal
    )
    weights = weights.multiply((np.arange(labels) % 5 > 0)[:, None]).tocsr().astype(np.float32)
    weights.eliminate_zeros()
    return Ranker(weights * np.float32(scale))


def with_ranker(model_dir: str, copy: str, labels: int, columns: int) -> str:
    """Copies a model directory and gives it a random ranker; returns the copy."""
    shutil.copytree(model_dir, copy)
    claims.add_ranker(copy, random_ranker(labels, columns))
    return copy


def added(ranker: Ranker, dense: np.ndarray) -> np.ndarray:
    """What is added to the scores of all labels, float64 [n, K]."""
    return np.maximum(dense.astype(np.float64) @ ranker.weights.toarray().astype(np.float64).T, 0)
