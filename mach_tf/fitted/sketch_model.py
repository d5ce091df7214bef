"""What predictions of classes need of a model: bucket scores of points, and the decoder of its bucket table."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np

from mach_tf.logit_scale import LogitScale

if TYPE_CHECKING:  # Numba takes time to import, which making an estimator need not wait for
    from mach_tf.decoding.added_scores import AddedScores
    from mach_tf.decoding.decode import Decoded, Decoder


class SketchModel(Protocol):
    """R repetitions of any kind, and their bucket table; `mach_tf.network.Network` is one, and its input are hashed points."""

    @property
    def labels(self) -> int:
        """K, the number of labels."""

    @property
    def sketch_shape(self) -> tuple[int, int]:
        """R and B."""

    @property
    def bucket_table(self) -> np.ndarray:
        """The bucket of each label in each repetition, int32 [R, K]."""

    @property
    def decoder(self) -> Decoder:
        """The decoder of the bucket table."""

    @property
    def logit_scale(self) -> LogitScale:
        """The line from label scores that are means of logits to the log-odds of probabilities."""

    def added_scores(self, estimator: str) -> Sequence[AddedScores]:
        """Returns what is added to the label scores of an estimator; if anything is, the input is a sparse matrix."""

    def sketches(self, features: Any) -> Iterator[tuple[range, np.ndarray]]:
        """Yields the bucket logits of consecutive points of the model's input, float32 [rows, R, B]."""

    def decode(self, features: Any, k: int, estimator: str) -> Decoded:
        """Decodes the k best labels of the model's input."""
