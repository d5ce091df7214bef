"""Requests for the benchmark of the service: one point or one text each."""

from __future__ import annotations

import itertools
import json
from typing import Any, Optional

import numpy as np
import scipy.sparse

_COUNT = 2000


def random_points(features: int, entries: int, seed: int) -> scipy.sparse.csr_matrix:
    """Returns points with different random features each, [n, features]."""
    rng = np.random.default_rng(seed)
    ids = np.sort(np.stack([rng.choice(features, entries, replace=False) for _ in range(_COUNT)]), axis=1)
    splits = np.arange(_COUNT + 1) * entries
    return scipy.sparse.csr_matrix((rng.random(ids.size, np.float32), ids.reshape(-1), splits), (_COUNT, features))


def dataset_points(dataset_dir: str) -> scipy.sparse.csr_matrix:
    """Returns the first points of the test split of a dataset whose features are not hashed, [n, features]."""
    from mach_tf.data.dataset_reader import DatasetReader

    reader = DatasetReader.open(dataset_dir)
    return reader.read_points("test", _COUNT).features(reader.manifest.features)


def bodies(points: Optional[scipy.sparse.csr_matrix], texts: Optional[str], k: int) -> list[bytes]:
    """Returns the bodies of requests to /predict and /explain.

    Args:
      points: raw points [n, features], one for each body.
      texts: TSV corpus of Annif, whose first texts take the place of points; None for points.
      k: number of labels.
    """
    found: list[dict[str, Any]] = []
    if texts is not None:
        from mach_tf.data.textfile import opener

        with opener(texts)(texts, "rt", encoding="utf-8") as file:
            found = [{"texts": [line.split("\t")[0]]} for line in itertools.islice(file, _COUNT)]
    elif points is not None:
        for row in points:
            values = [float(f"{each:.6g}") for each in row.data]
            found.append({"points": [{"feature_ids": row.indices.tolist(), "feature_values": values}]})
    return [json.dumps({**body, "k": k}).encode() for body in found]
