"""The Keras model of training: repetitions side by side, with an adversarial train_step."""

from __future__ import annotations

from collections.abc import Sequence
from types import ModuleType
from typing import Any, Callable, Optional, Union

import numpy as np
import tensorflow as tf

from mach_tf import devices
from mach_tf.classifier import SparseBatch, Weights, log_odds
from mach_tf.fgsm import fgsm
from mach_tf.seeds import Purpose, derive
from mach_tf.training import matrix_products, sparse_products
from mach_tf.training.dense_perturbation import dense_shift, whole_kernel_gradient
from mach_tf.training.training_batch import TrainingBatch
from mach_tf.training_config import TrainingConfig
from mach_tf.variable_rows import gather_rows, primary

_READ_ROWS = 4096


class RepetitionGroup(tf.keras.Model):
    """G bucket classifiers that share each batch and nothing else.

    The rows of a feature in all W1 lie side by side, so that one gather serves the group; the output layers are one batched
    product. The random streams of a repetition depend on the seed and its number alone, so that it learns the same weights as
    when it is trained alone.

    Attributes:
      hidden_kernel: [D, G, hidden].
      hidden_bias: [G, hidden].
      output_kernel: [G, hidden, B].
      output_bias: [G, B].
    """

    def __init__(
        self, config: TrainingConfig, columns: int, repetitions: Sequence[int], initial_output_bias: np.ndarray
    ):
        """Creates the variables; under a strategy, call it in the strategy's scope.

        Args:
          config: the training settings, the same for every repetition.
          columns: D, the input width.
          repetitions: the numbers of the repetitions.
          initial_output_bias: float32 [G, B].
        """
        super().__init__()
        # Every replica returns the same losses; Keras' default would add them up to one number.
        self.distribute_reduction_method = "first"
        self.config = config
        self.buckets = buckets = initial_output_bias.shape[1]
        self.repetitions = tuple(repetitions)
        count, hidden = len(repetitions), config.hidden_units
        self.hidden_kernel = self._variable(
            "hidden_kernel",
            lambda: self._normal(Purpose.HIDDEN_KERNEL, [columns, hidden], config.hidden_init_stddev, 1),
        )
        self.hidden_bias = self._variable("hidden_bias", lambda: tf.zeros([count, hidden]))
        self.output_kernel = self._variable(
            "output_kernel", lambda: self._normal(Purpose.OUTPUT_KERNEL, [hidden, buckets], hidden**-0.5, 0)
        )
        self.output_bias = self._variable("output_bias", lambda: tf.constant(initial_output_bias, tf.float32))

    def compile(self, optimizer: tf.keras.optimizers.legacy.Optimizer, **kwargs: Any) -> None:
        """Compiles the model as Keras does, and creates the optimizer's slots.

        Slots created in the first step would make tf.function run that step in a conditional, where one device waits for the
        placeholders of the other; and a checkpoint could not be restored and checked before training.
        """
        super().compile(optimizer=optimizer, **kwargs)
        with self.distribute_strategy.scope():
            self.optimizer._create_all_weights(self._variables)

    def train_step(self, batch: TrainingBatch) -> dict[str, tf.Tensor]:
        """Computes clean loss, FGSM perturbation and adversarial loss, and applies one optimizer step.

        Args:
          batch: this replica's piece of the global batch.

        Returns:
          The losses of the global batch by name, [G] each.
        """
        losses, gradients = self.losses_and_gradients(batch)
        self.optimizer.apply_gradients(zip(gradients, self._variables))
        totals = tf.distribute.get_replica_context().merge_call(_sum_over_replicas, [tf.stack(list(losses.values()))])
        return dict(zip(losses, tf.unstack(totals, len(losses))))

    def losses_and_gradients(
        self, batch: TrainingBatch
    ) -> tuple[dict[str, tf.Tensor], list[Union[tf.Tensor, tf.IndexedSlices]]]:
        """Computes this replica's shares of losses and gradients.

        Args:
          batch: this replica's piece of the global batch.

        Returns:
          The losses by name, [G] each, and the gradients of hidden_kernel, hidden_bias, output_kernel and output_bias. That of
          hidden_kernel is tf.IndexedSlices of unique rows, or a dense tensor if FGSM has the dense support.
        """
        targets, mask, products = self._targets(batch), self._dropout_mask(batch), self._products
        kernel = gather_rows(self.hidden_kernel, batch.rows)
        with tf.GradientTape(persistent=True) as tape:
            hidden_input = products.product(batch.points, kernel)
            # The tape sees W1 only through its products; their modules have their gradients.
            tape.watch(hidden_input)
            clean_loss = self._loss(hidden_input, mask, targets, batch.global_points)
        upper = self._variables[1:]
        # One backward pass of the clean loss serves the perturbation and the weights.
        hidden_gradient, *clean_gradients = tape.gradient(clean_loss, [hidden_input, *upper])
        if not self.config.adversarial:
            first = self._of_rows(products.kernel_gradient(batch.points, batch.entries, hidden_gradient), batch)
            return {"clean_loss": clean_loss}, [first, *clean_gradients]

        epsilon = self.config.epsilon
        if self.config.fgsm_support == "dense":
            dense = dense_shift(hidden_gradient, self.hidden_kernel, epsilon)
            shift = dense.shift
        else:
            perturbation = fgsm(products.value_gradients(hidden_gradient, kernel, batch.points), epsilon)
            shift = products.product_by_repetition(batch.points, perturbation, kernel)
        # The tape takes the shift as a variable of its own; its gradient for W1 is computed below.
        with tape:
            tape.watch(shift)
            adversarial_loss = self._loss(hidden_input + shift, mask, targets, batch.global_points)
            weighted = self.config.adversarial_weight * adversarial_loss
        shift_gradient, *adversarial_gradients = tape.gradient(weighted, [shift, *upper])
        if self.config.fgsm_support == "dense":
            sparse = products.kernel_gradient(batch.points, batch.entries, hidden_gradient + shift_gradient)
            first = whole_kernel_gradient(
                dense, shift_gradient, self._of_rows(sparse, batch), self.hidden_kernel, epsilon
            )
        else:
            both = products.kernel_gradient_of_both(
                batch.points, batch.entries, perturbation, hidden_gradient, shift_gradient
            )
            first = self._of_rows(both, batch)
        gradients = [first, *(a + b for a, b in zip(adversarial_gradients, clean_gradients))]
        return {"clean_loss": clean_loss, "adversarial_loss": adversarial_loss}, gradients

    def weights_of(self, position: int) -> Weights:
        """Returns a copy of the weights of the repetition at this position of the group, as float32 tensors.

        W1 is read block by block, because reading the variable would copy the W1 of the whole group. The weights are tensors and
        not arrays, because TensorFlow's allocator keeps freed memory for tensors alone.
        """
        columns = self.hidden_kernel.shape[0]
        ranges = [tf.range(b, min(b + _READ_ROWS, columns)) for b in range(0, columns, _READ_ROWS)]
        blocks = [gather_rows(primary(self.hidden_kernel), rows)[:, position] for rows in ranges]
        rest = (self.hidden_bias, self.output_kernel, self.output_bias)
        return Weights(tf.concat(blocks, axis=0), *(variable[position] for variable in rest))

    @property
    def moments(self) -> list[tf.Variable]:
        """The optimizer's slots of a compiled model, two for each variable."""
        names = self.optimizer.get_slot_names()
        return [self.optimizer.get_slot(variable, name) for variable in self._variables for name in names]

    @tf.function(reduce_retracing=True)
    def bucket_logits(self, points: SparseBatch) -> tf.Tensor:
        """Returns the logits of every repetition, float32 [n, G, B]; of a softmax its log-odds."""
        rows, positions = tf.unique(points.feature_ids, tf.int64)
        hidden_input = self._products.product(
            points._replace(feature_ids=positions), gather_rows(primary(self.hidden_kernel), rows)
        )
        hidden = tf.nn.relu(hidden_input + self.hidden_bias)
        logits = tf.einsum("ngh,ghb->ngb", hidden, self.output_kernel) + self.output_bias
        return log_odds(logits) if self.config.multiclass else logits

    @property
    def _products(self) -> ModuleType:
        """The products of a batch with W1, for the device that W1 is on."""
        return matrix_products if devices.on_gpu(primary(self.hidden_kernel)) else sparse_products

    @property
    def _variables(self) -> list[tf.Variable]:
        return [self.hidden_kernel, self.hidden_bias, self.output_kernel, self.output_bias]

    def _of_rows(self, gradient: tf.Tensor, batch: TrainingBatch) -> tf.IndexedSlices:
        return tf.IndexedSlices(gradient, batch.rows, tf.constant(self.hidden_kernel.shape.as_list(), tf.int64))

    def _loss(
        self, hidden_input: tf.Tensor, mask: Optional[tf.Tensor], targets: tf.Tensor, global_points: tf.Tensor
    ) -> tf.Tensor:
        """Returns this replica's share of each repetition's mean cross-entropy over points, and over buckets if it is binary, [G].

        The sum is divided by the size of the global batch, not of the local one, so that the shares add up however the batch is
        cut.
        """
        hidden = tf.nn.relu(hidden_input + self.hidden_bias)
        if mask is not None:
            hidden *= mask
        precision = tf.bfloat16 if self.config.mixed_precision else tf.float32
        inputs = tf.cast(tf.transpose(hidden, [1, 0, 2]), precision)
        outputs = tf.matmul(inputs, tf.cast(self.output_kernel, precision))
        logits = tf.cast(outputs, tf.float32) + self.output_bias[:, None]
        if self.config.multiclass:
            entropy = tf.nn.softmax_cross_entropy_with_logits(targets, logits)
            return tf.reduce_sum(entropy, 1) / tf.cast(global_points, tf.float32)
        entropy = tf.nn.sigmoid_cross_entropy_with_logits(targets, logits)
        return tf.reduce_sum(entropy, [1, 2]) / (tf.cast(global_points, tf.float32) * self.buckets)

    def _targets(self, batch: TrainingBatch) -> tf.Tensor:
        """Returns float32 [G, n, B], with a 1 in every bucket that a label of the point falls in."""
        count, points = len(self.repetitions), tf.size(batch.points.row_splits) - 1
        buckets = tf.transpose(batch.target_buckets)
        groups = tf.broadcast_to(tf.range(count)[:, None], tf.shape(buckets))
        rows = tf.broadcast_to(tf.cast(batch.target_points, tf.int32)[None], tf.shape(buckets))
        indices = tf.reshape(tf.stack([groups, rows, buckets], axis=2), [-1, 3])
        shape = [count, points, self.buckets]
        # Two labels of a point may share a bucket, so counts are cut to 1.
        return tf.minimum(tf.scatter_nd(indices, tf.ones(tf.shape(indices)[:1]), shape), 1.0)

    def _dropout_mask(self, batch: TrainingBatch) -> Optional[tf.Tensor]:
        """Returns [n, G, hidden] of 0 and 1 / (1 - dropout), for the clean and the adversarial pass alike; None without dropout."""
        if not self.config.dropout:
            return None
        size, first = self.config.batch_size, batch.first_point
        last = first + tf.size(batch.points.row_splits, tf.int64) - 1
        step = self.optimizer.iterations
        uniform = [
            # Drawn for the whole global batch, so that a point has the same mask in every replica.
            tf.random.stateless_uniform([size, self.config.hidden_units], self._stream(r, Purpose.DROPOUT, step))[
                first:last
            ]
            for r in self.repetitions
        ]
        kept = tf.cast(tf.stack(uniform, axis=1) >= self.config.dropout, tf.float32)
        return kept / (1 - self.config.dropout)

    def _stream(self, repetition: int, purpose: Purpose, step: Union[int, tf.Tensor] = 0) -> tf.Tensor:
        """Returns the seed of a random stream, int64 [2], different for every repetition, purpose and step."""
        key = derive(self.config.seed, repetition, purpose)
        return tf.stack([tf.constant(key, tf.int64), tf.cast(step, tf.int64)])

    def _normal(self, purpose: Purpose, shape: list[int], stddev: float, axis: int) -> tf.Tensor:
        streams = [self._stream(repetition, purpose) for repetition in self.repetitions]
        return tf.stack([tf.random.stateless_normal(shape, stream, stddev=stddev) for stream in streams], axis)

    def _variable(self, name: str, initial: Callable[[], tf.Tensor]) -> tf.Variable:
        return tf.Variable(initial, name=name, trainable=True)


def _sum_over_replicas(strategy: tf.distribute.Strategy, values: tf.Tensor) -> tf.Tensor:
    return strategy.reduce(tf.distribute.ReduceOp.SUM, values, axis=None)
