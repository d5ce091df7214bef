"""How many points are attacked at a time, so that memory stays bounded."""

from __future__ import annotations

import numpy as np

from mach_tf.manifest import ModelManifest
from mach_tf.points import Points

# Floats of one array of a chunk: the sketch, or the dense points. A handful of such arrays live at a time.
_CHUNK_FLOATS = 1 << 24
_MAX_POINTS = 1024


def chunks(points: int, manifest: ModelManifest, support: str) -> list[range]:
    """Consecutive rows 0:points in chunks.

    Args:
      points: their number.
      manifest: of the model; its sketch, and for "dense" its input width, decide the size.
      support: "nonzero" or "dense".
    """
    floats = manifest.bucket_spec.repetitions * manifest.bucket_spec.buckets
    if support == "dense":
        floats = max(floats, manifest.columns)
    size = min(max(_CHUNK_FLOATS // floats, 1), _MAX_POINTS)
    return [range(begin, min(begin + size, points)) for begin in range(0, points, size)]


def take_rows(points: Points, rows: range) -> Points:
    """Consecutive points."""
    keep = np.zeros(len(points), bool)
    keep[rows.start : rows.stop] = True
    return points.take(keep)
