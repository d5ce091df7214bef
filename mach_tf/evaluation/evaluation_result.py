"""Evaluation: what was measured of a model on a dataset's split."""

from __future__ import annotations

import dataclasses
import html
from collections.abc import Iterator, Mapping
from typing import Any, Optional

from mach_tf.choices import OBJECTIVES
from mach_tf.evaluation import tables
from mach_tf.evaluation.certification_result import Certification
from mach_tf.evaluation.comparison import Comparison
from mach_tf.evaluation.evaluation_parts import CurvePoint, Decoding, Losses, Seconds
from mach_tf.evaluation.label_filter import LabelFilter
from mach_tf.evaluation.model_robustness import Robustness
from mach_tf.evaluation.tables import Table
from mach_tf.metrics.breakdown import LabelGroup
from mach_tf.metrics.calibration import Reliability
from mach_tf.metrics.ranking_metrics import PerPoint


@dataclasses.dataclass(frozen=True)
class Evaluation(tables.ShownAsText):
    """The measurements of a model on a dataset's split. print() and notebooks show tables.

    Attributes:
      dataset_dir: the dataset.
      dataset_fingerprint: SHA-256 of its content.
      model_dir: the model.
      split: the split evaluated.
      points: number of points evaluated.
      repetitions: number of the model's repetitions used.
      estimator: the estimator that leads: whose metrics are `metrics`, `intervals`, `by_frequency` and the curve's.
      propensity: the constants of the propensity model: "default", "wikipedia", "amazon", or "A,B"; None if the dataset has no
        label counts of training, so that there are no propensity-scored metrics.
      ks: cut-offs of the metrics, ascending.
      intervals: 95% intervals of `metrics`, in percent, by name; empty without a bootstrap.
      estimators: the metrics of every estimator, in percent.
      by_frequency: what head, torso and tail labels contribute at the largest cut-off; empty without label counts of training.
      calibration: by estimator, how often labels predicted with a given probability are true.
      repetition_curve: the metrics with the first 1, 2, 4, ... repetitions; empty unless requested.
      decoding: how label scores were found.
      seconds: elapsed times.
      loss: clean and adversarial loss.
      per_point: each point's part of every metric, by name: what a comparison needs.
      attacks: the metrics under attack; empty if none was requested, None while attacks are running.
      comparison: differences from an earlier evaluation; None unless one was named.
      label_filter: the pairs of points and labels that were left out of predictions and truth; None for none.
      name_weight: the weight of the similarity of texts and label names in the label scores; 0 for none.
      objective: the metric that labels were ranked for, one of choices.OBJECTIVES.
      certificates: what is proved against all perturbations; None unless it was requested and is done.
    """

    dataset_dir: str
    dataset_fingerprint: str
    model_dir: str
    split: str
    points: int
    repetitions: int
    estimator: str
    propensity: Optional[str]
    ks: tuple[int, ...]
    intervals: Mapping[str, tuple[float, float]]
    estimators: Mapping[str, Mapping[str, float]]
    by_frequency: Mapping[str, LabelGroup]
    calibration: Mapping[str, Reliability]
    repetition_curve: tuple[CurvePoint, ...]
    decoding: Decoding
    seconds: Seconds
    loss: Losses
    per_point: Mapping[str, PerPoint] = dataclasses.field(repr=False)
    attacks: Optional[Robustness] = None
    comparison: Optional[Comparison] = None
    label_filter: Optional[LabelFilter] = None
    name_weight: float = 0.0
    certificates: Optional[Certification] = None
    objective: str = OBJECTIVES[0]

    @property
    def metrics(self) -> Mapping[str, float]:
        """The metrics of the leading estimator in percent, by name: "P@1", "nDCG@5", ..."""
        return self.estimators[self.estimator]

    def to_json(self) -> dict[str, Any]:
        """Returns the content of metrics.json."""
        content: dict[str, Any] = {
            "dataset_dir": self.dataset_dir,
            "dataset_fingerprint": self.dataset_fingerprint,
            "model_dir": self.model_dir,
            "split": self.split,
            "points": self.points,
            "repetitions": self.repetitions,
            "estimator": self.estimator,
            "propensity": self.propensity,
            "metrics": dict(self.metrics),
            "intervals": {name: list(interval) for name, interval in self.intervals.items()},
            "estimators": {name: dict(metrics) for name, metrics in self.estimators.items()},
            "by_frequency": {name: group.to_json() for name, group in self.by_frequency.items()},
            "calibration": {name: curve.to_json() for name, curve in self.calibration.items()},
            "repetition_curve": [point.to_json() for point in self.repetition_curve],
            "decoding": self.decoding.to_json(),
            "seconds": self.seconds.to_json(),
            "loss": self.loss.to_json(),
        }
        if self.comparison is not None:
            content["compare"] = self.comparison.to_json()
        if self.label_filter is not None:
            content["filter_labels"] = self.label_filter.to_json()
        if self.name_weight:
            content["name_weight"] = self.name_weight
        if self.objective != OBJECTIVES[0]:
            content["objective"] = self.objective
        if self.certificates is not None:
            content["certificates"] = self.certificates.to_json()
        content["attacks"] = None if self.attacks is None else self.attacks.to_json()["attacks"]
        return content

    def write(self, output_dir: str) -> list[str]:
        """Writes metrics.json, per_point.npz, plots and TensorBoard logs; with attacks also robustness.json and its plot.

        Args:
          output_dir: directory for the files; created if missing.

        Returns:
          The paths that a reader would open; see `paths`.
        """
        from mach_tf.evaluation import outputs  # Matplotlib takes a while to import

        outputs.write(output_dir, self.to_json(), self.per_point, self.calibration, self.ks)
        if self.certificates is not None:
            self.write_certificates(output_dir)
        if self.attacks:
            self.write_attacks(output_dir)
        return self.paths(output_dir)

    def write_certificates(self, output_dir: str) -> None:
        """Adds the certificates to what `write` wrote before: in metrics.json and in TensorBoard's logs."""
        from mach_tf.evaluation import outputs

        outputs.write_certificates(output_dir, self.to_json())

    def write_attacks(self, output_dir: str) -> None:
        """Adds the attacks to what `write` wrote while they were running."""
        from mach_tf.evaluation import outputs, robustness_outputs

        if not self.attacks:
            raise ValueError("there are no attacks to write")
        content = self.to_json()
        header = {name: content[name] for name in ("dataset_dir", "split", "points", "estimator")}
        robustness_outputs.write(output_dir, {self.model_dir: self.attacks}, header)
        outputs.write_metrics(output_dir, content)

    def paths(self, output_dir: str) -> list[str]:
        """Returns the paths of what `write` writes: metrics.json, the plots, TensorBoard's directory, robustness.json."""
        from mach_tf.evaluation import outputs, robustness_outputs

        written = outputs.paths(output_dir, bool(self.repetition_curve))
        return list(dict.fromkeys([*written, *(robustness_outputs.paths(output_dir) if self.attacks else [])]))

    def __str__(self) -> str:
        return "\n\n".join([self._heading(), *(str(table) for table in self._tables()), "\n".join(self._lines())])

    def _repr_html_(self) -> str:
        lines = "<br>".join(html.escape(line) for line in self._lines())
        tables_html = "".join(table.to_html() for table in self._tables())
        return f"<p>{html.escape(self._heading())}</p>{tables_html}<p>{lines}</p>"

    def _heading(self) -> str:
        return f"{self.points} points, {self.repetitions} repetitions, estimator {self.estimator}"

    def _tables(self) -> Iterator[Table]:
        names = tables.headline_metrics(self.ks)
        names += [f"PSP@{max(self.ks)}"] if self.propensity else []
        yield tables.metrics_table(self.metrics, self.intervals, self.ks)
        if len(self.estimators) > 1:
            yield tables.comparison_table(self.estimators, names, "estimator")
        if self.repetition_curve:
            curve = {point.repetitions: point.metrics for point in self.repetition_curve}
            yield tables.comparison_table(curve, names, "repetitions")
        if self.by_frequency:
            yield tables.frequency_table(self.by_frequency)
        if self.certificates is not None:
            yield dataclasses.replace(
                self.certificates.table(),
                title=f"Certified against all perturbations, support {self.certificates.support}, in percent:",
            )
        if self.attacks:
            yield tables.attacks_table(self.attacks.entries, self.ks)
        if self.comparison is not None:
            title = f"Difference from {self.comparison.path}, in percentage points:"
            yield tables.differences_table(self.comparison.differences, title)

    def _lines(self) -> Iterator[str]:
        if self.propensity is None:
            yield (
                "PSP@k, PSnDCG@k and the table by label frequency are left out: they need the label counts of a train split, "
                "which this dataset lacks"
            )
        if self.label_filter is not None:
            yield f"{self.label_filter.excluded.nnz} pairs of points and labels are left out: {self.label_filter.path}"
        if self.name_weight:
            yield f"the similarity of texts and label names counts with weight {self.name_weight:g}"
        if self.objective != OBJECTIVES[0]:
            yield f"labels are ranked for the objective {self.objective}"
        yield f"clean loss {self.loss.clean:.6f}"
        if self.loss.adversarial is not None:
            yield (
                f"adversarial loss {self.loss.adversarial:.6f} (each repetition attacked separately by FGSM, "
                f"epsilon {self.loss.epsilon:g})"
            )
        for name, curve in self.calibration.items():
            floor = curve.floor()
            yield (
                f"expected calibration error, {name}: {curve.expected_error:.4f}; true probabilities would show {floor.mean:.4f} "
                f"[{floor.low:.4f}, {floor.high:.4f}]"
            )
        for name, scored in self.decoding.labels_scored.items():
            recall = self.decoding.recall.get(name)
            found = "" if recall is None else f", recall of the exact top {max(self.ks)}: {100 * recall:.2f}%"
            yield f"{self.decoding.mode} decoding, {name}: {scored:.0f} labels scored per point{found}"
        yield "seconds: " + ", ".join(f"{name} {value:.1f}" for name, value in self.seconds.to_json().items())
