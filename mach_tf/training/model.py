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
from mach_tf.seeds import Purpose
from mach_tf.training import held_out, interval_bounds, loss_sums, matrix_products, perturbations, sparse_products
from mach_tf.training.clean_pass import CleanPass
from mach_tf.training.dense_perturbation import dense_shift, whole_kernel_gradient
from mach_tf.training.random_streams import RandomStreams
from mach_tf.training.training_batch import TrainingBatch, bucket_targets
from mach_tf.training_config import TrainingConfig
from mach_tf.variable_rows import gather_rows, primary

_READ_ROWS = 4096

Gradient = Union[tf.Tensor, tf.IndexedSlices]
# The adversarial loss, [G], and the gradients of both losses for W1, and of this one for the other weights.
_SecondPass = tuple[tf.Tensor, Gradient, list[tf.Tensor]]


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
        self,
        config: TrainingConfig,
        columns: int,
        repetitions: Sequence[int],
        initial_output_bias: np.ndarray,
        steps: int = 0,
    ):
        """Creates the variables; under a strategy, call it in the strategy's scope.

        Args:
          config: the training settings, the same for every repetition.
          columns: D, the input width.
          repetitions: the numbers of the repetitions.
          initial_output_bias: float32 [G, B].
          steps: the number of steps of the whole training, by which interval bounds are introduced.
        """
        super().__init__()
        # Every replica returns the same losses; Keras' default would add them up to one number.
        self.distribute_reduction_method = "first"
        self.config, self.steps = config, steps
        self.buckets = buckets = initial_output_bias.shape[1]
        self.repetitions = tuple(repetitions)
        self._streams = RandomStreams(config.seed, repetitions)
        count, hidden = len(repetitions), config.hidden_units
        self.hidden_kernel = self._variable(
            "hidden_kernel",
            lambda: self._streams.initial(Purpose.HIDDEN_KERNEL, [columns, hidden], config.hidden_init_stddev, 1),
        )
        self.hidden_bias = self._variable("hidden_bias", lambda: tf.zeros([count, hidden]))
        self.output_kernel = self._variable(
            "output_kernel", lambda: self._streams.initial(Purpose.OUTPUT_KERNEL, [hidden, buckets], hidden**-0.5, 0)
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
        """Computes clean and adversarial loss, and applies one optimizer step.

        Args:
          batch: this replica's piece of the global batch.

        Returns:
          The losses of the global batch by name, [G] each.
        """
        losses, gradients = self.losses_and_gradients(batch)
        self.optimizer.apply_gradients(zip(gradients, self._variables))
        totals = tf.distribute.get_replica_context().merge_call(_sum_over_replicas, [tf.stack(list(losses.values()))])
        return dict(zip(losses, tf.unstack(totals, len(losses))))

    def losses_and_gradients(self, batch: TrainingBatch) -> tuple[dict[str, tf.Tensor], list[Gradient]]:
        """Computes this replica's shares of losses and gradients.

        Args:
          batch: this replica's piece of the global batch.

        Returns:
          The losses by name, [G] each, and the gradients of hidden_kernel, hidden_bias, output_kernel and output_bias. That of
          hidden_kernel is tf.IndexedSlices of unique rows, or a dense tensor if FGSM has the dense support.
        """
        clean = self._clean_pass(batch)
        if not self.config.is_adversarial:
            first = self._of_rows(
                self._products.kernel_gradient(batch.points, batch.entries, clean.hidden_gradient), batch
            )
            return {"clean_loss": clean.loss}, [first, *clean.gradients]
        second_pass = self._pass_of_bounds if self.config.adversarial == "ibp" else self._perturbed_pass
        adversarial_loss, first, gradients = second_pass(batch, clean)
        summed = [first, *(a + b for a, b in zip(gradients, clean.gradients))]
        return {"clean_loss": clean.loss, "adversarial_loss": adversarial_loss}, summed

    def ramp(self) -> Union[float, tf.Tensor]:
        """Returns the share of epsilon and adversarial_weight that holds in the next step; below 1 at the beginning with "ibp"."""
        steps = self.config.ibp_ramp * self.steps if self.config.adversarial == "ibp" else 0
        return tf.minimum(tf.cast(self.optimizer.iterations, tf.float32) / steps, 1.0) if steps else 1.0

    def ramped(self) -> dict[str, float]:
        """Returns the settings that `ramp` scales by name, as they hold in the next step; none unless they rise."""
        names = ("epsilon", "adversarial_weight") if self.config.adversarial == "ibp" else ()
        return {name: float(self.ramp()) * getattr(self.config, name) for name in names}

    def _clean_pass(self, batch: TrainingBatch) -> CleanPass:
        targets, mask, products = bucket_targets(batch, self.buckets), self._dropout_mask(batch), self._products
        learned = held_out.learned(batch.halves, self.repetitions) if self.config.calibration_fraction else None
        kernel = gather_rows(self.hidden_kernel, batch.rows)
        with tf.GradientTape(persistent=True) as tape:
            hidden_input = products.product(batch.points, kernel)
            # The tape sees W1 only through its products; their modules have their gradients.
            tape.watch(hidden_input)
            loss = self._loss(hidden_input, mask, targets, batch.global_points, learned)
        # One backward pass of the clean loss serves the perturbation and the weights.
        hidden_gradient, *gradients = tape.gradient(loss, [hidden_input, *self._variables[1:]])
        return CleanPass(kernel, mask, targets, learned, hidden_input, tape, loss, hidden_gradient, gradients)

    def _perturbed_pass(self, batch: TrainingBatch, clean: CleanPass) -> _SecondPass:
        """Returns the loss at a perturbed point, and with it the gradients."""
        epsilon, products, tape = self.config.epsilon, self._products, clean.tape
        if self.config.fgsm_support == "dense":
            dense = dense_shift(clean.hidden_gradient, self.hidden_kernel, epsilon)
            shift = dense.shift
        else:
            perturbation = self._perturbation(batch, clean)
            shift = products.product_by_repetition(batch.points, perturbation, clean.kernel)
        # The tape takes the shift as a variable of its own; its gradient for W1 is computed below.
        with tape:
            tape.watch(shift)
            loss = self._loss(clean.hidden_input + shift, clean.mask, clean.targets, batch.global_points, clean.learned)
            weighted = self.config.adversarial_weight * loss
        shift_gradient, *gradients = tape.gradient(weighted, [shift, *self._variables[1:]])
        points, entries = batch.points, batch.entries
        if self.config.fgsm_support == "dense":
            sparse = products.kernel_gradient(points, entries, clean.hidden_gradient + shift_gradient)
            of_rows = self._of_rows(sparse, batch)
            first = whole_kernel_gradient(dense, shift_gradient, of_rows, self.hidden_kernel, epsilon)
        else:
            both = products.kernel_gradient_of_both(
                points, entries, perturbation, clean.hidden_gradient, shift_gradient
            )
            first = self._of_rows(both, batch)
        return loss, first, gradients

    def _perturbation(self, batch: TrainingBatch, clean: CleanPass) -> tf.Tensor:
        """Returns the perturbation of the features present, float32 [nonzeros, G]."""
        epsilon, products = self.config.epsilon, self._products

        def gradient_at(perturbation: tf.Tensor) -> tf.Tensor:
            shift = products.product_by_repetition(batch.points, perturbation, clean.kernel)
            moved = clean.hidden_input + shift
            with tf.GradientTape() as tape:
                tape.watch(moved)
                loss = self._loss(moved, clean.mask, clean.targets, batch.global_points, clean.learned)
            return products.value_gradients(tape.gradient(loss, moved), clean.kernel, batch.points)

        if self.config.adversarial == "n_fgsm":
            noise = self._streams.noise(batch, self.optimizer.iterations)
            return perturbations.n_fgsm(noise, gradient_at, epsilon)
        gradient = products.value_gradients(clean.hidden_gradient, clean.kernel, batch.points)
        if self.config.adversarial == "pgd":
            return perturbations.pgd(gradient, gradient_at, epsilon, self.config.adversarial_steps)
        return fgsm(gradient, epsilon)

    def _pass_of_bounds(self, batch: TrainingBatch, clean: CleanPass) -> _SecondPass:
        """Returns the loss of the worst leads of false buckets over all perturbations, and with it the gradients."""
        ramp, products, tape = self.ramp(), self._products, clean.tape
        epsilon, points, entries = ramp * self.config.epsilon, batch.points, batch.entries
        radius = interval_bounds.radius(points, clean.kernel, epsilon, products.product)
        with tape:
            tape.watch(radius)
            low, high = (self._hidden(clean.hidden_input + side * radius, clean.mask) for side in (-1.0, 1.0))
            each = interval_bounds.loss(low, high, clean.targets, self.output_kernel, self.output_bias, self._output)
            loss = self._mean(loss_sums.sums(each, clean.learned), batch.global_points)
            weighted = ramp * self.config.adversarial_weight * loss
        hidden_gradient, radius_gradient, *gradients = tape.gradient(
            weighted, [clean.hidden_input, radius, *self._variables[1:]]
        )
        first = products.kernel_gradient(points, entries, clean.hidden_gradient + hidden_gradient)
        first += interval_bounds.kernel_gradient(
            points, entries, clean.kernel, epsilon, radius_gradient, products.kernel_gradient
        )
        return loss, self._of_rows(first, batch), gradients

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
        """The optimizer's slots of a compiled model, by variable."""
        names = [(variable, name) for variable in self._variables for name in self.optimizer.get_slot_names()]
        return [slot for slot in (self.optimizer.get_slot(*name) for name in names) if slot is not None]

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
        self,
        hidden_input: tf.Tensor,
        mask: Optional[tf.Tensor],
        targets: tf.Tensor,
        global_points: tf.Tensor,
        learned: Optional[tf.Tensor] = None,
    ) -> tf.Tensor:
        """Returns this replica's share of each repetition's mean cross-entropy over points, and over buckets if it is binary, [G].

        The sum is divided by the size of the global batch, so that the shares add up however the batch is cut.
        """
        logits = self._output(self._hidden(hidden_input, mask)) + self.output_bias[:, None]
        return self._mean(loss_sums.cross_entropies(logits, targets, self.config.multiclass, learned), global_points)

    def _hidden(self, hidden_input: tf.Tensor, mask: Optional[tf.Tensor]) -> tf.Tensor:
        hidden = tf.nn.relu(hidden_input + self.hidden_bias)
        return hidden if mask is None else hidden * mask

    def _output(self, hidden: tf.Tensor, absolute: bool = False) -> tf.Tensor:
        """Returns the products of hidden units, [n, G, hidden], with W2 or |W2|: [G, n, B]."""
        precision = tf.bfloat16 if self.config.mixed_precision else tf.float32
        inputs = tf.cast(tf.transpose(hidden, [1, 0, 2]), precision)
        kernel = tf.cast(self.output_kernel, precision)
        return tf.cast(tf.matmul(inputs, tf.abs(kernel) if absolute else kernel), tf.float32)

    def _mean(self, total: tf.Tensor, global_points: tf.Tensor) -> tf.Tensor:
        """Divides sums over this replica's points, [G], by the points of the global batch; those of a multilabel model also by the buckets."""
        points = tf.cast(global_points, tf.float32)
        return total / (points if self.config.multiclass else points * self.buckets)

    def _dropout_mask(self, batch: TrainingBatch) -> Optional[tf.Tensor]:
        """Returns [n, G, hidden] of 0 and 1 / (1 - dropout), for the clean and the adversarial pass alike; None without dropout."""
        config = self.config
        if not config.dropout:
            return None
        sizes = config.hidden_units, config.batch_size
        return self._streams.dropout_mask(batch, *sizes, config.dropout, self.optimizer.iterations)

    def _variable(self, name: str, initial: Callable[[], tf.Tensor]) -> tf.Variable:
        return tf.Variable(initial, name=name, trainable=True)


def _sum_over_replicas(strategy: tf.distribute.Strategy, values: tf.Tensor) -> tf.Tensor:
    return strategy.reduce(tf.distribute.ReduceOp.SUM, values, axis=None)
