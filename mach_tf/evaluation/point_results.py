"""Computes what an evaluation needs of each point, block by block; what is finished is kept, for a later run or another process."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from typing import Optional

import numpy as np
import scipy.sparse

from mach_tf.attacks import bucket_loss
from mach_tf.attacks.attack_report import AttackEntry
from mach_tf.decoding.best_labels import best_labels
from mach_tf.decoding.lanes import LANES
from mach_tf.evaluation import attack_evaluation, one_pass, pass_arrays
from mach_tf.evaluation.evaluation_task import EvaluationTask
from mach_tf.evaluation.one_pass import PassOptions, PassResult
from mach_tf.progress_bars import Bar
from mach_tf.run_parts import Arrays, RunParts

# Points that are computed together and kept as one part: a multiple of what goes through a network at once.
BLOCK = 8192


class PointResults:
    """The results of the points of an evaluation that this process computes.

    Attributes:
      task: the evaluation.
      parts: keeps what is finished, and knows which blocks of points are computed here.
      loading_seconds: elapsed seconds of loading the model and compiling the decoder; 0 while nothing was decoded here.
    """

    def __init__(self, task: EvaluationTask, parts: RunParts):
        self.task = task
        self.parts = parts
        self.loading_seconds = 0.0

    def decoded(self) -> PassResult:
        """Returns the top labels of all points."""
        return pass_arrays.from_arrays(self._decoded_blocks())

    def losses(self) -> np.ndarray:
        """Returns the losses of all points, clean and, if it is wanted, under the FGSM of training, float64 [1 or 2, n]."""
        return np.concatenate([block["losses"] for block in self._loss_blocks()], axis=1)

    def attacks(self, texts: Optional[Sequence[Sequence[str]]]) -> list[AttackEntry]:
        """Returns what attacks on all points cost; arguments as of `evaluate_attacks`."""
        task, settings = self.task, self.task.settings
        return attack_evaluation.evaluate_attacks(
            task.network,
            task.points,
            settings.attack_list,
            settings.sizes,
            task.report,
            settings.estimator_names[0],
            target_label=task.target_label,
            excluded=task.excluded,
            parts=self.parts,
            name="attack",
            words=settings.words,
            texts=texts,
        )

    def keep(self, texts: Optional[Sequence[Sequence[str]]]) -> None:
        """Computes and keeps the blocks of points of this process.

        Args:
          texts: as of `attacks`.
        """
        self._decoded_blocks()
        self._loss_blocks()
        self.attacks(texts)

    def _decoded_blocks(self) -> list[Arrays]:
        return self.parts.of_blocks("top-", len(self.task.points), BLOCK, "evaluate", self._decode)

    def _loss_blocks(self) -> list[Arrays]:
        return self.parts.of_blocks("loss-", len(self.task.points), BLOCK, "bucket loss", self._losses)

    def _decode(self, rows: range, bar: Bar) -> Arrays:
        task, settings = self.task, self.task.settings
        if not self.loading_seconds:
            self.loading_seconds = _load(task)
        repetitions = len(task.network.repetitions)
        options = PassOptions(
            max(task.report.ks),
            settings.estimator_names,
            settings.approximate,
            one_pass.repetition_counts(repetitions) if settings.repetition_curve else [],
            None if task.excluded is None else task.excluded[rows.start : rows.stop],
            task.name_score,
            task.decoder,
        )
        return pass_arrays.to_arrays(one_pass.run(task.network, task.points[rows], options, bar.update))

    def _losses(self, rows: range, bar: Bar) -> Arrays:
        def counted(chunks: Sequence[range]) -> Iterator[range]:
            for chunk in chunks:
                yield chunk
                bar.update(len(chunk))

        training = self.task.network.manifest.training
        sizes = [0.0, training.epsilon] if self.task.settings.adversarial_loss else [0.0]
        points = self.task.points[rows]
        return {"losses": bucket_loss.bucket_losses(self.task.network, points, sizes, training.fgsm_support, counted)}


def _load(task: EvaluationTask) -> float:
    """Loads what stays in memory and compiles the decoder, so that the pass is timed without both; returns the seconds."""
    begun, network = time.perf_counter(), task.network
    if network.repetitions.kept:
        for _ in network.repetitions:
            pass
    # Points whose buckets have equal scores make decoding try all its methods; one point alone is not scanned by blocks.
    equal = np.zeros((LANES, *network.sketch_shape), np.float32)
    empty = scipy.sparse.csr_matrix((LANES, network.manifest.columns), dtype=np.float32)
    for name in task.settings.estimator_names:
        for approximate in {None, task.settings.approximate}:
            best_labels(task.decoder, equal, empty, 1, name, network.added_scores(name, task.name_score), approximate)
    return time.perf_counter() - begun
