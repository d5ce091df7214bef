"""The files of planted data: both splits as text, and what the planted model reaches on them."""

from __future__ import annotations

import os
import time
from typing import Any

import numpy as np

from benchmarks import scale_law, scale_points
from benchmarks.scale_law import Law
from benchmarks.scale_shapes import Shape
from mach_tf import files
from mach_tf.progress_bars import Bar

# What is known of the points, in the folder of their files.
PLANTED_FILE = "planted.json"
_TRAIN, _TEST = 0, 1
_BLOCK_BYTES = 1 << 25


def write(directory: str, shape: Shape, fraction: float, seed: int) -> dict[str, Any]:
    """Writes both splits, train.txt and test.txt, and PLANTED_FILE; returns what that file holds."""
    path = os.path.join(directory, PLANTED_FILE)
    if os.path.exists(path):
        os.remove(path)  # it says that the other files are complete
    law = scale_points.law(shape, seed)
    points = [max(1, round(fraction * number)) for number in (shape.points, shape.test_points)]
    counts, ignored = np.zeros(shape.labels, np.int64), np.zeros(shape.labels, np.int64)
    begun = time.perf_counter()
    size, labels, features = _write_split(os.path.join(directory, "train.txt"), law, _TRAIN, points[0], counts)
    test_size, _, _ = _write_split(os.path.join(directory, "test.txt"), law, _TEST, points[1], ignored)
    seconds = time.perf_counter() - begun
    result = {
        "points": points[0],
        "test_points": points[1],
        "features": shape.features,
        "labels": shape.labels,
        "labels_with_points": int(np.count_nonzero(counts)),
        "labels_per_point": round(labels / points[0], 3),
        "points_per_label": round(labels / shape.labels, 4),
        "features_per_point": round(features / points[0], 2),
        "more_than_five": round(float(np.mean(counts > 5)), 4),
        "megabytes": round((size + test_size) / 1e6, 1),
        "mb_per_second": round((size + test_size) / 1e6 / seconds, 1),
        "ceiling": _precisions(scale_law.best_hits(law, _TEST, 0, points[1], np.ones_like(counts))),
        "ceiling_of_labels_with_points": _precisions(scale_law.best_hits(law, _TEST, 0, points[1], counts)),
        "cluster_alone": _precisions(scale_law.cluster_hits(law, _TEST, 0, points[1], counts)),
        "ratios": {
            "labels_per_point": round(labels / points[0] / shape.labels_per_point, 3),
            "features_per_point": round(features / points[0] / shape.features_per_point, 3),
            "points_per_label": round(labels / shape.labels / (fraction * shape.points_per_label), 3),
        },
        "published": {
            "labels_per_point": shape.labels_per_point,
            "features_per_point": shape.features_per_point,
            "points_per_label": round(fraction * shape.points_per_label, 4),
            "more_than_five": shape.more_than_five if fraction == 1 else None,
        },
    }
    files.write_json(path, result)
    return result


def table(result: dict[str, Any]) -> str:
    """Returns the Markdown table of what was written against what is published, and the ceilings."""
    lines = ["| | written | published |", "|---|---|---|"]
    for name, published in result["published"].items():
        lines.append(
            f"| {name.replace('_', ' ')} | {result[name]:g} | {'-' if published is None else f'{published:g}'} |"
        )
    for name in ("ceiling", "ceiling_of_labels_with_points", "cluster_alone"):
        found = ", ".join(f"{metric} {value:.2f}%" for metric, value in result[name].items())
        lines.append(f"{name.replace('_', ' ').capitalize()}: {found}")
    rate = f"{result['megabytes']:,} MB at {result['mb_per_second']:g} MB/s"
    return "\n".join([*lines, f"{result['points']:,} and {result['test_points']:,} points, {rate}."])


def _write_split(path: str, law: Law, split: int, points: int, counts: np.ndarray) -> tuple[int, int, int]:
    """Writes a file; returns its bytes and how many labels and features its points have."""
    size, labels, features = 0, 0, 0
    with files.atomic_write(path) as file, Bar(os.path.basename(path), points, "point") as bar:
        file.write(f"{points} {law.features} {law.labels}\n".encode())
        block = max(1, _BLOCK_BYTES // scale_points.line_bytes(law))
        for begin in range(0, points, block):
            count = min(block, points - begin)
            lines, more_labels, more_features = scale_points.write(law, split, begin, count, counts)
            file.write(lines.data)
            size, labels, features = size + len(lines), labels + more_labels, features + more_features
            bar.update(count)
    return size, labels, features


def _precisions(hits: np.ndarray) -> dict[str, float]:
    """Returns P@1, P@3 and P@5 in percent, from the hits of each point, int64 [n, 3]."""
    return {f"P@{k}": round(100 * float(hit) / k, 2) for k, hit in zip(scale_law.KS, hits.mean(axis=0))}
