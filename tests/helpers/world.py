"""A small text, its dataset and a model with random weights, for the tests of explanations."""

from __future__ import annotations

import os
from typing import NamedTuple

import numpy as np
import scipy.sparse

import mach_tf
from mach_tf import estimators, hashing, manifest
from mach_tf.classifier import Weights
from mach_tf.ensemble import Ensemble
from mach_tf.points import Points
from tests.helpers import model_directory, rankers

HOSTILE = "<script>alert(1)</script>"
POINTS, FEATURES, LABELS = 12, 60, 30


class World(NamedTuple):
    """The paths of a dataset, a model and a text, and the matrices that the text holds."""

    dataset: str
    model: str
    text: str
    features: scipy.sparse.csr_matrix
    labels: scipy.sparse.csr_matrix


def make(directory: str, **options) -> World:
    """Writes everything into a directory; the options are those of model_directory.write."""
    generator = np.random.default_rng(0)
    features = scipy.sparse.random(POINTS, FEATURES, 0.2, "csr", np.float32, random_state=0)
    labels = scipy.sparse.csr_matrix(generator.random((POINTS, LABELS)) < 0.1, dtype=np.float32)
    world = World(*(os.path.join(directory, name) for name in ("dataset", "model", "points.txt")), features, labels)
    names = [HOSTILE if i == 7 else f"feature-{i}" for i in range(FEATURES)]
    label_names = [f"</script><b>label {i}" if i == 3 else f"label-{i}" for i in range(LABELS)]
    spec = hashing.FeatureSpec(40)
    data = (features, labels)
    dataset = mach_tf.write_dataset(
        *data, world.dataset, test=data, spec=spec, feature_names=names, label_names=label_names
    )
    write_text(world.text, features, labels)
    os.makedirs(world.model)
    model_directory.write(world.model, dataset=dataset, **options)
    assert manifest.ModelManifest.read(world.model).feature_spec == spec
    return world


def write_split_form(path: str, matrix: scipy.sparse.csr_matrix) -> None:
    """Writes one of the two files of the repository's split form."""
    lines = [f"{matrix.shape[0]} {matrix.shape[1]}"]
    for row in matrix:
        lines.append(" ".join(f"{i}:{float(v)!r}" for i, v in zip(row.indices, row.data)))
    with open(path, "w", encoding="ascii") as file:
        file.write("\n".join(lines) + "\n")


def write_text(path: str, features: scipy.sparse.csr_matrix, labels: scipy.sparse.csr_matrix) -> None:
    """Writes the XML-repository text of two matrices."""
    lines = [f"{features.shape[0]} {features.shape[1]} {labels.shape[1]}"]
    for point in range(features.shape[0]):
        row = features[point]
        pairs = " ".join(f"{i}:{float(v)!r}" for i, v in zip(row.indices, row.data))
        lines.append(f"{','.join(map(str, labels[point].indices))} {pairs}")
    with open(path, "w", encoding="ascii") as file:
        file.write("\n".join(lines) + "\n")


def every_score(ensemble: Ensemble, hashed: Points, estimator: str) -> np.ndarray:
    """Returns the scores of all labels, [n, K], by the same network and ranker in NumPy."""
    dense = hashed.features(ensemble.manifest.columns).toarray()
    ranker = ensemble.ranker if estimator == "logit_mean" else None
    return ensemble_score(ensemble, hashed, estimator) + (rankers.added(ranker, dense) if ranker else 0)


def ensemble_score(ensemble: Ensemble, hashed: Points, estimator: str) -> np.ndarray:
    """Returns the scores of all labels without what a ranker adds."""
    weights = [Weights(*map(np.asarray, repetition.weights)) for repetition in ensemble.repetitions]
    logits = model_directory.logits(weights, hashed.features(ensemble.manifest.columns))
    everything = np.tile(np.arange(ensemble.labels), (len(hashed), 1))
    return estimators.label_scores(
        estimators.bucket_scores(logits, estimator), ensemble.bucket_table, everything, estimator
    ).astype(np.float64)
