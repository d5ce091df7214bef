"""What drives each label over a whole split: the mean attribution of every feature over the label's points.

Works block by block of the text: a block's sums are written as a part of their own, and an interrupted run goes on at the
first part that is missing. The parts are added up at the end.
"""

from __future__ import annotations

import csv
import dataclasses
import io
import os
from collections.abc import Iterator, Sequence
from typing import Any, Optional

import numpy as np
import scipy.sparse
import tabulate
import tqdm

from explain import sources
from mach_tf import explainer, files, libsvm
from mach_tf.attribution import Attribution
from mach_tf.ensemble import Ensemble
from mach_tf.errors import InputError
from mach_tf.manifest import MODEL_FILE, DatasetManifest, repetition_directory
from mach_tf.paths import Pairs
from mach_tf.points import Points

MATRIX_FILE = "global.npz"
TABLE_FILE = "global.tsv"
_RUN_FILE = "global.json"
_TABLE_ROWS = 15
_TABLE_FEATURES = 5


@dataclasses.dataclass(frozen=True)
class GlobalView:
    """A run over a split.

    Attributes:
      ensemble: the model.
      dataset: the manifest, for the numbers of features and labels.
      settings: how to attribute.
      output_dir: where the files go.
      top_features: features a label in global.tsv.
    """

    ensemble: Ensemble
    dataset: DatasetManifest
    settings: Attribution
    output_dir: str
    top_features: int

    def run(
        self, paths: list[str], feature_names: Optional[Sequence[str]], label_names: Optional[Sequence[str]]
    ) -> str:
        """Goes through the text and writes global.npz and global.tsv.

        Args:
          paths: text files.
          feature_names, label_names: by raw id; None where there are none.

        Returns:
          A table of the labels with most points.

        Raises:
          InputError: text that breaks a rule or has no labels; an unfinished run with other settings in the directory.
        """
        parts = self._parts(paths)
        sums = scipy.sparse.csr_matrix((self.dataset.labels, self.dataset.features))
        counts = np.zeros(self.dataset.labels, np.int64)
        for part in parts:
            with np.load(part, allow_pickle=False) as saved:
                arrays = (saved["data"], saved["indices"], saved["indptr"])
                sums = sums + scipy.sparse.csr_matrix(arrays, shape=sums.shape)
                counts += saved["counts"]
        if not counts.any():
            raise InputError(f"{', '.join(paths)}: a label's points are those that have it, but no point has a label.")
        means = scipy.sparse.csr_matrix(scipy.sparse.diags(1.0 / np.maximum(counts, 1)) @ sums)
        with files.atomic_write(os.path.join(self.output_dir, MATRIX_FILE)) as file:
            scipy.sparse.save_npz(file, means)
        self._write_table(means, counts, feature_names, label_names)
        for part in [*parts, os.path.join(self.output_dir, _RUN_FILE)]:
            os.remove(part)
        return self._summary(means, counts, feature_names, label_names)

    def _parts(self, paths: list[str]) -> list[str]:
        """Writes the parts that are missing; returns all."""
        self._check_same_run(paths)
        parts: list[str] = []
        for path in paths:
            with libsvm.TextReader(path) as reader:
                sources.check_header(self.dataset, path, reader.header)
                progress = tqdm.tqdm(total=reader.header.points, unit="points", desc=os.path.basename(path))
                for block in reader.blocks(_BLOCK_BYTES):
                    part = os.path.join(self.output_dir, f"global-part-{len(parts):05d}.npz")
                    parts.append(part)
                    lines = block.text.count(b"\n")
                    if not os.path.exists(part):
                        parsed = libsvm.parse(block)
                        if parsed.bad_lines:
                            raise InputError(f"{parsed.bad_lines[0]} Correct the line.")
                        self._write_part(part, parsed.points, block.first_point)
                    progress.update(lines)
                progress.close()
        return parts

    def _write_part(self, path: str, raw: Points, first_point: int) -> None:
        pairs = Pairs(raw.label_splits, raw.label_ids)
        shape = (self.dataset.labels, self.dataset.features)
        sums = scipy.sparse.csr_matrix(shape)
        ids = np.arange(len(raw)) + first_point
        for explained in explainer.explain(self.ensemble, raw, pairs, self.settings, None, ids):
            matrix = explained.matrix(self.dataset.features)
            labels = explained.pairs.labels
            ones = np.ones(len(labels))
            of_label = scipy.sparse.csr_matrix((ones, (labels, np.arange(len(labels)))), (shape[0], len(labels)))
            sums = sums + of_label @ matrix
        counts = np.bincount(raw.label_ids, minlength=shape[0])
        with files.atomic_write(path) as file:
            np.savez(file, data=sums.data, indices=sums.indices, indptr=sums.indptr, counts=counts)

    def _check_same_run(self, paths: list[str]) -> None:
        """Refuses to mix the parts of two different runs."""
        run: dict[str, Any] = {
            "settings": dataclasses.asdict(self.settings),
            "inputs": [files.sha256(path) for path in paths],
            "model": _fingerprint(self.ensemble),
            "block_bytes": _BLOCK_BYTES,
        }
        path = os.path.join(self.output_dir, _RUN_FILE)
        if not os.path.exists(path):
            files.write_json(path, run)
            for name in os.listdir(self.output_dir):
                if name.startswith("global-part-"):
                    os.remove(os.path.join(self.output_dir, name))
        elif files.read_json(path, "unfinished global view") != run:
            raise InputError(
                f"{self.output_dir} holds an unfinished global view of another model, text or method. Give the same flags to go "
                f"on with it, or another --output_dir; or remove {path} to start anew."
            )

    def _write_table(
        self,
        means: scipy.sparse.csr_matrix,
        counts: np.ndarray,
        feature_names: Optional[Sequence[str]],
        label_names: Optional[Sequence[str]],
    ) -> None:
        text = io.StringIO(newline="")
        table = csv.writer(text, delimiter="\t", lineterminator="\n")
        table.writerow(["label", "label_name", "points", "feature", "feature_name", "mean_attribution"])
        for label in np.flatnonzero(counts):
            name = label_names[label] if label_names else ""
            for feature, value in _largest(means, label, self.top_features):
                feature_name = feature_names[feature] if feature_names else ""
                table.writerow([label, name, counts[label], feature, feature_name, f"{value:.6g}"])
        with files.atomic_write(os.path.join(self.output_dir, TABLE_FILE)) as file:
            file.write(text.getvalue().encode())

    def _summary(
        self,
        means: scipy.sparse.csr_matrix,
        counts: np.ndarray,
        feature_names: Optional[Sequence[str]],
        label_names: Optional[Sequence[str]],
    ) -> str:
        rows = []
        for label in np.argsort(-counts, kind="stable")[:_TABLE_ROWS]:
            if counts[label]:
                features = [
                    f"{feature_names[feature] if feature_names else feature} {value:+.2f}"
                    for feature, value in _largest(means, label, _TABLE_FEATURES)
                ]
                rows.append([label_names[label] if label_names else label, counts[label], ", ".join(features)])
        return tabulate.tabulate(rows, ["label", "points", "features that drive it, mean attribution"])


_BLOCK_BYTES = libsvm.BLOCK_BYTES


def _largest(means: scipy.sparse.csr_matrix, label: int, limit: int) -> Iterator[tuple[int, float]]:
    """A label's features of largest magnitude and their values."""
    begin, end = means.indptr[label : label + 2]
    values = means.data[begin:end]
    for i in np.argsort(-np.abs(values), kind="stable")[:limit]:
        yield int(means.indices[begin + i]), float(values[i])


def _fingerprint(ensemble: Ensemble) -> list[str]:
    """SHA-256 of model.json and of each repetition's index of variables, which holds checksums of them all."""
    directories = [repetition_directory(ensemble.model_dir, r) for r in range(len(ensemble.repetitions))]
    indices = [os.path.join(directory, "variables", "variables.index") for directory in directories]
    return [files.sha256(path) for path in [os.path.join(ensemble.model_dir, MODEL_FILE), *indices]]
