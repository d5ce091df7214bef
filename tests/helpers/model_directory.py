"""Small model directories with random weights, and the same network in NumPy."""

from __future__ import annotations

import dataclasses

import numpy as np

from mach_tf.buckets import BucketSpec
from mach_tf.classifier import Weights
from mach_tf.hashing import FeatureSpec
from mach_tf.manifest import ModelManifest, repetition_directory
from mach_tf.saved_repetition import export_repetition
from mach_tf.training_config import TrainingConfig

EPSILON = 0.02


def write(
    directory: str,
    *,
    features=60,
    labels=30,
    columns=40,
    buckets=8,
    repetitions=3,
    hidden=5,
    seed=0,
    epsilon=EPSILON,
    dataset=None,
) -> list[Weights]:
    """Writes model.json and the repetitions' SavedModels; returns their weights as arrays.

    With the manifest of a dataset the model passes for one that was trained on it.
    """
    generator = np.random.default_rng(seed)
    spec = BucketSpec(buckets, repetitions)
    training = TrainingConfig(hidden_units=hidden, epsilon=epsilon)
    manifest = ModelManifest(features, labels, FeatureSpec(columns), spec, training, "none", {}, {})
    if dataset is not None:
        identity = {"dataset_fingerprint": dataset.fingerprint, "names_sha256": dataset.names_sha256}
        manifest = dataclasses.replace(manifest, **identity)
    manifest.write(directory)
    every = []
    for repetition in range(repetitions):
        weights = Weights(
            *(
                generator.normal(size=s).astype(np.float32)
                for s in ((columns, hidden), hidden, (hidden, buckets), buckets)
            )
        )
        export_repetition(repetition_directory(directory, repetition), weights, manifest.origin(repetition))
        every.append(weights)
    return every


def logits(every: list[Weights], features) -> np.ndarray:
    """float32 [n, R, B] of hashed points, CSR [n, columns]."""
    dense = features.toarray()
    return np.stack(
        [np.maximum(dense @ w.hidden_kernel + w.hidden_bias, 0) @ w.output_kernel + w.output_bias for w in every],
        axis=1,
    )
