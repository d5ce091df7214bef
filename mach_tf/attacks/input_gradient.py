"""Bucket logits as a function of a point's feature values, and the gradient back to them: the basis of every attack.

An attack may change the features that are present (`nonzero`) or every coordinate (`dense`). In the first case its variable
is float32 [nonzeros], aligned with the points' own entries; in the second float32 [n, D], so n must be small.
Repetitions are evaluated one after the other; of all of them, one sketch [n, R, B] stays in memory, and x W1 [n, R, hidden], so that the
gradient need not compute it again.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from typing import NamedTuple, Optional, Union

import numpy as np
import scipy.sparse
import tensorflow as tf

from mach_tf import arguments, devices
from mach_tf.attacks import entry_products
from mach_tf.choices import SUPPORTS
from mach_tf.classifier import SparseBatch, Weights, log_odds, log_odds_gradient, output_logits, sparse_product
from mach_tf.fgsm import value_gradients
from mach_tf.points import Points
from mach_tf.ranker.ranker import Ranker
from mach_tf.saved_repetition import Repetition

_MATRIX = tf.TensorSpec([None, None], tf.float32)
_VECTOR = tf.TensorSpec([None], tf.float32)
_IDS = tf.TensorSpec([None], tf.int64)
_WEIGHTS = Weights(_MATRIX, _VECTOR, _MATRIX, _VECTOR)
_SPARSE = SparseBatch(_IDS, _IDS, _VECTOR)
# Up to this many logits per point with a gradient, on average, are multiplied one by one; a margin has two.
_FEW_LOGITS = 8


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

    def forward(self, weights: Weights, values: np.ndarray) -> tuple[tf.Tensor, tf.Tensor]:
        """Returns one repetition's bucket logits, [n, B], and x W1, [n, hidden]."""
        weights = _tensors(weights)
        if devices.default_is_gpu():
            found: tuple[tf.Tensor, tf.Tensor] = _sparse_forward(weights, self._batch(values))
            return found
        kernel = np.asarray(weights.hidden_kernel)  # a view of the tensor's memory
        product = entry_products.sparse_product(values, kernel, self.points.row_splits, self.points.feature_ids)
        hidden_input = tf.convert_to_tensor(product)
        return _output_logits(weights, hidden_input), hidden_input

    def backward(self, weights: Weights, hidden_input: tf.Tensor, logit_gradient: np.ndarray) -> np.ndarray:
        """Returns the gradient for the values, [nonzeros], from x W1 and the gradient for one repetition's logits, [n, B]."""
        weights = _tensors(weights)
        if devices.default_is_gpu():
            return np.asarray(_sparse_backward(weights, hidden_input, self._batch(self.clean), logit_gradient))
        logit_gradient = np.ascontiguousarray(logit_gradient, np.float32)
        if entry_products.has_at_most(logit_gradient, _FEW_LOGITS * len(logit_gradient)):
            _, bias, output_kernel, _ = map(np.asarray, weights)
            arrays = logit_gradient, output_kernel, np.asarray(hidden_input), bias
            gradient = entry_products.few_logits_hidden_gradient(*arrays)
        else:
            gradient = _hidden_gradient(weights, hidden_input, logit_gradient).numpy()
        kernel = np.asarray(weights.hidden_kernel)
        return entry_products.entry_products(gradient, kernel, self.points.row_splits, self.points.feature_ids)

    def through_ranker(self, ranker: Ranker, slopes: scipy.sparse.csr_matrix, rows: slice) -> np.ndarray:
        """Returns the sum over labels of slopes[i, l] w_l for the values of consecutive points, as float32.

        Args:
          ranker: has the weights w_l.
          slopes: CSR [rows, K].
          rows: the points.
        """
        points = self.points[rows]
        return ranker.value_gradients(slopes, points.row_splits, points.feature_ids)

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

    def forward(self, weights: Weights, values: np.ndarray) -> tuple[tf.Tensor, tf.Tensor]:
        found: tuple[tf.Tensor, tf.Tensor] = _dense_forward(_tensors(weights), values)
        return found

    def backward(self, weights: Weights, hidden_input: tf.Tensor, logit_gradient: np.ndarray) -> np.ndarray:
        return np.asarray(_dense_backward(_tensors(weights), hidden_input, logit_gradient))

    def through_ranker(self, ranker: Ranker, slopes: scipy.sparse.csr_matrix, rows: slice) -> np.ndarray:
        return np.asarray((slopes @ ranker.weights).toarray(), np.float32)


AttackInput = Union[NonzeroInput, DenseInput]


def attack_input(points: Points, columns: int, support: str) -> AttackInput:
    """Returns the input for one of SUPPORTS."""
    arguments.choice(support, "support", SUPPORTS)
    return NonzeroInput(points, columns) if support == "nonzero" else DenseInput(points, columns)


def first_value(points: Points, columns: int, support: str, row: int) -> int:
    """Returns how many values the points before `row` have, by which draws are numbered so that chunks do not change them."""
    return row * columns if support == "dense" else int(points.row_splits[row])


class ForwardPass(NamedTuple):
    """What a gradient needs of the values that it is taken at.

    Attributes:
      logits: float32 [n, R, B]; of a multiclass model the log-odds of its softmax.
      hidden_inputs: x W1 of each repetition, float32 [n, hidden].
    """

    logits: np.ndarray
    hidden_inputs: list[tf.Tensor]


def forward_pass(repetitions: Sequence[Repetition], inputs: AttackInput, values: np.ndarray) -> ForwardPass:
    """Evaluates all repetitions; takes each from the sequence once."""
    logits: Optional[np.ndarray] = None
    hidden_inputs = []
    for index in range(len(repetitions)):
        # By index: a loop variable would keep one repetition in memory while the next is loaded.
        of_one, hidden_input = inputs.forward(repetitions[index].weights, values)
        if logits is None:
            logits = np.empty((of_one.shape[0], len(repetitions), of_one.shape[1]), np.float32)
        logits[:, index] = log_odds(of_one) if repetitions[index].multiclass else of_one
        hidden_inputs.append(hidden_input)
    assert logits is not None
    return ForwardPass(logits, hidden_inputs)


def bucket_logits(repetitions: Sequence[Repetition], inputs: AttackInput, values: np.ndarray) -> np.ndarray:
    """Returns the logits of all repetitions, float32 [n, R, B]."""
    return forward_pass(repetitions, inputs, values).logits


def value_gradient(
    repetitions: Sequence[Repetition], inputs: AttackInput, found: ForwardPass, logit_gradient: np.ndarray
) -> np.ndarray:
    """Returns the gradient for the values, of their shape, from the gradient for all logits, float32 [n, R, B]."""
    total = np.zeros(inputs.clean.shape, np.float32)
    for index in range(len(repetitions)):
        weights, hidden_input = repetitions[index].weights, found.hidden_inputs[index]
        of_logits = logit_gradient[:, index]
        if repetitions[index].multiclass:
            of_logits = log_odds_gradient(output_logits(weights, hidden_input), of_logits).numpy()
        total += inputs.backward(weights, hidden_input, of_logits)
        del weights  # before the next are loaded
    return total


def _tensors(weights: Weights) -> Weights:
    return Weights(*(tf.convert_to_tensor(weight) for weight in weights))


@tf.function(input_signature=[_WEIGHTS, _MATRIX, _MATRIX])
def _hidden_gradient(weights: Weights, hidden_input: tf.Tensor, logit_gradient: tf.Tensor) -> tf.Tensor:
    # As a tape has it; a tape would compute the logits once more, for their shape.
    # For few points, W2 times the transposed gradient takes half the time of the gradient times the transposed W2; for many, the same.
    gradient = tf.transpose(tf.matmul(weights.output_kernel, logit_gradient, transpose_b=True))
    return tf.raw_ops.ReluGrad(gradients=gradient, features=hidden_input + weights.hidden_bias)


@tf.function(input_signature=[_WEIGHTS, _MATRIX])
def _output_logits(weights: Weights, hidden_input: tf.Tensor) -> tf.Tensor:
    return output_logits(weights, hidden_input)


@tf.function(input_signature=[_WEIGHTS, _SPARSE])
def _sparse_forward(weights: Weights, batch: SparseBatch) -> tuple[tf.Tensor, tf.Tensor]:
    hidden_input = sparse_product(batch, weights.hidden_kernel)
    return output_logits(weights, hidden_input), hidden_input


@tf.function(input_signature=[_WEIGHTS, _MATRIX, _SPARSE, _MATRIX])
def _sparse_backward(
    weights: Weights, hidden_input: tf.Tensor, batch: SparseBatch, logit_gradient: tf.Tensor
) -> tf.Tensor:
    gradient = _hidden_gradient(weights, hidden_input, logit_gradient)
    return value_gradients(gradient[:, None], weights.hidden_kernel[:, None], batch)[:, 0]


@tf.function(input_signature=[_WEIGHTS, _MATRIX])
def _dense_forward(weights: Weights, values: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
    hidden_input = tf.matmul(values, weights.hidden_kernel)
    return output_logits(weights, hidden_input), hidden_input


@tf.function(input_signature=[_WEIGHTS, _MATRIX, _MATRIX])
def _dense_backward(weights: Weights, hidden_input: tf.Tensor, logit_gradient: tf.Tensor) -> tf.Tensor:
    return tf.matmul(_hidden_gradient(weights, hidden_input, logit_gradient), weights.hidden_kernel, transpose_b=True)
