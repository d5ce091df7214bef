"""Bucket logits as a function of a point's feature values, and the gradient back to them: the basis of every attack.

An attack may change the features that are present (`nonzero`) or every coordinate (`dense`). In the first case its variable
is float32 [nonzeros], aligned with the points' own entries; in the second float32 [n, D], so n must be small.
Repetitions are evaluated one after the other; of all of them, only one sketch [n, R, B] stays in memory.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from typing import Union

import numpy as np
import scipy.sparse
import tensorflow as tf

from mach_tf import arguments
from mach_tf.choices import SUPPORTS
from mach_tf.classifier import SparseBatch, Weights, log_odds, log_odds_gradient, output_logits, sparse_product
from mach_tf.fgsm import value_gradients
from mach_tf.points import Points
from mach_tf.saved_repetition import Repetition

_MATRIX = tf.TensorSpec([None, None], tf.float32)
_VECTOR = tf.TensorSpec([None], tf.float32)
_IDS = tf.TensorSpec([None], tf.int64)
_WEIGHTS = Weights(_MATRIX, _VECTOR, _MATRIX, _VECTOR)
_SPARSE = SparseBatch(_IDS, _IDS, _VECTOR)


@dataclasses.dataclass(frozen=True)
class NonzeroInput:
    """Points whose present features may change.

    Attributes:
      points: hashed points.
      columns: D.
    """

    points: Points
    columns: int

    @property
    def clean(self) -> np.ndarray:
        """The unperturbed feature values, float32 [nonzeros]."""
        return self.points.feature_values

    def features(self, values: np.ndarray) -> scipy.sparse.csr_matrix:
        """Returns the points with these values, CSR [n, D]."""
        return dataclasses.replace(self.points, feature_values=values).features(self.columns)

    def norms(self, values: np.ndarray) -> np.ndarray:
        """Returns the Euclidean norm of each point's values, float64 [n]."""
        return np.sqrt(np.bincount(self.points.rows(), np.square(values, dtype=np.float64), minlength=len(self.points)))

    def spread(self, of_points: np.ndarray) -> np.ndarray:
        """Returns a number per point, [n], as one per value, in a shape that broadcasts to that of the values."""
        return np.asarray(of_points)[self.points.rows()]

    def smallest(self, values: np.ndarray) -> np.ndarray:
        """Returns the smallest value of each point, [n]; infinity for an empty one."""
        smallest = np.full(len(self.points), np.inf)
        filled = np.diff(self.points.row_splits) > 0
        if filled.any():
            smallest[filled] = np.minimum.reduceat(values, self.points.row_splits[:-1][filled])
        return smallest

    def forward(self, weights: Weights, values: np.ndarray) -> tf.Tensor:
        """Returns one repetition's bucket logits, [n, B]."""
        return _sparse_forward(_tensors(weights), self._batch(values))

    def backward(self, weights: Weights, values: np.ndarray, logit_gradient: np.ndarray) -> tf.Tensor:
        """Returns a loss's gradient for the values, [nonzeros], from its gradient for one repetition's logits, [n, B]."""
        return _sparse_backward(_tensors(weights), self._batch(values), logit_gradient)

    def _batch(self, values: np.ndarray) -> SparseBatch:
        return SparseBatch(
            tf.constant(self.points.row_splits, tf.int64),
            tf.constant(self.points.feature_ids, tf.int64),
            tf.constant(values, tf.float32),
        )


@dataclasses.dataclass(frozen=True)
class DenseInput:
    """A block of points whose every coordinate may change; the interface of NonzeroInput, with values [n, D]."""

    points: Points
    columns: int

    @property
    def clean(self) -> np.ndarray:
        return self.points.features(self.columns).toarray()

    def features(self, values: np.ndarray) -> scipy.sparse.csr_matrix:
        return scipy.sparse.csr_matrix(values)

    def norms(self, values: np.ndarray) -> np.ndarray:
        return np.sqrt(np.square(values, dtype=np.float64).sum(axis=1))

    def spread(self, of_points: np.ndarray) -> np.ndarray:
        return np.asarray(of_points)[:, None]

    def smallest(self, values: np.ndarray) -> np.ndarray:
        return values.min(axis=1)

    def forward(self, weights: Weights, values: np.ndarray) -> tf.Tensor:
        return _dense_forward(_tensors(weights), values)

    def backward(self, weights: Weights, values: np.ndarray, logit_gradient: np.ndarray) -> tf.Tensor:
        return _dense_backward(_tensors(weights), values, logit_gradient)


AttackInput = Union[NonzeroInput, DenseInput]


def attack_input(points: Points, columns: int, support: str) -> AttackInput:
    """Returns the input for one of SUPPORTS."""
    arguments.choice(support, "support", SUPPORTS)
    return NonzeroInput(points, columns) if support == "nonzero" else DenseInput(points, columns)


def bucket_logits(repetitions: Sequence[Repetition], inputs: AttackInput, values: np.ndarray) -> np.ndarray:
    """Returns the logits of all repetitions, float32 [n, R, B]; takes each repetition from the sequence once."""
    # By index: a loop variable would keep one repetition in memory while the next is loaded.
    return np.stack([_logits(repetitions[i], inputs, values).numpy() for i in range(len(repetitions))], axis=1)


def value_gradient(
    repetitions: Sequence[Repetition], inputs: AttackInput, values: np.ndarray, logit_gradient: np.ndarray
) -> np.ndarray:
    """Returns the gradient for the values, of their shape, from the gradient for all logits, float32 [n, R, B]."""
    total = np.zeros(values.shape, np.float32)
    for index in range(len(repetitions)):
        repetition, of_logits = repetitions[index], logit_gradient[:, index]
        if repetition.multiclass:
            of_logits = log_odds_gradient(inputs.forward(repetition.weights, values), of_logits)
        total += inputs.backward(repetition.weights, values, of_logits).numpy()
        del repetition  # before the next is loaded
    return total


def _logits(repetition: Repetition, inputs: AttackInput, values: np.ndarray) -> tf.Tensor:
    logits = inputs.forward(repetition.weights, values)
    return log_odds(logits) if repetition.multiclass else logits


def _tensors(weights: Weights) -> Weights:
    return Weights(*(tf.convert_to_tensor(weight) for weight in weights))


def _hidden_gradient(weights: Weights, hidden_input: tf.Tensor, logit_gradient: tf.Tensor) -> tf.Tensor:
    with tf.GradientTape() as tape:
        tape.watch(hidden_input)
        logits = output_logits(weights, hidden_input)
    return tape.gradient(logits, hidden_input, logit_gradient)


@tf.function(input_signature=[_WEIGHTS, _SPARSE])
def _sparse_forward(weights: Weights, batch: SparseBatch) -> tf.Tensor:
    return output_logits(weights, sparse_product(batch, weights.hidden_kernel))


@tf.function(input_signature=[_WEIGHTS, _SPARSE, _MATRIX])
def _sparse_backward(weights: Weights, batch: SparseBatch, logit_gradient: tf.Tensor) -> tf.Tensor:
    gradient = _hidden_gradient(weights, sparse_product(batch, weights.hidden_kernel), logit_gradient)
    return value_gradients(gradient[:, None], weights.hidden_kernel[:, None], batch)[:, 0]


@tf.function(input_signature=[_WEIGHTS, _MATRIX])
def _dense_forward(weights: Weights, values: tf.Tensor) -> tf.Tensor:
    return output_logits(weights, tf.matmul(values, weights.hidden_kernel))


@tf.function(input_signature=[_WEIGHTS, _MATRIX, _MATRIX])
def _dense_backward(weights: Weights, values: tf.Tensor, logit_gradient: tf.Tensor) -> tf.Tensor:
    gradient = _hidden_gradient(weights, tf.matmul(values, weights.hidden_kernel), logit_gradient)
    return tf.matmul(gradient, weights.hidden_kernel, transpose_b=True)
