"""Computes the features that drive each label over a whole input: mean attributions over the label's points.

The text is processed in blocks, and the sums of each block are written as a part. An interrupted run continues at the
first part that is missing, and several processes may each compute some of the blocks. Whoever computes all adds the parts up.
"""

from __future__ import annotations

import dataclasses
import functools
import os
from collections.abc import Iterator, Sequence
from typing import Any, Optional, Union

import numpy as np
import scipy.sparse

from mach_tf import files, repetition_files
from mach_tf.choices import EXPECTED_GRADIENTS
from mach_tf.data import libsvm
from mach_tf.data.textfile import check_regular
from mach_tf.errors import InputError
from mach_tf.explanations import explainer
from mach_tf.explanations.integrated_gradients.attribution import AttributionConfig
from mach_tf.explanations.integrated_gradients.paths import Pairs
from mach_tf.explanations.reporting.explanation_inputs import ExplanationInputs
from mach_tf.explanations.reporting.label_drivers import FILES, LabelDrivers
from mach_tf.explanations.reporting.point_files import PointBlock, PointFile
from mach_tf.network import Network
from mach_tf.point_range import FinishedRange, PointRange
from mach_tf.progress_bars import Bar
from mach_tf.run_parts import Arrays, RunParts, run_parts
from mach_tf.unfinished_run import REMEDY

_KIND = "global"
_BLOCK_BYTES = libsvm.BLOCK_BYTES


def write_label_drivers(
    inputs: ExplanationInputs,
    config: AttributionConfig,
    output_dir: str,
    top_features: int = 20,
    point_range: Optional[PointRange] = None,
) -> Union[LabelDrivers, FinishedRange]:
    """Computes the features that drive each label and writes global.npz and global.tsv.

    Paths begin at zero. An interrupted run continues where it stopped.

    Args:
      inputs: the model, and the text whose labelled points are averaged.
      config: the method, and the estimator whose scores are explained.
      output_dir: directory for the files; created if missing.
      top_features: features per label in global.tsv.
      point_range: the blocks of points to compute, whose sums stay in output_dir for the run that computes all; None computes and
        writes everything.

    Raises:
      InputError: as for `DriverRun.run`.
    """
    if config.method == EXPECTED_GRADIENTS:
        raise InputError(
            "labels=all begins at the zero baseline, and method=expected_gradients at training points. Use method='exact'."
        )
    run = DriverRun(inputs.network, config)
    with run_parts(output_dir, _KIND, lambda: run.describe(inputs.files), point_range, "explanations") as parts:
        if point_range is not None:
            run.compute_range(inputs.files, parts, point_range)
            return FinishedRange(point_range, parts.finished, output_dir, " and ".join(FILES))
        drivers = LabelDrivers(*run.run(inputs.files, parts), inputs.feature_names, inputs.label_names)
        drivers.write(output_dir, top_features)
    return drivers


@dataclasses.dataclass(frozen=True)
class DriverRun:
    """A resumable run over an input.

    Attributes:
      network: the model.
      config: the method and the estimator.
    """

    network: Network
    config: AttributionConfig

    def run(self, inputs: Sequence[PointFile], parts: RunParts) -> tuple[scipy.sparse.csr_matrix, np.ndarray]:
        """Processes the text, or what earlier runs left of it.

        Args:
          inputs: where the points are.
          parts: keeps the sums of each block of points.

        Returns:
          The mean attributions, CSR [labels, features], and the number of points of each label, int64 [labels].

        Raises:
          InputError: text that breaks a rule or has no labels; or a part that is damaged or of another run.
        """
        total = _Total(self._shape)
        for _, name, block in self._blocks(inputs):
            arrays = parts.kept(name, functools.partial(self._arrays, block))
            total.add(*_sums(arrays, parts.path(name), self._shape))
        if not total.counts.any():
            raise InputError(
                f"{', '.join(file.source.path for file in inputs)}: no point has a label, but the features that drive a label are "
                "averaged over the points that have it. Give text with labels."
            )
        return scipy.sparse.csr_matrix(
            scipy.sparse.diags(1.0 / np.maximum(total.counts, 1)) @ total.sums()
        ), total.counts

    def compute_range(self, inputs: Sequence[PointFile], parts: RunParts, point_range: PointRange) -> None:
        """Computes the blocks of a range; arguments and errors as of `run`."""
        for number, name, block in self._blocks(inputs):
            if point_range.has(number, block.first_point):
                parts.kept(name, functools.partial(self._arrays, block))

    def describe(self, inputs: Sequence[PointFile]) -> dict[str, Any]:
        """Returns everything that the results depend on."""
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
        return run

    @property
    def _shape(self) -> tuple[int, int]:
        """The numbers of labels and of raw features."""
        return self.network.manifest.labels, self.network.manifest.features

    def _blocks(self, inputs: Sequence[PointFile]) -> Iterator[tuple[int, str, PointBlock]]:
        """Yields each block of the text, with its number and the name of its part; progress goes to stderr."""
        number = 0
        for file in inputs:
            with file.open() as opened:
                with Bar(os.path.basename(file.source.path), opened.total, opened.unit) as bar:
                    for block in opened.blocks(_BLOCK_BYTES):
                        yield number, f"{number:05d}", block
                        number += 1
                        bar.update(block.done)
                opened.finish()

    def _arrays(self, block: PointBlock) -> Arrays:
        """Returns the sums of the attributions of a block and the number of points by label, as a part has them."""
        raw = block.points()
        pairs = Pairs(raw.label_splits, raw.label_ids)
        shape = self._shape
        sums = scipy.sparse.csr_matrix(shape)
        ids = np.arange(len(raw)) + block.first_point
        for explained in explainer.explain(self.network, raw, pairs, self.config, None, ids):
            matrix = explained.matrix(shape[1])
            labels = explained.pairs.labels
            ones = np.ones(len(labels))
            of_label = scipy.sparse.csr_matrix((ones, (labels, np.arange(len(labels)))), (shape[0], len(labels)))
            sums = sums + of_label @ matrix
        counts = np.bincount(raw.label_ids, minlength=shape[0])
        return {"data": sums.data, "indices": sums.indices, "indptr": sums.indptr, "counts": counts}


class _Total:
    """Sums of sparse matrices, added in pairs of equally many parts: every entry is copied as often as the logarithm of their number."""

    def __init__(self, shape: tuple[int, int]):
        self._shape = shape
        self._pending: list[tuple[int, scipy.sparse.csr_matrix]] = []
        self.counts = np.zeros(shape[0], np.int64)

    def add(self, sums: scipy.sparse.csr_matrix, counts: np.ndarray) -> None:
        parts = 1
        while self._pending and self._pending[-1][0] == parts:
            sums = self._pending.pop()[1] + sums
            parts *= 2
        self._pending.append((parts, sums))
        self.counts += counts

    def sums(self) -> scipy.sparse.csr_matrix:
        found = scipy.sparse.csr_matrix(self._shape)
        while self._pending:
            found = self._pending.pop()[1] + found
        return found


def _sums(arrays: Arrays, path: str, shape: tuple[int, int]) -> tuple[scipy.sparse.csr_matrix, np.ndarray]:
    """Returns the sums, CSR of that shape, and the counts that `DriverRun` computed."""
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
