"""What attacks increase: the label-space loss, or a margin, one label's score minus another's, of each point.

| objective | the label whose score rises | the label whose score falls |
|---|---|---|
| margin | the best false label | the best true label |
| worst_margin | the best false label | the worst true label |
| precision | the false and the true label of the next swap in the top k: see hit_margins | |
| top_label | the best other label | the top label of the clean point |
| push_out | the k-th best label among all but the target | the target |
| push_in | the target | the k-th best label among all but the target |

Both labels are determined again at every step. If the margin of a point is above 0, a false label leads ("margin"), a false label is
ahead of some true one ("worst_margin"), the top label is another ("top_label"), or the target left or entered the top k.
"""

from __future__ import annotations

import dataclasses
from typing import Any, NamedTuple, Optional

import numpy as np
import tensorflow as tf

from mach_tf import estimators
from mach_tf.attacks import targets
from mach_tf.attacks.hit_margins import best_false, next_loss, ranked_true
from mach_tf.attacks.input_gradient import AttackInput, bucket_logits, forward_pass, value_gradient
from mach_tf.attacks.ranked_loss import added_part, margin_through_ranker, ranked_loss
from mach_tf.network import Network
from mach_tf.ranker.added_part import AddedPart


class Pair(NamedTuple):
    """The two labels whose scores make the margin of each of n points.

    Attributes:
      up, down: int64 [n], the labels whose scores rise and fall; targets.NO_TARGET where one is missing.
      hidden_inputs: x W1 of each repetition, float32 [n, hidden].
    """

    up: np.ndarray
    down: np.ndarray
    hidden_inputs: list[tf.Tensor]


@dataclasses.dataclass(frozen=True)
class Objective:
    """An objective of n points, as a function of their feature values.

    Attributes:
      name: one of choices.ATTACK_OBJECTIVES.
      network: the network whose loss or margins are increased.
      decoder: decodes the network's sketches of these points, without what a ranker adds; margins alone need it.
      inputs: the points.
      estimator: which estimator makes the label scores. Gradients are those of `label_loss.attacked`.
      k: the k of "precision", "push_out" and "push_in".
      targets: int64 [n] for "top_label" and the targeted objectives; NO_TARGET where there is none. None for the others.
    """

    name: str
    network: Network
    decoder: Any
    inputs: AttackInput
    estimator: str
    k: int = 1
    targets: Optional[np.ndarray] = None

    def worth(self, values: np.ndarray) -> np.ndarray:
        """Returns the loss or the margin of each point, float64 [n]; a point without the two labels has margin 0."""
        logits = bucket_logits(self.network.repetitions, self.inputs, values)
        part = self._added(values)
        if self.name == "loss":
            return ranked_loss(part, self.inputs, logits, self.network.bucket_table, self.estimator, False).losses
        return self._margins(logits, part)[0]

    def evaluate(self, values: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Returns `worth`, and the gradient of its sum over points for the values, of their shape."""
        found = forward_pass(self.network.repetitions, self.inputs, values)
        logits, table, part = found.logits, self.network.bucket_table, self._added(values)
        if self.name == "loss":
            worth, of_logits, through_ranker = ranked_loss(part, self.inputs, logits, table, self.estimator)
        else:
            worth, up, down = self._margins(logits, part)
            of_logits = targets.margin_gradient(logits, table, up, down, self.estimator)
            through_ranker = margin_through_ranker(part, self.inputs, up, down)
        return worth, value_gradient(self.network.repetitions, self.inputs, found, of_logits) + through_ranker

    def pair(self, values: np.ndarray) -> Pair:
        """Returns the labels whose scores make the margins; the loss has none."""
        found = forward_pass(self.network.repetitions, self.inputs, values)
        _, up, down = self._margins(found.logits, self._added(values))
        return Pair(up, down, found.hidden_inputs)

    def gradient(self, values: np.ndarray) -> np.ndarray:
        """Returns the gradient alone."""
        return self.evaluate(values)[1]

    def _added(self, values: np.ndarray) -> AddedPart:
        return added_part(self.network, self.estimator, self.inputs, values)

    def _margins(self, logits: np.ndarray, part: AddedPart) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Returns the worth of each point, and the labels whose scores rise and fall, int64 [n] each."""
        points, table, decoder = self.inputs.points, self.network.bucket_table, part.over(self.decoder)
        if self.name == "precision":
            found = next_loss(decoder, logits, table, points, self.k, self.estimator, part)
            return found.worth, found.false, found.true
        scores = estimators.bucket_scores(logits, self.estimator)
        if self.targets is not None:
            k = 1 if self.name == "top_label" else self.k
            rivals = targets.rivals(decoder, logits, self.targets, k, self.estimator)
            up, down = (self.targets, rivals) if self.name == "push_in" else (rivals, self.targets)
        else:
            up = best_false(decoder, scores, points, 1, table.shape[1], self.estimator)[:, 0]
            true = ranked_true(scores, table, points, self.estimator, part)
            last = np.maximum((true != targets.NO_TARGET).sum(axis=1) - 1, 0)
            down = true[np.arange(len(true)), last] if self.name == "worst_margin" else true[:, 0]
        pairs = np.stack([up, down], axis=1)
        labels = np.maximum(pairs, 0)
        both = estimators.label_scores(scores, table, labels, self.estimator) + part.to(labels)
        margins = both[:, 0].astype(np.float64) - both[:, 1]
        return np.where((pairs == targets.NO_TARGET).any(axis=1), 0.0, margins), up, down
