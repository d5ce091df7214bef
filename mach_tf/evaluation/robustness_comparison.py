"""Compares models under attack, white-box or by transfer."""

from __future__ import annotations

import dataclasses
import os
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, Optional, Union

from mach_tf import arguments, repetition_files
from mach_tf.attacks.attack_report import ReportOptions
from mach_tf.attacks.bucket_loss import BucketLoss
from mach_tf.attacks.gradient_attacks import Attack
from mach_tf.certificates.certificate_run import check_estimator
from mach_tf.choices import ATTACKS, MINIMAL_EPSILONS
from mach_tf.data.dataset_reader import DatasetReader
from mach_tf.data.incomplete_points import Incomplete
from mach_tf.data.model_dataset import check_dataset
from mach_tf.errors import InputError
from mach_tf.estimators import DEFAULT_ESTIMATOR, ESTIMATORS
from mach_tf.evaluation import attack_evaluation, tables
from mach_tf.evaluation.label_filter import LabelFilter, read_label_filter
from mach_tf.evaluation.label_statistics import label_statistics
from mach_tf.evaluation.metric_options import MetricOptions
from mach_tf.evaluation.minimal_epsilon import MinimalEpsilon, minimal_epsilon
from mach_tf.evaluation.model_robustness import Robustness
from mach_tf.evaluation.robustness_content import robustness_content
from mach_tf.evaluation.split_texts import texts_to_attack
from mach_tf.evaluation.tables import Table
from mach_tf.metrics.ranking_metrics import cut_offs
from mach_tf.network import Network
from mach_tf.points import Points
from mach_tf.run_parts import content_hash, run_parts

if TYPE_CHECKING:
    from matplotlib.figure import Figure


@dataclasses.dataclass(frozen=True)
class RobustnessOptions(MetricOptions):
    """The options of a comparison under attack: the attributes of MetricOptions, and these.

    Attributes:
      attacks: as of MetricOptions; at least one. The first one's support is also that of the bucket loss, which is left out if all
        are on words.
      attack_model_dir: the model that the attacks are computed on, for transfer; None attacks each model itself.
      estimator: which estimator makes the label scores.
      minimal_epsilon: "attacked" also finds the minimal epsilon that changes each point's top label, up to the largest of `epsilons`;
        "certified" also proves how small it may be.
    """

    attacks: Sequence[Union[str, Attack]] = ("fgsm",)
    attack_model_dir: Optional[str] = None
    estimator: str = DEFAULT_ESTIMATOR
    minimal_epsilon: str = "none"

    def __post_init__(self) -> None:
        super().__post_init__()
        if not self.attack_list:
            raise InputError(f"attacks must name at least one of {', '.join(ATTACKS)}.")
        arguments.choice(self.estimator, "estimator", ESTIMATORS)
        arguments.choice(self.minimal_epsilon, "minimal_epsilon", MINIMAL_EPSILONS)
        if self.minimal_epsilon != "none" and not max(self.sizes):
            raise InputError("minimal_epsilon needs an epsilon above 0, the largest size that is tried (got 0 alone).")
        if self.minimal_epsilon == "certified":
            check_estimator(self.estimator)


@dataclasses.dataclass(frozen=True)
class RobustnessComparison(tables.ShownAsTable):
    """The robustness of several models on the same points. print() shows a table, and so does a notebook.

    Attributes:
      dataset_dir: the dataset.
      split: the split attacked.
      points: number of points attacked.
      estimator: which estimator made the label scores.
      attack_model_dir: the model that the attacks were computed on; None if each model was attacked itself.
      target_label: the label that "push_in" pushed in; None if one was drawn per point.
      models: the results by model directory.
      filter_labels: the pairs of points and labels that were left out, as metrics.json describes them; None for none.
      minimal_epsilons: the smallest sizes that change top labels, by model directory; empty unless requested.
    """

    dataset_dir: str
    split: str
    points: int
    estimator: str
    attack_model_dir: Optional[str]
    target_label: Optional[int]
    models: Mapping[str, Robustness]
    filter_labels: Optional[Mapping[str, Any]] = None
    minimal_epsilons: Mapping[str, MinimalEpsilon] = dataclasses.field(default_factory=dict)

    def to_json(self) -> dict[str, Any]:
        """Returns the content of robustness.json."""
        return {**self._header(), "models": robustness_content(self.models, self.minimal_epsilons)}

    def write(self, output_dir: str) -> list[str]:
        """Writes robustness.json, robustness.png and TensorBoard logs.

        Args:
          output_dir: directory for the files; created if missing.

        Returns:
          The paths of the JSON file, the plot, the TensorBoard directory and, per model, the files of its minimal epsilons.
        """
        from mach_tf.evaluation import robustness_outputs  # Matplotlib takes a while to import

        return robustness_outputs.write(output_dir, self.models, self._header(), self.minimal_epsilons)

    def paths(self, output_dir: str) -> list[str]:
        """Returns what `write` returns."""
        from mach_tf.evaluation import robustness_outputs

        return robustness_outputs.paths(output_dir, self.minimal_epsilons)

    def table(self) -> Table:
        """Returns one row per model, attack and epsilon."""
        return tables.stack({name: robustness.table() for name, robustness in self.models.items()}, "model")

    def figure(self) -> Figure:
        """Returns a figure of the metrics against epsilon, one line per model and attack."""
        from mach_tf.evaluation import robustness_outputs

        return robustness_outputs.figure(self.models)

    def _header(self) -> dict[str, Any]:
        content = ("models", "minimal_epsilons")
        header = {
            field.name: getattr(self, field.name) for field in dataclasses.fields(self) if field.name not in content
        }
        if self.filter_labels is None:
            del header["filter_labels"]
        return header


def compare_robustness(
    model_dirs: Sequence[str], dataset_dir: str, output_dir: Optional[str] = None, **options: Any
) -> RobustnessComparison:
    """Attacks several models on the same points; progress goes to stderr.

    Args:
      model_dirs: model directories, each of which must take the dataset's points.
      dataset_dir: dataset directory.
      output_dir: directory for the files of `RobustnessComparison.write`; created if missing. An interrupted run with the same arguments
        continues there. None writes nothing.
      **options: attributes of RobustnessOptions: `attacks`, `epsilons`, `attack_model_dir`, `split`, `limit`, ...

    Returns:
      A RobustnessComparison: print() shows a table, `.figure()` plots it, `.write(output_dir)` writes robustness.json.

    Raises:
      InputError: an option out of its range, a damaged dataset, or models that cannot be attacked this way.

    Example:
      >>> found = compare_robustness(["models/mine"], "data/mine", attacks=["pgd"], epsilons=[0, 0.02])
      >>> [entry.epsilon for entry in found.models["models/mine"]]
      [0.0, 0.02]
    """
    if isinstance(model_dirs, (str, os.PathLike)):
        raise InputError(f"model_dirs must be a list of directories (got {model_dirs!r}). Put it in a list.")
    model_dirs = [arguments.path(model_dir, "model_dirs") for model_dir in model_dirs]
    if output_dir is not None:
        output_dir = arguments.path(output_dir, "output_dir")
    return run(model_dirs, arguments.path(dataset_dir, "dataset_dir"), RobustnessOptions(**options), output_dir)


def run(
    model_dirs: Sequence[str], dataset_dir: str, settings: RobustnessOptions, output_dir: Optional[str] = None
) -> RobustnessComparison:
    """Attacks several models as `compare_robustness` does, with its options as one object."""
    attacks, epsilons = settings.attack_list, settings.sizes
    if not model_dirs or len(set(model_dirs)) < len(model_dirs):
        raise InputError(f"model_dirs must be a list of different directories (got {','.join(model_dirs)}).")
    data = DatasetReader.open(dataset_dir)
    dataset = data.manifest
    Incomplete.of_split(dataset.split(settings.split)).check(f"of the {settings.split} split")
    points = data.read_points(settings.split, settings.limit)
    Incomplete.of(points).warn(f"of the {settings.split} split")
    label_filter = None
    if settings.filter_labels is not None:
        label_filter = read_label_filter(
            arguments.path(settings.filter_labels, "filter_labels"), dataset_dir, dataset, settings.split, len(points)
        )
        points = label_filter.truth(points)
    groups = label_statistics(dataset, data.label_counts()).groups
    report = ReportOptions(cut_offs(settings.ks, dataset.labels), None, groups, settings.bootstrap, settings.seed)
    source = Network.load(settings.attack_model_dir) if settings.attack_model_dir else None
    # All of them first: an unsuitable model should not be found out after the hours that the others take.
    repetitions, texts = {}, {}
    for model_dir in model_dirs:
        network = Network.load(model_dir)
        repetitions[model_dir] = len(network.repetitions)
        check_dataset(network.manifest, dataset, model_dir, dataset_dir, settings.force)
        target = attack_evaluation.target_id(network, settings.target_label)
        attack_evaluation.check(network, points, attacks, report, source, target)
        texts[model_dir] = texts_to_attack(network, attacks, dataset_dir, settings.split, points)
    if source and source.repetitions.kept:
        list(source.repetitions)  # loaded now, so that each model sees how much memory is left
    with run_parts(output_dir, "attacks", lambda: _run(repetitions, points, settings, source, label_filter)) as parts:
        models, minimal = {}, {}
        for number, model_dir in enumerate(model_dirs):
            network = Network.load(model_dir)
            target = attack_evaluation.target_id(network, settings.target_label)
            losses: list[BucketLoss] = []
            if not all(attack.of_words for attack in attacks):
                losses = attack_evaluation.mean_bucket_losses(network, points, epsilons, attacks[0].support)
            entries = attack_evaluation.evaluate_attacks(
                network,
                points,
                attacks,
                epsilons,
                report,
                settings.estimator,
                source=source,
                target_label=target,
                excluded=None if label_filter is None else label_filter.excluded,
                parts=parts,
                name=f"{number}-",
                words=settings.words,
                texts=texts[model_dir],
            )
            models[model_dir] = Robustness(tuple(entries), tuple(report.ks), tuple(losses))
            if settings.minimal_epsilon != "none":
                prove = settings.minimal_epsilon == "certified"
                minimal[model_dir] = minimal_epsilon(
                    network, points, attacks[0], max(epsilons), settings.estimator, prove, groups
                )
        comparison = RobustnessComparison(
            dataset_dir,
            settings.split,
            len(points),
            settings.estimator,
            attack_model_dir=settings.attack_model_dir,
            target_label=target,
            models=models,
            filter_labels=None if label_filter is None else label_filter.to_json(),
            minimal_epsilons=minimal,
        )
        if output_dir is not None:
            comparison.write(output_dir)
    return comparison


def _run(
    repetitions: Mapping[str, int],
    points: Points,
    settings: RobustnessOptions,
    source: Optional[Network],
    label_filter: Optional[LabelFilter],
) -> dict[str, Any]:
    """Returns everything that the outcomes of attacks depend on; `repetitions` is their number by model directory."""
    return {
        "models": [repetition_files.fingerprint(model_dir, count) for model_dir, count in repetitions.items()],
        "source": repetition_files.fingerprint(source.model_dir, len(source.repetitions)) if source else None,
        "points": content_hash(points),
        "filter_labels": label_filter.sha256 if label_filter else None,
        "settings": dataclasses.asdict(settings),
    }
