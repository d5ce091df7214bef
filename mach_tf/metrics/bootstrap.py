"""Percentile bootstrap over points: 95% intervals of metrics, and of the difference between two models."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np

from mach_tf import files
from mach_tf.array_files import read_archive
from mach_tf.errors import InputError
from mach_tf.metrics.ranking_metrics import PerPoint

# The name that evaluations give to what `write_points` writes.
POINTS_FILE = "per_point.npz"
_PERCENTILES = (2.5, 97.5)
_CHUNK_BYTES = 64 << 20


@dataclasses.dataclass(frozen=True)
class Difference:
    """The difference of a metric between two models on the same points, in percentage points.

    Attributes:
      difference: our metric minus theirs.
      low, high: the 95% interval of the difference.
    """

    difference: float
    low: float
    high: float


def intervals(per_point: Mapping[str, PerPoint], samples: int = 1000, seed: int = 0) -> dict[str, tuple[float, float]]:
    """Returns 95% percentile intervals, in percent.

    Args:
      per_point: by name, each point's part of each metric, n points each.
      samples: number of resamples of n points with replacement.
      seed: seed of the resamples; equal n, seed and samples give equal resamples.
    """
    resampled = _resample(per_point, samples, seed)
    return {name: _interval(resampled[:, column]) for column, name in enumerate(per_point)}


def mean_interval(values: np.ndarray, samples: int = 1000, seed: int = 0) -> tuple[float, float]:
    """Returns the 95% percentile interval of the mean of per-point values.

    Args:
      values: float [n], one per point; at least one.
      samples, seed: as in `intervals`.
    """
    draws = _draws(len(values), samples, np.random.default_rng(seed))
    return _interval(np.concatenate([counts @ values for counts in draws]) / len(values))


def paired_differences(
    ours: Mapping[str, PerPoint], theirs: Mapping[str, PerPoint], samples: int = 1000, seed: int = 0
) -> dict[str, Difference]:
    """Returns the differences of shared metrics, with 95% intervals from resampling the same points for both.

    Args:
      ours, theirs: two models' metrics of the same n points in the same order.
      samples, seed: as in `intervals`.

    Raises:
      InputError: different numbers of points, or no shared metric.
    """
    shared = [name for name in ours if name in theirs]
    if not shared:
        raise InputError(f"no metric is in both: {sorted(ours)} and {sorted(theirs)}")
    counts = {len(metrics[name].numerator) for metrics in (ours, theirs) for name in shared}
    if len(counts) > 1:
        raise InputError(f"both must be metrics of the same points (got {sorted(counts)} points).")
    resampled = _resample({name: ours[name] for name in shared}, samples, seed)
    resampled -= _resample({name: theirs[name] for name in shared}, samples, seed)
    return {
        name: Difference(ours[name].percent - theirs[name].percent, *_interval(resampled[:, column]))
        for column, name in enumerate(shared)
    }


def write_points(path: str, per_point: Mapping[str, PerPoint]) -> None:
    """Writes every point's part of every metric to an .npz file, atomically, for a later comparison."""
    arrays: dict[str, Any] = {}
    for name, metric in per_point.items():
        arrays[f"{name}/numerator"], arrays[f"{name}/denominator"] = metric.numerator, metric.denominator
    with files.atomic_write(path) as file:
        np.savez_compressed(file, **arrays)


def read_points(path: str) -> dict[str, PerPoint]:
    """Reads what `write_points` wrote.

    Raises:
      InputError: a missing or damaged file, or one of another kind.
    """
    try:
        arrays = read_archive(path, "To compare, evaluate the other model again.")
    except FileNotFoundError:
        raise InputError(
            f"{path} does not exist; evaluate the other model again with this version of mach_tf."
        ) from None
    found = {}
    for name in (name[: -len("/numerator")] for name in arrays if name.endswith("/numerator")):
        parts = [arrays.get(f"{name}/{part}", np.empty(0)) for part in ("numerator", "denominator")]
        if any(part.ndim != 1 or part.shape != parts[0].shape or part.dtype != np.float64 for part in parts):
            raise InputError(f"{path} does not hold per-point metrics ({name!r:.80}); evaluate the other model again.")
        if not all(np.isfinite(part).all() for part in parts):
            raise InputError(f"{path} must hold finite metrics ({name!r:.80}); evaluate the other model again.")
        found[name] = PerPoint(*parts)
    return found


def _resample(per_point: Mapping[str, PerPoint], samples: int, seed: int) -> np.ndarray:
    """Returns metrics of resampled points in percent, float64 [samples, metrics]; 0 where nothing can be attained."""
    if samples < 1:
        raise InputError(f"samples must be at least 1 (got {samples}).")
    # A metric per row: of a million points, the product of long rows takes a tenth of what it takes of long columns.
    numerators = np.stack([metric.numerator for metric in per_point.values()])
    denominators = np.stack([metric.denominator for metric in per_point.values()])
    parts = []
    for counts in _draws(numerators.shape[1], samples, np.random.default_rng(seed)):
        ideal = (denominators @ counts.T).T
        parts.append(np.divide((numerators @ counts.T).T, ideal, out=np.zeros_like(ideal), where=ideal > 0))
    return 100 * np.concatenate(parts)


def _draws(points: int, samples: int, generator: np.random.Generator) -> Iterator[np.ndarray]:
    """Yields how often each point is drawn, float64 [samples of a chunk, points], so that memory stays bounded; each overwrites the last one."""
    rows = min(samples, max(1, _CHUNK_BYTES // (8 * max(points, 1))))
    chunk = np.empty((rows, points))
    for begin in range(0, samples, rows):
        drawn = chunk[: samples - begin]
        for row in drawn:
            row[:] = np.bincount(generator.integers(points, size=points), minlength=points)
        yield drawn


def _interval(values: np.ndarray) -> tuple[float, float]:
    low, high = np.percentile(values, _PERCENTILES)
    return float(low), float(high)
