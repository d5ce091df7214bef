"""Comparison of an evaluation with an earlier one of the same points."""

from __future__ import annotations

import dataclasses
import os
from collections.abc import Mapping, Sequence
from typing import Any, Optional

from mach_tf import files
from mach_tf.errors import InputError
from mach_tf.evaluation.label_filter import LabelFilter
from mach_tf.manifest import DatasetManifest
from mach_tf.metrics import bootstrap
from mach_tf.metrics.bootstrap import Difference
from mach_tf.metrics.ranking_metrics import PerPoint

# Resamples for the intervals of differences if the evaluation itself has no intervals.
_DEFAULT_SAMPLES = 1000


@dataclasses.dataclass(frozen=True)
class Comparison:
    """The gain of an evaluation over an earlier one.

    Attributes:
      path: the earlier one's metrics.json.
      differences: by metric, ours minus theirs.
    """

    path: str
    differences: Mapping[str, Difference]

    def to_json(self) -> dict[str, Any]:
        """Returns what metrics.json holds under "compare"."""
        differences = {name: dataclasses.asdict(difference) for name, difference in self.differences.items()}
        return {"with": self.path, "differences": differences}


@dataclasses.dataclass(frozen=True)
class Earlier:
    """An earlier evaluation to compare with: the path of its metrics.json and its metrics' part of every point."""

    path: str
    per_point: Mapping[str, PerPoint]

    def compare(self, ours: Mapping[str, PerPoint], samples: int, seed: int) -> Comparison:
        """Returns our metrics minus theirs, with intervals from `samples` resamples, or 1,000 if that is 0."""
        found = bootstrap.paired_differences(ours, self.per_point, samples or _DEFAULT_SAMPLES, seed)
        return Comparison(self.path, found)


def read_earlier(
    path: str,
    dataset: DatasetManifest,
    split: str,
    points: int,
    ks: Sequence[int],
    propensity: Optional[str],
    label_filter: Optional[LabelFilter] = None,
) -> Earlier:
    """Reads an earlier evaluation and checks that it can be compared.

    Args:
      path: its metrics.json; per_point.npz must be beside it.
      dataset: the dataset evaluated now.
      split: the split evaluated now.
      points: the number of points evaluated now.
      ks: the cut-offs of the metrics now.
      propensity: the constants of the propensity model now, as metrics.json names them; None without propensity-scored
        metrics.
      label_filter: the pairs of points and labels that are left out now; None for none.

    Raises:
      InputError: no evaluation there, or one of other points, pairs left out, constants or cut-offs.
    """
    theirs = files.read_json(path, "evaluation; make one with mach-eval")
    ours = (dataset.fingerprint, split, points)
    if (theirs.get("dataset_fingerprint"), theirs.get("split"), theirs.get("points")) != ours:
        raise InputError(
            f"compare must name an evaluation of the same points: {points} of this dataset's split {split!r} (got "
            f"{theirs.get('points')} points of split {theirs.get('split')!r} of {theirs.get('dataset_dir')}). Evaluate both "
            "with the same settings."
        )
    left_out = (theirs.get("filter_labels") or {}).get("sha256")
    ours_left_out = label_filter.sha256 if label_filter else None
    if left_out != ours_left_out:
        raise InputError(
            f"compare must name an evaluation that leaves out the same pairs of points and labels (got {_described(left_out)}, "
            f"and {_described(ours_left_out)} here). Give the same filter_labels to both."
        )
    their_propensity = theirs.get("propensity", propensity)
    if None not in (propensity, their_propensity) and their_propensity != propensity:
        raise InputError(
            f"compare must name an evaluation with the same propensity={propensity} (got {their_propensity}); "
            "their PSP@k are different metrics."
        )
    beside = os.path.join(os.path.dirname(path), bootstrap.POINTS_FILE)
    per_point = bootstrap.read_points(beside)
    if {len(metric.numerator) for metric in per_point.values()} != {points}:
        raise InputError(
            f"{beside} must be of the evaluation in {path}, {points} points; evaluate the other model again."
        )
    if not any(f"P@{k}" in per_point for k in ks):
        raise InputError(
            f"compare must name an evaluation that shares a cut-off (got {', '.join(n for n in per_point if n[:2] == 'P@')}; "
            f"ks={','.join(map(str, ks))} here)."
        )
    return Earlier(path, per_point)


def _described(sha256: Optional[str]) -> str:
    return f"a file with SHA-256 {sha256[:8]}..." if sha256 else "none"
