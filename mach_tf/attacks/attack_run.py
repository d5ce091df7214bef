"""Runs an attack on a network, chunk by chunk: white-box, or computed on another network and transferred."""

from __future__ import annotations

import dataclasses
import functools
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Callable, Optional, Union, cast

import numpy as np
import scipy.sparse

from mach_tf import estimators
from mach_tf.attacks import strongest, targets
from mach_tf.attacks.apgd import apgd
from mach_tf.attacks.attack_chunks import chunks
from mach_tf.attacks.feature_changes import FeatureChanges
from mach_tf.attacks.gradient_attacks import Attack, check_values, perturb
from mach_tf.attacks.input_gradient import AttackInput, attack_input, bucket_logits, first_value
from mach_tf.attacks.near_words import NearWords
from mach_tf.attacks.objectives import Objective
from mach_tf.attacks.ranked_loss import added_part, ranked_loss
from mach_tf.attacks.square_attack import square_attack
from mach_tf.attacks.text_changes import TextChanges
from mach_tf.attacks.word_search import Changes, word_search
from mach_tf.choices import SIGN_METHODS
from mach_tf.decoding.decode import Decoder
from mach_tf.decoding.exclusion import ExcludingDecoder
from mach_tf.metrics.ranking_metrics import hits
from mach_tf.network import Network
from mach_tf.points import Points
from mach_tf.ranker.added_part import AddedPart


@dataclasses.dataclass(frozen=True)
class Outcome:
    """The result of an attack of one size on n points.

    Attributes:
      epsilon: the size; of an attack on words their number.
      top_labels: int32 [n, k], the network's top labels, best first.
      losses: float64 [n], the network's label-space loss.
      relative_norms: float64 [n], Euclidean norm of the perturbation divided by that of the point; 0 for an empty point.
      targets: int64 [n], the label attacked, targets.NO_TARGET where there is none; None for an objective without a target.
      parts: by name, the outcomes of the attacks of which this one, the strongest, is the worst point by point. Empty for a
        single attack.
    """

    epsilon: float
    top_labels: np.ndarray
    losses: np.ndarray
    relative_norms: np.ndarray
    targets: Optional[np.ndarray] = None
    parts: Mapping[str, Outcome] = dataclasses.field(default_factory=dict)

    @property
    def alternatives(self) -> list[Outcome]:
        """The parts, or the outcome itself if it has none. A point's metric under attack is the smallest of theirs."""
        return list(self.parts.values()) or [self]


@dataclasses.dataclass(frozen=True)
class AttackRun:
    """An attack and the networks it runs on.

    Attributes:
      network: the network whose predictions and loss the outcomes report.
      attack: the attack.
      k: number of labels predicted, the k of targeted attacks, and that of "precision" unless the attack has its own.
      estimator: which estimator makes the label scores, for the predictions and, as label_loss.attacked says, for the attack.
      source: the network that the attack is computed on, with all its weights known; None for `network` itself.
      target_label: for "push_in", the label for all points; None draws one per point.
      excluded: canonical CSR [points, K] of the labels that are left out of each point's predictions; None for none.
      ks: the cut-offs that "strongest" aims at, up to k; k alone if empty.
      texts: the texts that the points were made from, one per field for each, which attacks on words then change; None lets them
        change features.
    """

    network: Network
    attack: Attack
    k: int = 5
    estimator: str = estimators.DEFAULT_ESTIMATOR
    source: Optional[Network] = None
    target_label: Optional[int] = None
    excluded: Optional[scipy.sparse.csr_matrix] = None
    ks: Sequence[int] = ()
    texts: Optional[Sequence[Sequence[str]]] = None

    def outcomes(
        self,
        points: Points,
        epsilons: Sequence[float],
        progress: Callable[[Sequence[range]], Iterable[range]] = iter,
        kept: Callable[[range, Callable[[], list[Outcome]]], list[Outcome]] = lambda _, compute: compute(),
    ) -> list[Outcome]:
        """Attacks every point at every size, and lets the network predict.

        Args:
          points: hashed points with labels; at least one.
          epsilons: sizes, of attacks on words their numbers; at 0 the outcome is that of the clean points.
          progress: wraps the chunks of points, for a progress bar.
          kept: returns the outcomes of a chunk, an earlier run's or those that it computes by calling its second argument.

        Returns:
          One outcome per epsilon, in order; none if `progress` yields no chunk.
        """
        parts = []
        networks = [self.network] if self.source is None else [self.network, self.source]
        support = "nonzero" if self.attack.of_words else self.attack.support
        for rows in progress(chunks(len(points), networks, support)):
            attack_chunk = functools.partial(self._outcomes_of_chunk, points, rows, list(epsilons))
            parts.append(kept(rows, attack_chunk))
        return [_concatenate(outcomes) for outcomes in zip(*parts)]

    def _outcomes_of_chunk(self, every: Points, rows: range, epsilons: list[float]) -> list[Outcome]:
        if self.attack.method == "strongest":
            return self._worst_of_parts(every, rows, epsilons)
        if self.attack.of_words:
            return self._outcomes_of_words(every, rows, epsilons)
        points, columns = every[rows], self.network.manifest.columns
        inputs = attack_input(points, columns, self.attack.support)
        chosen = self._targets(inputs, rows)
        norms = inputs.norms(inputs.clean)
        first = first_value(every, columns, self.attack.support, rows.start)
        source = self.source or self.network
        objective = Objective(
            self.attack.objective, source, self._decoder(source, rows), inputs, self.estimator, self._aim, chosen
        )
        outcomes = []
        for epsilon, values in zip(epsilons, self._perturbed(objective, epsilons, first)):
            logits = bucket_logits(self.network.repetitions, inputs, values)
            shares = _shares(inputs.norms(values - inputs.clean), norms)
            outcomes.append(self._outcome(epsilon, inputs, values, logits, shares, rows, chosen))
        return outcomes

    def _outcomes_of_words(self, every: Points, rows: range, words: list[float]) -> list[Outcome]:
        points, columns, source = every[rows], self.network.manifest.columns, self.source or self.network
        chosen = self._targets(attack_input(points, columns, "nonzero"), rows)

        def objective(states: Points, owner: np.ndarray, support: str) -> Objective:
            inputs, decoder = attack_input(states, columns, support), self._decoder(source, rows.start + owner)
            aimed = None if chosen is None else chosen[owner]
            return Objective(self.attack.objective, source, decoder, inputs, self.estimator, self._aim, aimed)

        numbers = [int(number) for number in words]
        found = word_search(self._changes, objective, points, rows.start, numbers, self.attack.beam)
        clean, outcomes = points.features(columns), []
        norms = _norms(clean)
        for number, states in zip(words, found):
            inputs = attack_input(states.points, columns, "nonzero")
            # What a prediction of the changed points computes, not what the search has computed.
            features = states.points.features(columns)
            logits = self.network.bucket_logits(features)
            shares = _shares(_norms(features - clean), norms)
            outcomes.append(self._outcome(number, inputs, inputs.clean, logits, shares, rows, chosen))
        return outcomes

    def _outcome(
        self,
        size: float,
        inputs: AttackInput,
        values: np.ndarray,
        logits: np.ndarray,
        relative_norms: np.ndarray,
        rows: range,
        chosen: Optional[np.ndarray],
    ) -> Outcome:
        """Returns what the network predicts for the attacked `values` of the points `rows`, whose bucket logits are [n, R, B]."""
        part = added_part(self.network, self.estimator, inputs, values)
        losses = ranked_loss(part, inputs, logits, self.network.bucket_table, self.estimator, False).losses
        return Outcome(size, self._top_k(logits, part, rows), losses, relative_norms, chosen)

    @functools.cached_property
    def _changes(self) -> Changes:
        source = self.source or self.network
        if self.texts is not None:
            return TextChanges(self.attack.method, source, self.texts)
        near = NearWords(source) if self.attack.method == "swap_words" else None
        return FeatureChanges(self.attack.method, source.manifest.columns, source.manifest.feature_spec, near)

    @property
    def _aim(self) -> int:
        """The cut-off of the objective; the precision at all labels cannot be attacked."""
        most = self.network.manifest.labels - 1
        return min(self.attack.k or self.k, most) if self.attack.objective == "precision" else self.k

    def _worst_of_parts(self, every: Points, rows: range, epsilons: list[float]) -> list[Outcome]:
        parts = strongest.parts(self.attack, self.ks or [self.k], self.network.manifest.labels)
        runs = [dataclasses.replace(self, attack=part) for part in parts]
        # The clean points are evaluated once, as they are the same for all parts.
        clean = runs[0]._outcomes_of_chunk(every, rows, [0.0])[0] if 0 in epsilons else None
        attacked = [epsilon for epsilon in epsilons if epsilon]
        by_part = []
        for run in runs:
            of_part = iter(run._outcomes_of_chunk(every, rows, attacked) if attacked else ())
            by_part.append([next(of_part) if epsilon else cast(Outcome, clean) for epsilon in epsilons])
        labels = every[rows].labels(self.network.manifest.labels)
        found = []
        for epsilon, *outcomes in zip(epsilons, *by_part):
            chosen = strongest.worst([hits(outcome.top_labels, labels) for outcome in outcomes])
            points = np.arange(len(chosen))
            found.append(
                Outcome(
                    epsilon,
                    np.stack([outcome.top_labels for outcome in outcomes])[chosen, points],
                    np.max([outcome.losses for outcome in outcomes], axis=0),
                    np.stack([outcome.relative_norms for outcome in outcomes])[chosen, points],
                    parts={part.name: outcome for part, outcome in zip(parts, outcomes)},
                )
            )
        return found

    def _perturbed(self, objective: Objective, epsilons: list[float], first: int) -> list[np.ndarray]:
        """Returns the attacked values for each epsilon; `first` is as of gradient_attacks.perturb."""
        clean = objective.inputs.clean
        if self.attack.method in SIGN_METHODS:
            return perturb(self.attack, objective.gradient, clean, epsilons, first)
        check_values(self.attack, clean, epsilons)
        search = square_attack if self.attack.method == "square" else apgd
        return [search(self.attack, objective, epsilon, first) if epsilon else clean for epsilon in epsilons]

    def _targets(self, inputs: AttackInput, rows: range) -> Optional[np.ndarray]:
        if not self.attack.targeted and self.attack.objective != "top_label":
            return None
        labels = inputs.points.labels(self.network.manifest.labels)
        part = added_part(self.network, self.estimator, inputs, inputs.clean)
        top_labels = self._top_k(bucket_logits(self.network.repetitions, inputs, inputs.clean), part, rows)
        if self.attack.objective == "top_label":
            return top_labels[:, 0].astype(np.int64)
        if self.attack.objective == "push_out":
            return targets.targets_to_push_out(top_labels, labels)
        if self.excluded is not None:  # a label that is never predicted cannot be pushed in
            labels = scipy.sparse.csr_matrix(labels + self.excluded[rows.start : rows.stop])
        return targets.targets_to_push_in(top_labels, labels, self.target_label, self.attack.seed, rows.start)

    def _top_k(self, logits: np.ndarray, part: AddedPart, rows: range) -> np.ndarray:
        scores = estimators.bucket_scores(logits, self.estimator)
        found: np.ndarray = part.over(self._decoder(self.network, rows)).top_k(scores, self.k, self.estimator)[0]
        return found

    def _decoder(self, network: Network, rows: Union[range, np.ndarray]) -> Union[Decoder, ExcludingDecoder]:
        if self.excluded is None:
            return network.decoder
        return ExcludingDecoder(network.decoder, self.excluded[np.asarray(rows)])


def _norms(features: scipy.sparse.csr_matrix) -> np.ndarray:
    return np.sqrt(np.asarray(features.astype(np.float64).power(2).sum(axis=1)).ravel())


def _shares(moved: np.ndarray, norms: np.ndarray) -> np.ndarray:
    """Returns the norms of perturbations divided by those of the points, float64 [n]; 0 for an empty point."""
    return np.divide(moved, norms, out=np.zeros_like(moved), where=norms > 0)


def _concatenate(outcomes: Sequence[Outcome]) -> Outcome:
    def joined(name: str) -> Any:
        parts = [getattr(outcome, name) for outcome in outcomes]
        return None if parts[0] is None else np.concatenate(parts)

    return Outcome(
        epsilon=outcomes[0].epsilon,
        top_labels=joined("top_labels"),
        losses=joined("losses"),
        relative_norms=joined("relative_norms"),
        targets=joined("targets"),
        parts={name: _concatenate([outcome.parts[name] for outcome in outcomes]) for name in outcomes[0].parts},
    )
