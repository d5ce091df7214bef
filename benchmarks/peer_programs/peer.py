"""Trains another package's model on matrices in files, or predicts with it, and measures both.

It runs in an environment that holds that package, NumPy and SciPy alone, so it imports nothing of mach_tf. Its one argument is a JSON
object:

    package: "omikuji", "napkinxc" or "pecos".
    stage: "train" or "predict".
    data: a folder with train.x.npz, train.y.npz and test.x.npz, SciPy's sparse matrices; rows of x have unit length.
    model: the folder of the model, to write or to read.
    output: the file to write. "train" writes JSON with seconds, cpu_seconds and peak_mb; "predict" writes an .npz file with `labels`, int32
      [points, top], best first, -1 where there are fewer, and the same measurements.
    settings: the package's own settings; all others keep their defaults.
    threads: the number of threads, where the package lets one choose.
    top: the number of labels to predict. The time is that of the best five.
"""

from __future__ import annotations

import json
import os
import sys
import time
from collections.abc import Sequence
from typing import Any, Callable

import numpy as np
import scipy.sparse

TIMED_LABELS = 5
# Trains on x and y and writes the model; and from a model to a function of x and k that predicts.
Train = Callable[[scipy.sparse.csr_matrix, scipy.sparse.csr_matrix, str, "dict[str, Any]", int], "dict[str, float]"]
Load = Callable[[str, int], Callable[[scipy.sparse.csr_matrix, int], list[Any]]]


def main(request: dict[str, Any]) -> None:
    """Does what a request asks for, and writes its output."""
    train, load = PACKAGES[request["package"]]
    if request["stage"] == "train":
        x, y = _read(request["data"], "train.x"), _read(request["data"], "train.y")
        # A point without features or labels has nothing to teach, and not every package accepts it.
        kept = (np.diff(x.indptr) > 0) & (np.diff(y.indptr) > 0)
        measured = train(x[kept], y[kept], request["model"], request["settings"], request["threads"])
        with open(request["output"], "w", encoding="utf-8") as file:
            json.dump({**measured, "peak_mb": peak_mb()}, file)
        return
    x, n_labels = _read(request["data"], "test.x"), _read(request["data"], "train.y").shape[1]
    predict = load(request["model"], request["threads"])
    clock = Clock()
    # Asked for more labels than there are, one-vs-rest repeats some.
    predict(x, min(TIMED_LABELS, n_labels))
    arrays: dict[str, Any] = {**clock.elapsed(), "peak_mb": peak_mb()}
    arrays["labels"] = padded(predict(x, min(request["top"], n_labels)), request["top"])
    np.savez_compressed(request["output"], **arrays)


class Clock:
    """Measures wall and processor time from its making on."""

    def __init__(self) -> None:
        self._begin, self._begin_cpu = time.monotonic(), time.process_time()

    def elapsed(self) -> dict[str, float]:
        """Returns the seconds since then, of the clock and of this process's processors."""
        return {"seconds": time.monotonic() - self._begin, "cpu_seconds": time.process_time() - self._begin_cpu}


def padded(rows: Sequence[Sequence[int]], top: int) -> np.ndarray:
    """Returns label ids as int32 [points, top], with -1 where a row has fewer."""
    labels = np.full((len(rows), top), -1, np.int32)
    for i, row in enumerate(rows):
        labels[i, : len(row)] = row[:top]
    return labels


def write_text(path: str, x: scipy.sparse.csr_matrix, y: scipy.sparse.csr_matrix) -> None:
    """Writes points in the text format of the Extreme Classification Repository."""
    with open(path, "w", encoding="ascii") as file:
        file.write(f"{x.shape[0]} {x.shape[1]} {y.shape[1]}\n")
        for i in range(x.shape[0]):
            row, labels = slice(*x.indptr[i : i + 2]), y.indices[slice(*y.indptr[i : i + 2])]
            pairs = " ".join(f"{j}:{value:.7g}" for j, value in zip(x.indices[row], x.data[row]))
            file.write(f"{','.join(map(str, labels))} {pairs}\n")


def _train_omikuji(
    x: scipy.sparse.csr_matrix, y: scipy.sparse.csr_matrix, model: str, settings: dict[str, Any], threads: int
) -> dict[str, float]:
    import omikuji

    text = f"{model}.txt"
    write_text(text, x, y)
    chosen = omikuji.Model.default_hyper_param()
    for name, value in settings.items():
        setattr(chosen, name, value)
    clock = Clock()
    trained = omikuji.Model.train_on_data(text, chosen, threads)
    measured = clock.elapsed()
    trained.save(model)
    os.remove(text)
    return measured


def _load_omikuji(model: str, threads: int) -> Callable[[scipy.sparse.csr_matrix, int], list[Any]]:
    import omikuji

    loaded = omikuji.Model.load(model)
    loaded.init_prediction_thread_pool(threads)

    def predict(x: scipy.sparse.csr_matrix, k: int) -> list[list[int]]:
        rows = (slice(*x.indptr[i : i + 2]) for i in range(x.shape[0]))
        pairs = (list(zip(x.indices[row].tolist(), x.data[row].tolist())) for row in rows)
        return [[label for label, _ in loaded.predict(point, top_k=k)] for point in pairs]

    return predict


def _train_napkinxc(
    x: scipy.sparse.csr_matrix, y: scipy.sparse.csr_matrix, model: str, settings: dict[str, Any], threads: int
) -> dict[str, float]:
    from napkinxc import models

    kind = getattr(models, settings["model"])
    labels = [y.indices[slice(*y.indptr[i : i + 2])].tolist() for i in range(y.shape[0])]
    clock = Clock()
    kind(model, threads=threads).fit(x, labels)
    measured = clock.elapsed()
    with open(os.path.join(model, "kind.txt"), "w", encoding="ascii") as file:
        file.write(settings["model"])
    return measured


def _load_napkinxc(model: str, threads: int) -> Callable[[scipy.sparse.csr_matrix, int], list[Any]]:
    from napkinxc import models

    with open(os.path.join(model, "kind.txt"), encoding="ascii") as file:
        kind = getattr(models, file.read())
    loaded = kind(model, threads=threads)
    loaded.load()
    return lambda x, k: loaded.predict(x, top_k=k)


def _train_pecos(
    x: scipy.sparse.csr_matrix, y: scipy.sparse.csr_matrix, model: str, settings: dict[str, Any], threads: int
) -> dict[str, float]:
    from pecos.xmc import Indexer, LabelEmbeddingFactory
    from pecos.xmc.xlinear.model import XLinearModel

    clock = Clock()
    clusters = Indexer.gen(
        LabelEmbeddingFactory.create(y, x, method="pifa"), indexer_type="hierarchicalkmeans", threads=threads
    )
    trained = XLinearModel.train(x, y, C=clusters, threads=threads, **settings)
    measured = clock.elapsed()
    trained.save(model)
    return measured


def _load_pecos(model: str, threads: int) -> Callable[[scipy.sparse.csr_matrix, int], list[Any]]:
    from pecos.xmc.xlinear.model import XLinearModel

    loaded = XLinearModel.load(model, is_predict_only=True)

    def predict(x: scipy.sparse.csr_matrix, k: int) -> list[np.ndarray]:
        found = loaded.predict(x, only_topk=k, threads=threads)
        rows = (slice(*found.indptr[i : i + 2]) for i in range(x.shape[0]))
        return [found.indices[row][np.argsort(-found.data[row], kind="stable")] for row in rows]

    return predict


PACKAGES: dict[str, tuple[Train, Load]] = {
    "omikuji": (_train_omikuji, _load_omikuji),
    "napkinxc": (_train_napkinxc, _load_napkinxc),
    "pecos": (_train_pecos, _load_pecos),
}


def _read(folder: str, name: str) -> scipy.sparse.csr_matrix:
    return scipy.sparse.load_npz(os.path.join(folder, f"{name}.npz")).tocsr()


def peak_mb() -> float:
    """Returns the most megabytes that this process has occupied. ru_maxrss would include what its parent occupied before it."""
    with open("/proc/self/status", encoding="ascii") as file:
        return next(int(line.split()[1]) * 1024 / 1e6 for line in file if line.startswith("VmHWM:"))


if __name__ == "__main__":
    main(json.loads(sys.argv[1]))
