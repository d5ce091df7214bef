"""Attacks a model's points, by several methods and at several sizes, and measures what its metrics lose."""

from __future__ import annotations

import dataclasses
import functools
import math
from collections.abc import Iterable, Sequence
from typing import Any, Callable, Optional, Union

import numpy as np
import scipy.sparse

from mach_tf import arguments, progress_bars
from mach_tf.attacks import attack_report, bucket_loss, outcome_arrays
from mach_tf.attacks.attack_report import AttackEntry, ReportOptions
from mach_tf.attacks.attack_run import AttackRun, Outcome
from mach_tf.attacks.bucket_loss import BucketLoss
from mach_tf.attacks.gradient_attacks import Attack
from mach_tf.data import arrays, one_label
from mach_tf.data.incomplete_points import Incomplete
from mach_tf.data.label_sequences import is_label_matrix, label_sequences
from mach_tf.errors import InputError
from mach_tf.estimators import DEFAULT_ESTIMATOR
from mach_tf.evaluation.model_robustness import Robustness
from mach_tf.label_index import LabelIndex
from mach_tf.metrics.ranking_metrics import cut_offs
from mach_tf.network import Network
from mach_tf.points import Points
from mach_tf.run_parts import RunParts

MOST_RESAMPLES = 1_000_000
LARGEST_EPSILON = 1e6
MOST_WORDS = 10_000
# How many words attacks on words change unless told otherwise.
WORDS = (0, 1, 2, 5)


def attack(
    network: Network,
    X: Any,
    Y: Any,
    epsilon: Union[float, Sequence[float]] = 0.02,
    method: str = "fgsm",
    *,
    ks: Optional[Sequence[int]] = None,
    estimator: str = DEFAULT_ESTIMATOR,
    target_label: Union[int, str, None] = None,
    source: Optional[Network] = None,
    bootstrap: int = 0,
    seed: int = 0,
    words: Union[int, Sequence[int]] = WORDS,
    texts: Optional[Sequence[Sequence[str]]] = None,
    **settings: Any,
) -> Robustness:
    """Attacks raw points and measures how much the network's metrics lose.

    Args:
      network: the network whose predictions are measured.
      X: [n, raw features]: an array, a SciPy sparse matrix or a DataFrame.
      Y: the true labels: an indicator matrix [n, K], or for each point a sequence of label ids.
      epsilon: size of the perturbation in the maximum norm, or several sizes; 0 adds an entry for the clean points.
      method: "fgsm" or "pgd", which increase the loss; "apgd" and "square" (without gradients), which increase the margin of the best
        false label over the best true one; "strongest", the worst of several, point by point; "push_out" drives each point's best
        true label out of the top k, "push_in" a false one into it, both by PGD; "drop_words", "swap_words" and "add_words" change features
        as if they were words.
      ks: cut-offs of the metrics; None for 1, 3 and 5, as far as there are labels. Targeted attacks aim at the largest.
      estimator: which estimator makes the label scores.
      target_label: the label that "push_in" pushes in, by its id, key or name; by default one is drawn per point.
      source: the network that the attack is computed on, for transfer; by default `network` itself.
      bootstrap: number of resamples for 95% intervals; 0 leaves the intervals out.
      seed: seed of random starts, of drawn labels and of the resamples.
      words: the number of words that an attack on words may change, or several numbers, in place of `epsilon`; 0 adds the clean points.
      texts: the texts that X was made from, one per field for each point, which attacks on words then change.
      **settings: other attributes of mach_tf.attacks.gradient_attacks.Attack: `objective`, `support`, `steps`, `relative_step`,
        `restarts`, `queries`, `random_start`, `clip_nonnegative`, `k`, `beam`.

    Returns:
      A Robustness with one entry per epsilon.

    Raises:
      InputError: X or Y does not fit the network, an unknown method, an epsilon that is negative or not finite, or points
        that cannot be attacked this way.
    """
    unknown = sorted(set(settings) - {field.name for field in dataclasses.fields(Attack)})
    if unknown:
        raise InputError(
            f"An attack has no setting {unknown[0]!r}. Settings are objective, support, steps, relative_step, restarts, "
            "queries, random_start, clip_nonnegative, k and beam."
        )
    chosen = Attack.named(method, seed=seed, **settings)
    arguments.whole_number(bootstrap, "bootstrap", 0, MOST_RESAMPLES)
    target = target_id(network, target_label)
    if source is not None and not isinstance(source, Network):
        raise InputError(f"source must be a mach_tf.Ensemble (got {arguments.shown(source)}).")
    epsilons = checked_epsilons([epsilon] if np.ndim(epsilon) == 0 else epsilon)  # type: ignore[list-item, arg-type]
    numbers = checked_words([words] if np.ndim(words) == 0 else words)  # type: ignore[list-item, arg-type]
    options = ReportOptions(cut_offs(ks, network.labels), bootstrap=bootstrap, seed=seed)
    raw = labelled(network.raw_points(X), Y, network.labels)
    Incomplete.of(raw).check_and_warn("of X")
    hashed = network.manifest.feature_spec.apply(raw)
    entries = evaluate_attacks(
        network, hashed, [chosen], epsilons, options, estimator,
        source=source, target_label=target, words=numbers, texts=texts,
    )  # fmt: skip
    return Robustness(tuple(entries), tuple(options.ks))


def evaluate_attacks(
    network: Network,
    points: Points,
    attacks: Sequence[Attack],
    epsilons: Sequence[float],
    options: ReportOptions,
    estimator: str,
    *,
    source: Optional[Network] = None,
    target_label: Optional[int] = None,
    excluded: Optional[scipy.sparse.csr_matrix] = None,
    parts: Optional[RunParts] = None,
    name: str = "",
    words: Sequence[int] = (),
    texts: Optional[Sequence[Sequence[str]]] = None,
) -> list[AttackEntry]:
    """Runs every attack at every size; progress goes to stderr.

    Args:
      network: the network whose predictions are measured.
      points: hashed points with labels; at least one.
      attacks: the attacks.
      epsilons: sizes of the perturbation, with or without 0.
      options: what is reported; the largest of its ks is the k of targeted attacks.
      estimator: which estimator makes the label scores.
      source: the network that the attacks are computed on; None for `network` itself.
      target_label: the label of "push_in"; None draws one per point.
      excluded: CSR [n, K] of the labels that are left out of each point's predictions; None for none.
      parts: keeps the chunks of points that are finished; None keeps nothing.
      name: what the names of the parts begin with.
      words: sizes of attacks on words, with or without 0.
      texts: the texts of the points, which attacks on words change; None lets them change features.

    Returns:
      One entry per attack and size, attack by attack; the clean entry comes first. No entries if `parts` are of a range of points.

    Raises:
      InputError: these points or these networks cannot be attacked this way.
    """
    check(network, points, attacks, options, source, target_label)
    labels = points.labels(network.manifest.labels)
    entries = []
    parts = RunParts() if parts is None else parts
    for number, one in enumerate(attacks):
        run = AttackRun(network, one, max(options.ks), estimator, source, target_label, excluded, options.ks, texts)
        wanted = [float(number) for number in words] if one.of_words else epsilons
        sizes = [0.0, *(size for size in wanted if size)]
        kept = functools.partial(_kept, parts, f"{name}{number}")
        counted = progress_bars.of_rows(one.name)
        found = run.outcomes(points, sizes, lambda rows, counted=counted: counted(parts.mine(rows)), kept)  # type: ignore[misc]
        if parts.point_range is not None:
            continue  # other processes compute the outcomes of the other points
        clean, *attacked = found
        chosen = [clean, *attacked] if 0.0 in wanted else attacked
        entries += attack_report.report(one, clean, chosen, labels, options)
    return entries


def check(
    network: Network,
    points: Points,
    attacks: Sequence[Attack],
    options: ReportOptions,
    source: Optional[Network],
    target_label: Optional[int],
) -> None:
    """Raises InputError for what cannot be attacked; arguments as in `evaluate_attacks`, with or without attacks."""
    manifest = network.manifest
    if not len(points):
        raise InputError("There must be at least one point to attack (got none).")
    if manifest.training.multiclass:
        one_label.check_points(points, "of those to measure")
    if any(one.clip_nonnegative for one in attacks) and np.min(points.feature_values, initial=0) < 0:
        raise InputError(
            f"clip_nonnegative needs values that are not negative (got {points.feature_values.min()}; signed hashing makes "
            "them negative). Attack without it."
        )
    if target_label is not None and not any(one.objective == "push_in" for one in attacks):
        raise InputError("target_label is the label that push_in pushes in; give it with attack=push_in.")
    if any(one.targeted for one in attacks) and max(options.ks) >= manifest.labels:
        raise InputError(f"Targeted attacks need k below the {manifest.labels} labels (got k = {max(options.ks)}).")
    for name in ("features", "labels", "feature_spec") if source else ():
        ours, theirs = getattr(manifest, name), getattr(source.manifest, name)  # type: ignore[union-attr]
        if ours != theirs:
            raise InputError(
                f"An attack computed on one model transfers to another only if both have the same {name} "
                f"(got {theirs} where it is computed, {ours} where it is used)."
            )

    ours, theirs = manifest.text, None if source is None else source.manifest.text
    if theirs is not None and any(one.of_words for one in attacks) and (ours is None or ours.content != theirs.content):
        raise InputError("An attack on words transfers only between models of one vocabulary (got two).")


def target_id(network: Network, target_label: Union[int, str, None]) -> Optional[int]:
    """Returns the id of the label that "push_in" pushes in; None if one is drawn per point.

    Args:
      network: the model, whose keys and names of labels count.
      target_label: an id, also as text, "id:3" for one beyond doubt, or a key or name.

    Raises:
      InputError: there is no such label, or several.
    """
    if target_label is None:
        return None
    if isinstance(target_label, str):
        index = LabelIndex(network.labels, network.label_names, network.label_keys)
        return index.one(target_label, "target_label")
    return arguments.whole_number(target_label, "target_label", 0, network.labels - 1)


def checked_epsilons(epsilons: Sequence[float], name: str = "epsilon") -> list[float]:
    """Returns the sizes as floats, in order.

    Args:
      epsilons: sizes of perturbations.
      name: what messages call them.

    Raises:
      InputError: no size, one that is negative or not finite, or one that occurs twice.
    """
    if isinstance(epsilons, (str, bytes)) or not isinstance(epsilons, Iterable):
        raise InputError(f"{name} must be a number, or a list of numbers (got {arguments.shown(epsilons)}).")
    sizes = [arguments.finite_number(epsilon, name, 0, LARGEST_EPSILON) for epsilon in epsilons]
    if not sizes or len(set(sizes)) < len(sizes) or not all(math.isfinite(size) and size >= 0 for size in sizes):
        given = ", ".join(f"{size:g}" for size in sizes)
        raise InputError(f"{name} must be a list of different numbers that are not negative (got {given or 'none'}).")
    return sizes


def checked_words(words: Sequence[int], name: str = "words") -> list[int]:
    """Returns numbers of words, in order.

    Args:
      words: whole numbers, 0 or more.
      name: what messages call them.

    Raises:
      InputError: no number, one out of its range, or one that occurs twice.
    """
    if isinstance(words, (str, bytes)) or not isinstance(words, Iterable):
        raise InputError(f"{name} must be a whole number, or a list of them (got {arguments.shown(words)}).")
    numbers = [arguments.whole_number(number, name, 0, MOST_WORDS) for number in words]
    if not numbers or len(set(numbers)) < len(numbers):
        given = ", ".join(map(str, numbers))
        raise InputError(f"{name} must be a list of different whole numbers (got {given or 'none'}).")
    return numbers


def mean_bucket_losses(network: Network, points: Points, epsilons: Sequence[float], support: str) -> list[BucketLoss]:
    """Returns the paper's loss at each epsilon, each repetition attacked separately; progress goes to stderr."""
    losses = bucket_loss.bucket_losses(network, points, epsilons, support, progress_bars.of_rows("bucket loss"))
    return [BucketLoss(epsilon, float(loss.mean())) for epsilon, loss in zip(epsilons, losses)]


def labelled(raw: Points, Y: Any, n_labels: int) -> Points:
    """Returns the points with the labels of Y."""
    if is_label_matrix(Y):
        indicator = arrays.label_matrix(Y, n_labels)
        splits, ids = indicator.indptr, indicator.indices
    else:
        sets = label_sequences(Y, min_classes=0)
        classes = sets.classes.tolist()
        if classes and not (sets.classes.dtype.kind in "iu" and 0 <= classes[0] <= classes[-1] < n_labels):
            raise InputError(f"Y must hold label ids in [0, {n_labels}) (got {classes[0]!r} to {classes[-1]!r}).")
        # Classes are sorted, so the ids of each point stay sorted.
        splits, ids = sets.indicator.indptr, sets.classes[sets.indicator.indices]
    if len(splits) != len(raw) + 1:
        raise InputError(f"Y must have as many rows as X, {len(raw)}, one per point (got {len(splits) - 1}).")
    return dataclasses.replace(raw, label_splits=splits.astype(np.int64), label_ids=ids.astype(np.int64))


def _kept(parts: RunParts, name: str, rows: range, compute: Callable[[], list[Outcome]]) -> list[Outcome]:
    """Returns the outcomes of a chunk, from an earlier run if there are any."""
    arrays = parts.kept(f"{name}-{rows.start}-{rows.stop}", lambda: outcome_arrays.to_arrays(compute()))
    return outcome_arrays.from_arrays(arrays)
