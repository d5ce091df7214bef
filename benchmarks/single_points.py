"""Arms of the benchmark of the service that predict in process, one point per call; each is prepared in a process of its own.

`servable` calls the signature of the servable. `naive` is what serving is without it: the R SavedModels of a model directory, and NumPy
that scores all labels. `napkinxc` (PLT) and `omikuji` (Parabel) are trained on the dataset first, with default settings.
"""

from __future__ import annotations

import importlib.util
import os
import tempfile
from typing import Any, Callable

import numpy as np
import scipy.sparse

from benchmarks.measured_process import Work
from mach_tf import points, startup

PEERS = ("napkinxc", "omikuji")
ARMS = ("servable", "naive", *PEERS)


def missing(arm: str) -> str:
    """Returns why an arm cannot run here; nothing if it can."""
    if arm in PEERS and importlib.util.find_spec(arm) is None:
        return f"{arm} is left out: it is not installed (pip install {arm})."
    return ""


def prepare(arm: str, source: str, features: scipy.sparse.csr_matrix, k: int) -> Work:
    """Returns the work of an arm, warmed up: it predicts each point alone.

    Args:
      arm: one of ARMS.
      source: the directory of a servable's version, of a model, or of a dataset for peers.
      features: those of raw points, [n, features].
      k: number of labels.
    """
    startup.prepare()
    predict = _ARMS[arm](source, k)
    rows = [features[row] for row in range(features.shape[0])]
    predict(rows[0])

    def work() -> tuple[int, int]:
        for row in rows:
            predict(row)
        return len(rows), 0

    return work


_Predict = Callable[[scipy.sparse.csr_matrix], Any]


def _tensors(row: scipy.sparse.csr_matrix) -> dict[str, Any]:
    import tensorflow as tf

    return {
        "row_splits": tf.constant(row.indptr, tf.int64),
        "feature_ids": tf.constant(row.indices, tf.int64),
        "feature_values": tf.constant(row.data, tf.float32),
    }


def _servable(directory: str, k: int) -> _Predict:
    import tensorflow as tf

    model = tf.saved_model.load(directory)
    signature, wanted = model.signatures["sparse"], tf.constant(k)
    # The variables live as long as the model.
    return lambda row, _=model: signature(**_tensors(row), k=wanted)["labels"].numpy()  # type: ignore[misc]


def _naive(model_dir: str, k: int) -> _Predict:
    import tensorflow as tf

    from mach_tf.manifest import ModelManifest, repetition_directory

    manifest = ModelManifest.read(model_dir)
    table = manifest.bucket_table()
    models = [tf.saved_model.load(repetition_directory(model_dir, r)) for r in range(len(table))]
    signatures = [model.signatures["sparse"] for model in models]

    def predict(row: scipy.sparse.csr_matrix, _: Any = models) -> np.ndarray:
        hashed = manifest.feature_spec.apply(points.from_csr(row)).features(manifest.columns)
        scores = np.zeros(manifest.labels, np.float32)
        for signature, buckets in zip(signatures, table):
            scores += signature(**_tensors(hashed))["logits"].numpy()[0][buckets]
        best = np.argpartition(-scores, k - 1)[:k]
        return best[np.argsort(-scores[best], kind="stable")]

    return predict


def _training_points(dataset_dir: str) -> Any:
    from mach_tf.data.dataset_reader import DatasetReader

    reader = DatasetReader.open(dataset_dir)
    return reader.read_points("train"), reader.manifest


def _napkinxc(dataset_dir: str, k: int) -> _Predict:
    from napkinxc.models import PLT

    found, manifest = _training_points(dataset_dir)
    model = PLT(tempfile.mkdtemp(prefix="napkinxc-"))
    labels = [found.label_ids[b:e].tolist() for b, e in zip(found.label_splits[:-1], found.label_splits[1:])]
    model.fit(found.features(manifest.features), labels)
    return lambda row: model.predict(row, top_k=k)


def _omikuji(dataset_dir: str, k: int) -> _Predict:
    import omikuji

    found, manifest = _training_points(dataset_dir)
    # It refuses lines without labels or features.
    found = found[(np.diff(found.row_splits) > 0) & (np.diff(found.label_splits) > 0)]
    with tempfile.TemporaryDirectory() as directory:
        path = os.path.join(directory, "train.txt")
        with open(path, "w", encoding="ascii") as file:
            file.write(f"{len(found)} {manifest.features} {manifest.labels}\n")
            for row, labels in zip(
                found.features(manifest.features), np.split(found.label_ids, found.label_splits[1:-1])
            ):
                entries = " ".join(f"{i}:{v:.6g}" for i, v in zip(row.indices, row.data))
                file.write(f"{','.join(map(str, labels))} {entries}\n")
        model = omikuji.Model.train_on_data(path)
    return lambda row: model.predict(list(zip(row.indices.tolist(), row.data.tolist())), top_k=k)


_ARMS: dict[str, Callable[[str, int], _Predict]] = {
    "servable": _servable,
    "naive": _naive,
    "napkinxc": _napkinxc,
    "omikuji": _omikuji,
}
