"""The second layers of all repetitions, laid out for bounds on label scores."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np

if TYPE_CHECKING:
    from mach_tf.network import Network


class OutputLayer(NamedTuple):
    """W2, b2 and the bucket table.

    Attributes:
      kernels: float32 [R, H, B].
      by_bucket: float32 [R, B, H], the same weights, a bucket's side by side.
      biases: float64 [R, B].
      norms: float64 [R, B], upper bounds of the Euclidean norms of each bucket's weights.
      table: int32 [R, K], the bucket of each label.
    """

    kernels: np.ndarray
    by_bucket: np.ndarray
    biases: np.ndarray
    norms: np.ndarray
    table: np.ndarray

    @classmethod
    def of(cls, network: Network) -> OutputLayer:
        """Reads each repetition once."""
        kernels, biases = [], []
        for index in range(len(network.repetitions)):
            # By index: a loop variable would keep one repetition in memory while the next is loaded.
            weights = network.repetitions[index].weights
            kernels.append(np.array(weights.output_kernel, np.float32))
            biases.append(np.array(weights.output_bias, np.float64))
        return cls.of_arrays(np.stack(kernels), np.stack(biases), network.bucket_table)

    @classmethod
    def of_arrays(cls, kernels: np.ndarray, biases: np.ndarray, table: np.ndarray) -> OutputLayer:
        """Lays out kernels, [R, H, B], biases, [R, B], and a bucket table, [R, K]."""
        kernels = np.ascontiguousarray(kernels, np.float32)
        norms = (1 + 2.0**-20) * np.sqrt(np.square(kernels, dtype=np.float64).sum(axis=1))
        by_bucket = np.ascontiguousarray(kernels.transpose(0, 2, 1))
        return cls(kernels, by_bucket, np.asarray(biases, np.float64), norms, np.asarray(table, np.int32))

    def label_weights(self, labels: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Returns weights and bias of the score of each label, float64 [m, R, H] and [m]: means over the repetitions."""
        repetitions = len(self.table)
        buckets = self.table[:, labels].T
        rows = np.arange(repetitions)
        weights = self.by_bucket[rows, buckets].astype(np.float64) / repetitions
        return weights, self.biases[rows, buckets].sum(axis=1) / repetitions
