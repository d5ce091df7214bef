"""Certifies a model's points at several sizes of perturbation, and compares what is proved with what attacks reach."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator, Sequence
from typing import Any, Optional, Union

import numpy as np

from mach_tf import arguments, progress_bars, repetition_files
from mach_tf.attacks.attack_run import AttackRun
from mach_tf.attacks.gradient_attacks import Attack, attack_list
from mach_tf.certificates.certificate_run import NOT_CERTIFIED, CertificateRun, CertifiedPoints, check_estimator
from mach_tf.certificates.perturbations import PerturbationSet
from mach_tf.data.dataset_reader import DatasetReader
from mach_tf.data.incomplete_points import Incomplete
from mach_tf.data.model_dataset import check_dataset
from mach_tf.errors import InputError
from mach_tf.estimators import DEFAULT_ESTIMATOR
from mach_tf.evaluation import attack_evaluation
from mach_tf.evaluation.certification_result import Certification, CertifiedSize
from mach_tf.metrics.ranking_metrics import cut_offs, hits
from mach_tf.network import Network
from mach_tf.points import Points
from mach_tf.run_parts import RunParts, content_hash, run_parts
from mach_tf.splits import SPLITS

# Points that a part of an interrupted run holds: seconds of work, a minute for hard points.
_BLOCK = 100
MOST_EFFORT = MOST_BRANCHES = 1_000_000


@dataclasses.dataclass(frozen=True)
class CertificationOptions:
    """What is certified.

    Attributes:
      epsilons: sizes of the perturbation, the largest change of a feature value.
      support: "nonzero" covers changes of the features that are present, "dense" of all.
      clip_nonnegative: covers only perturbed values that are not negative.
      ks: cut-offs of certified P@k; None for 1, 3 and 5, as far as there are labels.
      effort: the most pairs of labels that are bounded one by one per point and epsilon; more proves more and takes longer.
      branches: the most branches of exact searches per point and epsilon, for pairs of labels that all bounds leave open; 0 for none.
      attacks: names of attacks, or Attack objects, to compare with; those that are named get the support and the clipping.
      estimator: must be "logit_mean".

    Raises:
      InputError: a value out of its range.
    """

    epsilons: Sequence[float] = (0.0, 0.005, 0.01, 0.02)
    support: str = "nonzero"
    clip_nonnegative: bool = False
    ks: Optional[Sequence[int]] = None
    effort: int = 100
    branches: int = 0
    attacks: Sequence[Union[str, Attack]] = ()
    estimator: str = DEFAULT_ESTIMATOR

    def __post_init__(self) -> None:
        attack_evaluation.checked_epsilons(self.epsilons)
        check_estimator(self.estimator)
        object.__setattr__(self, "effort", arguments.whole_number(self.effort, "effort", 0, MOST_EFFORT))
        branches = arguments.whole_number(self.branches, "branches", 0, MOST_BRANCHES)
        object.__setattr__(self, "branches", branches)
        if of_words := [each.method for each in attack_list(self.attacks) if each.of_words]:
            raise InputError(
                f"attacks must change values, as certificates are about changes of values (got {', '.join(of_words)}). Compare with strongest."
            )
        for _ in self.sets:  # each checks itself
            pass

    @property
    def sets(self) -> list[PerturbationSet]:
        """The sets of perturbations, one per epsilon."""
        sizes = attack_evaluation.checked_epsilons(self.epsilons)
        return [PerturbationSet(size, self.support, self.clip_nonnegative) for size in sizes]

    @property
    def attack_list(self) -> list[Attack]:
        """The attacks, on the same perturbations as the certificates."""
        return [
            dataclasses.replace(each, support=self.support, clip_nonnegative=self.clip_nonnegative)
            for each in attack_list(self.attacks)
        ]


def certify(
    model: Union[Network, str], X: Any, Y: Any, epsilon: Union[float, Sequence[float]] = 0.01, **options: Any
) -> Certification:
    """Proves for raw points what no perturbation within epsilon can change.

    Args:
      model: a trained model, or its directory.
      X: [n, raw features]: an array, a SciPy sparse matrix or a DataFrame.
      Y: the true labels: an indicator matrix [n, K], or for each point a sequence of label ids.
      epsilon: size of the perturbation in the maximum norm, after hashing and normalisation, or several sizes.
      **options: other attributes of CertificationOptions: `support`, `clip_nonnegative`, `ks`, `effort`, `branches`,
        `attacks`.

    Returns:
      A Certification: print() shows a table, `.sizes` has the proofs point by point.

    Raises:
      InputError: X or Y does not fit the model, an option out of its range, or an estimator that cannot be certified.

    Example:
      >>> proved = mach_tf.certify(model, X, Y, epsilon=[0, 0.001])
      >>> [size.epsilon for size in proved.sizes]  # print(proved) shows a table
      [0.0, 0.001]
    """
    network = Network.load(model) if not isinstance(model, Network) else model
    sizes = [epsilon] if np.ndim(epsilon) == 0 else epsilon
    settings = CertificationOptions(epsilons=sizes, **options)  # type: ignore[arg-type]
    raw = attack_evaluation.labelled(network.raw_points(X), Y, network.labels)
    Incomplete.of(raw).check_and_warn("of X")
    return certify_hashed(network, network.manifest.feature_spec.apply(raw), settings)


def certify_dataset(
    model_dir: str,
    dataset_dir: str,
    settings: CertificationOptions,
    split: str = "test",
    limit: Optional[int] = None,
    force: bool = False,
    output_dir: Optional[str] = None,
) -> Certification:
    """Certifies the points of a split, and writes the result; progress goes to stderr.

    Args:
      model_dir: the model directory.
      dataset_dir: a dataset directory with the model's own features and labels.
      settings: what is certified.
      split: the dataset's split.
      limit: certify the first `limit` points only; None for all.
      force: accept a dataset whose label names are not those of the training data, with a warning.
      output_dir: directory for the files of `Certification.write`; created if missing. An interrupted run with the same arguments
        continues there. None writes nothing.

    Raises:
      InputError: a damaged dataset, or one with other features or labels than the model's; or output_dir holds another
        unfinished run.
    """
    data = DatasetReader.open(dataset_dir)
    Incomplete.of_split(data.manifest.split(arguments.choice(split, "split", SPLITS))).check(f"of the {split} split")
    network = Network.load(model_dir)
    check_dataset(network.manifest, data.manifest, model_dir, dataset_dir, force)
    points = data.read_points(split, limit)
    Incomplete.of(points).warn(f"of the {split} split")
    checked_cut_offs(network, points, settings)  # before a directory is made
    with run_parts(output_dir, "certificates", lambda: _run(network, points, settings)) as parts:
        found = certify_hashed(network, points, settings, parts)
        if output_dir is not None:
            found.write(output_dir)
    return found


def certify_hashed(
    network: Network, points: Points, settings: CertificationOptions, parts: Optional[RunParts] = None
) -> Certification:
    """Certifies hashed points; progress goes to stderr.

    Args:
      network: the model.
      points: hashed points with labels, at least one.
      settings: what is certified.
      parts: keeps what is finished; None keeps nothing.
    """
    parts = RunParts() if parts is None else parts
    ks, sets = checked_cut_offs(network, points, settings), settings.sets
    top_labels = network.decode(points.features(network.manifest.columns), max(ks)).labels
    clean = _hits_at(top_labels, points, ks)
    attacked: Optional[np.ndarray] = None
    if settings.attacks:
        attacked = parts.kept("attacked", lambda: {"hits": _attacked(network, points, settings, ks, clean)})["hits"]
    run = CertificateRun(network, sets, ks, settings.effort, settings.branches)

    def certify_rows(rows: range, bar: progress_bars.Bar) -> dict[str, np.ndarray]:
        return _certified(run, points[rows], top_labels[rows.start : rows.stop], bar)

    blocks = parts.of_blocks("", len(points), _BLOCK, "certify", certify_rows)
    proved = {name: np.concatenate([block[name] for block in blocks], axis=1) for name in blocks[0]}
    sizes = [
        CertifiedSize(
            CertifiedPoints(each, **{name: array[i] for name, array in proved.items()}),
            None if attacked is None else attacked[i],
        )
        for i, each in enumerate(sets)
    ]
    names = tuple(each.name for each in settings.attack_list)
    return Certification(tuple(ks), top_labels, clean, tuple(sizes), names)


def checked_cut_offs(network: Network, points: Points, settings: CertificationOptions) -> list[int]:
    """Returns the cut-offs; InputError for points that cannot be certified, or a cut-off above the number of labels."""
    if not len(points):
        raise InputError("There must be at least one point to certify (got none).")
    network.manifest.training.require_multilabel("Certificates", NOT_CERTIFIED)
    settings.sets[0].box(points.feature_values)  # refuses negative values
    return cut_offs(settings.ks, network.labels)


def _certified(
    run: CertificateRun, points: Points, top_labels: np.ndarray, bar: progress_bars.Bar
) -> dict[str, np.ndarray]:
    """Certifies some points: the arrays of CertifiedPoints, stacked over the sets."""

    def counted(numbers: range) -> Iterator[int]:
        for number in numbers:
            yield number
            bar.update()

    found = run.certify(points, top_labels, counted)
    names = [field.name for field in dataclasses.fields(CertifiedPoints) if field.name != "perturbations"]
    return {name: np.stack([getattr(each, name) for each in found]) for name in names}


def _run(network: Network, points: Points, settings: CertificationOptions) -> dict[str, Any]:
    """Returns everything that the results depend on."""
    return {
        "model": repetition_files.fingerprint(network.model_dir, len(network.repetitions)),
        "points": content_hash(points),
        "settings": dataclasses.asdict(settings),
        "block": _BLOCK,
    }


def _hits_at(top_labels: np.ndarray, points: Points, ks: Sequence[int]) -> np.ndarray:
    """Returns the number of true labels among the top k, int64 [n, ks]."""
    hit = hits(top_labels, points.labels(int(max(top_labels.max(initial=0), points.label_ids.max(initial=0))) + 1))
    return np.stack([hit[:, :k].sum(axis=1) for k in ks], axis=1)


def _attacked(
    network: Network, points: Points, settings: CertificationOptions, ks: Sequence[int], clean: np.ndarray
) -> np.ndarray:
    """Returns for each epsilon the fewest hits over all attacks and the clean points, point by point, int64 [sizes, n, ks]."""
    sizes = [each.epsilon for each in settings.sets]
    fewest = np.repeat(clean[None], len(sizes), axis=0)
    for attack in settings.attack_list:
        # An attack on a target aims at one k; another k needs another attack.
        for k in [k for k in ks if k < network.labels] if attack.targeted else [max(ks)]:
            run = AttackRun(network, attack, k, ks=ks)
            bar = progress_bars.of_rows(f"{attack.name}, k = {k}")
            reached = [cut for cut in ks if cut <= k]
            for i, outcome in enumerate(run.outcomes(points, sizes, bar)):
                for each in outcome.alternatives:
                    found = _hits_at(each.top_labels, points, reached)
                    fewest[i, :, : len(reached)] = np.minimum(fewest[i, :, : len(reached)], found)
    return fewest
