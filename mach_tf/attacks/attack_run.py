"""Runs an attack on a network, chunk by chunk: white-box, or computed on another network and transferred."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Sequence
from typing import Any, Callable, Optional, Union

import numpy as np
import scipy.sparse

from mach_tf import estimators
from mach_tf.attacks import targets
from mach_tf.attacks.apgd import apgd
from mach_tf.attacks.attack_chunks import chunks
from mach_tf.attacks.gradient_attacks import Attack, check_values, perturb
from mach_tf.attacks.input_gradient import AttackInput, attack_input, bucket_logits
from mach_tf.attacks.label_loss import label_loss
from mach_tf.attacks.objectives import Objective
from mach_tf.choices import SIGN_METHODS
from mach_tf.decoding.decode import Decoder
from mach_tf.decoding.exclusion import ExcludingDecoder
from mach_tf.network import Network
from mach_tf.points import Points


@dataclasses.dataclass(frozen=True)
class Outcome:
    """The result of an attack of one size on n points.

    Attributes:
      epsilon: the size.
      top_labels: int32 [n, k], the network's top labels, best first.
      losses: float64 [n], the network's label-space loss.
      relative_norms: float64 [n], Euclidean norm of the perturbation divided by that of the point; 0 for an empty point.
      targets: int64 [n], the label attacked, targets.NO_TARGET where there is none; None for an objective without a target.
    """

    epsilon: float
    top_labels: np.ndarray
    losses: np.ndarray
    relative_norms: np.ndarray
    targets: Optional[np.ndarray] = None


@dataclasses.dataclass(frozen=True)
class AttackRun:
    """An attack and the networks it runs on.

    Attributes:
      network: the network whose predictions and loss the outcomes report.
      attack: the attack.
      k: number of labels predicted, and the k of targeted attacks.
      estimator: which estimator makes the label scores, for the predictions and, as label_loss.attacked says, for the attack.
      source: the network that the attack is computed on, with all its weights known; None for `network` itself.
      target_label: for "push_in", the label for all points; None draws one per point.
      excluded: canonical CSR [points, K] of the labels that are left out of each point's predictions; None for none.
    """

    network: Network
    attack: Attack
    k: int = 5
    estimator: str = estimators.DEFAULT_ESTIMATOR
    source: Optional[Network] = None
    target_label: Optional[int] = None
    excluded: Optional[scipy.sparse.csr_matrix] = None

    def outcomes(
        self,
        points: Points,
        epsilons: Sequence[float],
        progress: Callable[[Sequence[range]], Iterable[range]] = iter,
    ) -> list[Outcome]:
        """Attacks every point at every size, and lets the network predict.

        Args:
          points: hashed points with labels; at least one.
          epsilons: sizes; at 0 the outcome is that of the clean points.
          progress: wraps the chunks of points, for a progress bar.

        Returns:
          One outcome per epsilon, in order.
        """
        parts = []
        networks = [self.network] if self.source is None else [self.network, self.source]
        for rows in progress(chunks(len(points), networks, self.attack.support)):
            parts.append(self._outcomes_of_chunk(points, rows, list(epsilons)))
        return [_concatenate([part[i] for part in parts]) for i in range(len(epsilons))]

    def _outcomes_of_chunk(self, every: Points, rows: range, epsilons: list[float]) -> list[Outcome]:
        points, columns = every[rows], self.network.manifest.columns
        inputs = attack_input(points, columns, self.attack.support)
        chosen = self._targets(inputs, rows)
        norms = inputs.norms(inputs.clean)
        # Random draws are numbered across all points, so that the chunks do not change them.
        first = rows.start * columns if self.attack.support == "dense" else int(every.row_splits[rows.start])
        source = self.source or self.network
        objective = Objective(
            self.attack.objective, source, self._decoder(source, rows), inputs, self.estimator, self.k, chosen
        )
        outcomes = []
        for epsilon, values in zip(epsilons, self._perturbed(objective, epsilons, first)):
            logits = bucket_logits(self.network.repetitions, inputs, values)
            losses, _ = label_loss(logits, self.network.bucket_table, points, self.estimator)
            moved = inputs.norms(values - inputs.clean)
            relative = np.divide(moved, norms, out=np.zeros_like(moved), where=norms > 0)
            outcomes.append(Outcome(epsilon, self._top_k(logits, rows), losses, relative, chosen))
        return outcomes

    def _perturbed(self, objective: Objective, epsilons: list[float], first: int) -> list[np.ndarray]:
        """Returns the attacked values for each epsilon; `first` is as of gradient_attacks.perturb."""
        clean = objective.inputs.clean
        if self.attack.method in SIGN_METHODS:
            return perturb(self.attack, objective.gradient, clean, epsilons, first)
        check_values(self.attack, clean, epsilons)
        return [apgd(self.attack, objective, epsilon, first) if epsilon else clean for epsilon in epsilons]

    def _targets(self, inputs: AttackInput, rows: range) -> Optional[np.ndarray]:
        if not self.attack.targeted and self.attack.objective != "top_label":
            return None
        labels = inputs.points.labels(self.network.manifest.labels)
        top_labels = self._top_k(bucket_logits(self.network.repetitions, inputs, inputs.clean), rows)
        if self.attack.objective == "top_label":
            return top_labels[:, 0].astype(np.int64)
        if self.attack.objective == "push_out":
            return targets.targets_to_push_out(top_labels, labels)
        if self.excluded is not None:  # a label that is never predicted cannot be pushed in
            labels = scipy.sparse.csr_matrix(labels + self.excluded[rows.start : rows.stop])
        return targets.targets_to_push_in(top_labels, labels, self.target_label, self.attack.seed, rows.start)

    def _top_k(self, logits: np.ndarray, rows: range) -> np.ndarray:
        scores = estimators.bucket_scores(logits, self.estimator)
        return self._decoder(self.network, rows).top_k(scores, self.k, self.estimator)[0]

    def _decoder(self, network: Network, rows: range) -> Union[Decoder, ExcludingDecoder]:
        if self.excluded is None:
            return network.decoder
        return ExcludingDecoder(network.decoder, self.excluded[rows.start : rows.stop])


def _concatenate(outcomes: Sequence[Outcome]) -> Outcome:
    def joined(name: str) -> Any:
        parts = [getattr(outcome, name) for outcome in outcomes]
        return None if parts[0] is None else np.concatenate(parts)

    names = ("top_labels", "losses", "relative_norms", "targets")
    return Outcome(outcomes[0].epsilon, *(joined(name) for name in names))
