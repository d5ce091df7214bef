"""What drives each label over a whole split: the mean attribution of every feature over the label's points.

Works block by block of the text: a block's sums are written as a part of their own, and an interrupted run goes on at the
first part that is missing. The parts are added up at the end.
"""

from __future__ import annotations

import contextlib
import dataclasses
import os
from typing import Any

import numpy as np
import scipy.sparse
import tqdm

from mach_tf import files
from mach_tf.data import libsvm
from mach_tf.data.libsvm import TextInput
from mach_tf.errors import InputError
from mach_tf.explanations import explainer
from mach_tf.explanations.integrated_gradients.attribution import Attribution
from mach_tf.explanations.integrated_gradients.paths import Pairs
from mach_tf.explanations.reporting import source_text
from mach_tf.manifest import MODEL_FILE, DatasetManifest, repetition_directory
from mach_tf.network import Network
from mach_tf.points import Points

_RUN_FILE = "global.json"
_BLOCK_BYTES = libsvm.BLOCK_BYTES


@dataclasses.dataclass(frozen=True)
class GlobalView:
    """A run over a split.

    Attributes:
      ensemble: the model.
      dataset: the manifest, for the numbers of features and labels.
      settings: how to attribute.
      output_dir: where the parts go.
    """

    ensemble: Network
    dataset: DatasetManifest
    settings: Attribution
    output_dir: str

    def run(self, texts: list[TextInput]) -> tuple[scipy.sparse.csr_matrix, np.ndarray]:
        """Goes through the text, or through what an interrupted run left of it.

        Args:
          texts: whose points they are.

        Returns:
          The means, CSR [labels, features], and each label's number of points, int64 [labels]. The parts stay until `clear`.

        Raises:
          InputError: text that breaks a rule or has no labels; an unfinished run with other settings in the directory.
        """
        parts = self._parts(texts)
        sums = scipy.sparse.csr_matrix((self.dataset.labels, self.dataset.features))
        counts = np.zeros(self.dataset.labels, np.int64)
        for part in parts:
            with np.load(part, allow_pickle=False) as saved:
                arrays = (saved["data"], saved["indices"], saved["indptr"])
                sums = sums + scipy.sparse.csr_matrix(arrays, shape=sums.shape)
                counts += saved["counts"]
        if not counts.any():
            raise InputError(
                f"{', '.join(text.path for text in texts)}: a label's points are those that have it, but no point has a label."
            )
        return scipy.sparse.csr_matrix(scipy.sparse.diags(1.0 / np.maximum(counts, 1)) @ sums), counts

    def clear(self) -> None:
        """Removes the parts, when their sum is written; what describes them last."""
        for name in os.listdir(self.output_dir):
            if name.startswith("global-part-"):
                os.remove(os.path.join(self.output_dir, name))
        with contextlib.suppress(FileNotFoundError):
            os.remove(os.path.join(self.output_dir, _RUN_FILE))

    def _parts(self, texts: list[TextInput]) -> list[str]:
        """Writes the parts that are missing; returns all."""
        self._check_same_run(texts)
        parts: list[str] = []
        for text in texts:
            with libsvm.TextReader(*text) as reader:
                source_text.check_header(self.dataset, text.path, reader.header)
                progress = tqdm.tqdm(total=reader.header.points, unit="points", desc=os.path.basename(text.path))
                for block in reader.blocks(_BLOCK_BYTES):
                    part = os.path.join(self.output_dir, f"global-part-{len(parts):05d}.npz")
                    parts.append(part)
                    lines = block.text.count(b"\n")
                    if not os.path.exists(part):
                        self._write_part(part, libsvm.parse(block).faultless(), block.first_point)
                    progress.update(lines)
                progress.close()
                reader.finish()
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

    def _check_same_run(self, texts: list[TextInput]) -> None:
        """Refuses to mix the parts of two different runs."""
        run: dict[str, Any] = {
            "settings": dataclasses.asdict(self.settings),
            "inputs": [files.sha256(path) for text in texts for path in text if path],
            "model": _fingerprint(self.ensemble),
            "block_bytes": _BLOCK_BYTES,
        }
        path = os.path.join(self.output_dir, _RUN_FILE)
        if not os.path.exists(path):
            self.clear()
            files.write_json(path, run)
        elif files.read_json(path, "unfinished global view") != run:
            raise InputError(
                f"{self.output_dir} holds an unfinished global view of another model, text or method. Give the same flags to go "
                f"on with it, or another --output_dir; or remove {path} to start anew."
            )


def _fingerprint(ensemble: Network) -> list[str]:
    """SHA-256 of model.json and of each repetition's index of variables, which holds checksums of them all."""
    directories = [repetition_directory(ensemble.model_dir, r) for r in range(len(ensemble.repetitions))]
    indices = [os.path.join(directory, "variables", "variables.index") for directory in directories]
    return [files.sha256(path) for path in [os.path.join(ensemble.model_dir, MODEL_FILE), *indices]]
