"""Computes the features that drive each label over a whole input: mean attributions over the label's points.

The text is processed in blocks, and the sums of each block are written as a part. An interrupted run continues at the
first part that is missing. The parts are added up at the end.
"""

from __future__ import annotations

import dataclasses
import os
import re
from collections.abc import Sequence
from typing import Any

import numpy as np
import scipy.sparse

from mach_tf import array_files, files, locks, repetition_files
from mach_tf.choices import EXPECTED_GRADIENTS
from mach_tf.data import libsvm
from mach_tf.data.textfile import check_regular
from mach_tf.errors import InputError
from mach_tf.explanations import explainer
from mach_tf.explanations.integrated_gradients.attribution import AttributionConfig
from mach_tf.explanations.integrated_gradients.paths import Pairs
from mach_tf.explanations.reporting.explanation_inputs import ExplanationInputs
from mach_tf.explanations.reporting.label_drivers import LabelDrivers
from mach_tf.explanations.reporting.point_files import PointFile
from mach_tf.network import Network
from mach_tf.points import Points
from mach_tf.progress_bars import Bar
from mach_tf.unfinished_run import REMEDY, UnfinishedRun

_RUN_FILE = "global.json"
_PART = re.compile(r"global-part-\d{5,}\.npz")
_LOCK_FILE = ".global.lock"
_BLOCK_BYTES = libsvm.BLOCK_BYTES


def write_label_drivers(
    inputs: ExplanationInputs, config: AttributionConfig, output_dir: str, top_features: int = 20
) -> LabelDrivers:
    """Computes the features that drive each label and writes global.npz and global.tsv.

    Paths begin at zero. An interrupted run continues where it stopped.

    Args:
      inputs: the model, and the text whose labelled points are averaged.
      config: the method, and the estimator whose scores are explained.
      output_dir: directory for the files; created if missing.
      top_features: features per label in global.tsv.

    Raises:
      InputError: as for `DriverRun.run`.
    """
    if config.method == EXPECTED_GRADIENTS:
        raise InputError(
            "labels=all begins at the zero baseline, and method=expected_gradients at training points. Use method='exact'."
        )
    os.makedirs(output_dir, exist_ok=True)
    run = DriverRun(inputs.network, config, output_dir)
    # Two runs would share their parts, and the first to end would remove those of the other.
    with locks.exclusive(os.path.join(output_dir, _LOCK_FILE)):
        drivers = LabelDrivers(*run.run(inputs.files), inputs.feature_names, inputs.label_names)
        drivers.write(output_dir, top_features)
        run.clear()
    return drivers


@dataclasses.dataclass(frozen=True)
class DriverRun:
    """A resumable run over an input.

    Attributes:
      network: the model.
      config: the method and the estimator.
      output_dir: an existing directory for the parts.
    """

    network: Network
    config: AttributionConfig
    output_dir: str

    def run(self, inputs: Sequence[PointFile]) -> tuple[scipy.sparse.csr_matrix, np.ndarray]:
        """Processes the text, or what an interrupted run left of it.

        Args:
          inputs: where the points are.

        Returns:
          The mean attributions, CSR [labels, features], and the number of points of each label, int64 [labels]. The parts
          remain on disk until `clear`.

        Raises:
          InputError: text that breaks a rule or has no labels; or the directory holds an unfinished run with other settings.
        """
        parts = self._parts(inputs)
        sums = scipy.sparse.csr_matrix(self._shape)
        counts = np.zeros(self._shape[0], np.int64)
        for part in parts:
            part_sums, part_counts = _read_part(part, sums.shape)
            sums = sums + part_sums
            counts += part_counts
        if not counts.any():
            raise InputError(
                f"{', '.join(file.source.path for file in inputs)}: no point has a label, but the features that drive a label are "
                "averaged over the points that have it. Give text with labels."
            )
        return scipy.sparse.csr_matrix(scipy.sparse.diags(1.0 / np.maximum(counts, 1)) @ sums), counts

    def clear(self) -> None:
        """Removes the parts, and their description last; call it when the result is written."""
        self._unfinished.clear()

    def _parts(self, inputs: Sequence[PointFile]) -> list[str]:
        """Writes the parts that are missing; returns the paths of all parts."""
        self._check_same_run(inputs)
        parts: list[str] = []
        for file in inputs:
            with file.open() as opened:
                with Bar(os.path.basename(file.source.path), opened.total, opened.unit) as bar:
                    for block in opened.blocks(_BLOCK_BYTES):
                        part = os.path.join(self.output_dir, f"global-part-{len(parts):05d}.npz")
                        parts.append(part)
                        if not os.path.exists(part):
                            self._write_part(part, block.points(), block.first_point)
                        bar.update(block.done)
                opened.finish()
        return parts

    @property
    def _unfinished(self) -> UnfinishedRun:
        return UnfinishedRun(self.output_dir, _PART, _RUN_FILE)

    @property
    def _shape(self) -> tuple[int, int]:
        """The numbers of labels and of raw features."""
        return self.network.manifest.labels, self.network.manifest.features

    def _write_part(self, path: str, raw: Points, first_point: int) -> None:
        pairs = Pairs(raw.label_splits, raw.label_ids)
        shape = self._shape
        sums = scipy.sparse.csr_matrix(shape)
        ids = np.arange(len(raw)) + first_point
        for explained in explainer.explain(self.network, raw, pairs, self.config, None, ids):
            matrix = explained.matrix(shape[1])
            labels = explained.pairs.labels
            ones = np.ones(len(labels))
            of_label = scipy.sparse.csr_matrix((ones, (labels, np.arange(len(labels)))), (shape[0], len(labels)))
            sums = sums + of_label @ matrix
        counts = np.bincount(raw.label_ids, minlength=shape[0])
        with files.atomic_write(path) as file:
            np.savez(file, data=sums.data, indices=sums.indices, indptr=sums.indptr, counts=counts)

    def _check_same_run(self, inputs: Sequence[PointFile]) -> None:
        """Raises InputError if the directory holds parts of a different run."""
        for path in (path for file in inputs for path in file.paths):
            check_regular(path)
        run: dict[str, Any] = {
            "settings": dataclasses.asdict(self.config),
            "inputs": [files.sha256(path) for file in inputs for path in file.paths],
            "model": repetition_files.fingerprint(self.network.model_dir, len(self.network.repetitions)),
            "block_bytes": _BLOCK_BYTES,
        }
        if self.network.ranker_of(self.config.estimator) is not None:
            run["ranker"] = self.network.manifest.ranker_sha256
        if any(reading := [file.reading for file in inputs]):
            run["reading"] = reading
        if not self._unfinished.is_of(run, "unfinished run of label drivers"):
            raise InputError(
                f"{self.output_dir} holds an unfinished run with another model, text or method. Repeat that run's settings to "
                f"continue it, choose another output_dir, or remove {self._unfinished.path} to start again."
            )


def _read_part(path: str, shape: tuple[int, int]) -> tuple[scipy.sparse.csr_matrix, np.ndarray]:
    """Returns the sums, CSR of that shape, and the counts that `_write_part` wrote."""
    arrays = array_files.read_archive(path, REMEDY)
    try:
        data, indices, row_splits, counts = (arrays[name] for name in ("data", "indices", "indptr", "counts"))
        sums = scipy.sparse.csr_matrix((data, indices, row_splits), shape=shape)
        sums.check_format()
        if (
            counts.shape != shape[:1]
            or counts.dtype != np.int64
            or counts.min(initial=0) < 0
            or data.dtype != np.float64
        ):
            raise ValueError("its counts or its type are wrong")
        if not np.isfinite(data).all():
            raise ValueError("it is not finite")
    except (KeyError, ValueError, TypeError, IndexError) as error:
        raise InputError(
            f"{path} must hold the sums of {shape[0]} labels and {shape[1]} features ({error}). {REMEDY}"
        ) from None
    return sums, counts
