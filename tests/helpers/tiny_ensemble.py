"""A small random ensemble and points, in memory: what the attacks need of mach_tf.ensemble.Ensemble."""

from __future__ import annotations

import dataclasses
import types

import numpy as np
import scipy.sparse
import tensorflow as tf

from mach_tf.buckets import BucketSpec, invert
from mach_tf.choices import TASKS
from mach_tf.classifier import Weights
from mach_tf.decoding import decode
from mach_tf.hashing import FeatureSpec
from mach_tf.manifest import ModelManifest
from mach_tf.points import Points, from_csr
from mach_tf.saved_repetition import Repetition
from mach_tf.training_config import TrainingConfig
from tests.helpers import rankers


class BruteForceDecoder:
    """Scores every label."""

    def __init__(self, table: np.ndarray, buckets: int):
        self.table, self.members = table, invert(table, buckets)

    def top_k(self, scores: np.ndarray, k: int, estimator: str) -> tuple[np.ndarray, np.ndarray]:
        return decode.top_k(scores, self.table, self.members, k, estimator)


class InMemory(list):
    """Repetitions all in memory, as mach_tf.repetitions.Repetitions says of itself."""

    kept = True


def make_ensemble(repetitions=3, columns=20, hidden=8, buckets=6, labels=25, seed=0, multiclass=False, ranked=False):
    rng = np.random.default_rng(seed)

    def normal(*shape):
        return tf.constant(rng.standard_normal(shape), tf.float32)

    weights = [
        Weights(normal(columns, hidden), normal(hidden), normal(hidden, buckets), normal(buckets) - 1.0)
        for _ in range(repetitions)
    ]
    spec, training = BucketSpec(buckets, repetitions), TrainingConfig(hidden_units=hidden, task=TASKS[multiclass])
    manifest = ModelManifest(columns, labels, FeatureSpec(0), spec, training, "", {}, {})
    table = manifest.bucket_table()
    ranker = rankers.random_ranker(labels, columns) if ranked else None
    return types.SimpleNamespace(
        manifest=manifest,
        bucket_table=table,
        repetitions=InMemory(Repetition(each, multiclass=multiclass) for each in weights),
        decoder=decode.Decoder.of(table, buckets) if ranked else BruteForceDecoder(table, buckets),
        ranker_of=lambda estimator: ranker if estimator == "logit_mean" else None,
    )


def make_points(ensemble, points=30, density=0.3, seed=1) -> Points:
    """Unit-length nonnegative points, one of them empty, labelled with what the ensemble says of a noisy copy."""
    rng = np.random.default_rng(seed)
    columns, count = ensemble.manifest.columns, ensemble.manifest.labels
    dense = rng.random((points, columns)) * (rng.random((points, columns)) < density)
    dense[3] = 0
    dense /= np.maximum(np.linalg.norm(dense, axis=1, keepdims=True), 1e-9)
    scores = label_scores(ensemble, dense) + rng.standard_normal((points, count))
    truth = scores >= np.sort(scores, axis=1)[:, [-3]]
    return from_csr(scipy.sparse.csr_matrix(dense.astype(np.float32)), scipy.sparse.csr_matrix(truth))


def first_labels(points: Points) -> Points:
    """Returns the points with the first label of each alone; each must have one."""
    splits = np.arange(len(points) + 1, dtype=np.int64)
    return dataclasses.replace(points, label_splits=splits, label_ids=points.label_ids[points.label_splits[:-1]])


def label_scores(ensemble, dense: np.ndarray) -> np.ndarray:
    """Mean logits of all labels and what a ranker adds, [n, K], computed with NumPy alone."""
    means = np.mean([logits[:, row] for logits, row in zip(all_logits(ensemble, dense), ensemble.bucket_table)], axis=0)
    ranker = ensemble.ranker_of("logit_mean")
    return means if ranker is None else means + rankers.added(ranker, dense)


def all_logits(ensemble, dense: np.ndarray) -> list[np.ndarray]:
    """float64 [n, B] for each repetition."""
    result = []
    for repetition in ensemble.repetitions:
        w1, b1, w2, b2 = (np.asarray(weight, np.float64) for weight in repetition.weights)
        result.append(np.maximum(dense @ w1 + b1, 0) @ w2 + b2)
    return result
