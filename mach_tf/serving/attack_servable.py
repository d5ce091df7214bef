"""The servable that also tells what an FGSM step against its own answer would change."""

from __future__ import annotations

import tensorflow as tf

from mach_tf import serving_signatures
from mach_tf.classifier import SparseBatch
from mach_tf.fgsm import fgsm
from mach_tf.serving import fgsm_attack
from mach_tf.serving.raw_features import summed
from mach_tf.serving.servable import ARRAYS, EnsembleServable, K, Outputs
from mach_tf.signature_names import ATTACK_SIGNATURE, EPSILON, TRUE_LABELS

ATTACK_INPUTS = (tf.TensorSpec([None], tf.float32, EPSILON), tf.TensorSpec([None, None], tf.int64, TRUE_LABELS))


class AttackServable(EnsembleServable):
    """An ensemble's servable with the signature `attack`."""

    def attack(self, raw: SparseBatch, k: tf.Tensor, epsilon: tf.Tensor, true_labels: tf.Tensor) -> Outputs:
        """Ranks labels, and ranks them again after one FGSM step that increases the label-space loss.

        Args:
          raw: n raw points that were checked.
          k: int32 scalar in [1, K].
          epsilon: float32 [n], how far each present feature moves, after hashing and normalisation.
          true_labels: int64 [n, m], the labels that the loss takes as true, padded with -1. For a point without any they are those
            that are predicted with a probability of at least one half, and the best label.

        Returns:
          What `predict` returns, and the same after the step with the prefix `attacked_`. The scores and probabilities of the
          labels before the step after it: `scores_after`, `probabilities_after`, float32 [n, k]; of those after it before it:
          `scores_before`, `probabilities_before`. `loss`, `attacked_loss`, and `relative_norm`, the norm of the step divided by
          that of the point: float32 [n]. `moved_features` int64 and `moves` float32 [n, m]: the features with the largest
          gradients, and how far the step strengthens each, or below 0 weakens it; `moved_feature_names` if features have
          names. They are padded as in `explain`.
        """
        raw, hashed = summed(raw, self.raw_features(raw))
        hidden_inputs = self.hidden_inputs(hashed.batch)
        logits = self.logits(hidden_inputs)
        loss = fgsm_attack.LabelLoss(
            self.table, self.estimator, logits, hashed.batch, true_labels, self.ranker, self.logit_scale
        )
        losses, of_logits, gradient = loss.losses_and_gradients()
        gradient += fgsm_attack.value_gradient(self.weights, hidden_inputs, hashed.batch, of_logits)
        batch = fgsm_attack.moved(hashed.batch, gradient, epsilon)
        attacked_logits = self.logits(self.hidden_inputs(batch))
        points = tf.shape(logits)[1]
        both = self.ranked(tf.concat([logits, attacked_logits], 1), fgsm_attack.joined(hashed.batch, batch), k)
        outputs = {name: each[:points] for name, each in both.items()}
        outputs.update({f"attacked_{name}": each[points:] for name, each in both.items()})
        at = tf.concat([attacked_logits, logits], 1)
        crossed = fgsm_attack.scores_of(at, self.table, both["labels"], self.estimator)
        if self.ranker is not None:
            crossed += self.ranker.added_to(fgsm_attack.joined(batch, hashed.batch), both["labels"])
        scores, probabilities = self.shown(crossed)
        outputs["scores_after"], outputs["probabilities_after"] = scores[:points], probabilities[:points]
        outputs["scores_before"], outputs["probabilities_before"] = scores[points:], probabilities[points:]
        outputs["loss"] = tf.cast(losses, tf.float32)
        outputs["attacked_loss"] = tf.cast(loss.losses((attacked_logits, batch.feature_values)), tf.float32)
        outputs["relative_norm"] = fgsm_attack.relative_norms(hashed.batch, batch)
        by_feature = fgsm_attack.strengthening(raw, hashed, gradient)
        features, largest = (each[:, 0] for each in self.largest(raw, by_feature[:, tf.newaxis]))
        outputs["moved_features"], outputs["moves"] = features, fgsm(largest, epsilon[:, tf.newaxis])
        if self.feature_names is not None:
            outputs["moved_feature_names"] = self.names_of(features)
        return outputs

    def signatures(self) -> dict[str, tf.types.experimental.GenericFunction]:
        """Returns the functions of the SavedModel by the names of their signatures."""

        @tf.function(input_signature=[*ARRAYS, K, *ATTACK_INPUTS], autograph=False)
        def function(row_splits, feature_ids, feature_values, k, epsilon, true_labels):
            raw = self.checked_arrays(row_splits, feature_ids, feature_values)
            points = tf.size(row_splits) - 1
            return self.attack(raw, self.checked_k(k), *self.checked_attack(points, epsilon, true_labels))

        found = super().signatures()
        return found if self.multiclass else {**found, ATTACK_SIGNATURE: function}

    def checked_attack(
        self, points: tf.Tensor, epsilon: tf.Tensor, true_labels: tf.Tensor
    ) -> tuple[tf.Tensor, tf.Tensor]:
        """Returns `epsilon` and `true_labels`; fails unless there is one of each per point and they are in their ranges."""
        with tf.control_dependencies(serving_signatures.check_attack(points, epsilon, true_labels, self.labels)):
            return tf.identity(epsilon), tf.identity(true_labels)
