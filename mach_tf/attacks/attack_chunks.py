"""How many points are attacked at a time, so that memory stays bounded."""

from __future__ import annotations

from collections.abc import Sequence

from mach_tf.network import Network

# Floats of one array of a chunk: the sketch, or the dense points. A handful of such arrays live at a time.
_CHUNK_FLOATS = 1 << 24
_MAX_POINTS = 1024
# When every chunk reads all repetitions from disk anew, larger chunks pay for their memory.
_STREAMED_FACTOR = 8


def chunks(points: int, ensembles: Sequence[Network], support: str) -> list[range]:
    """Consecutive rows 0:points in chunks.

    Args:
      points: their number.
      ensembles: that go through them, of the same input width; the larger sketch, for "dense" the input width, and whether all
        their weights stay in memory decide the size.
      support: "nonzero" or "dense".
    """
    specs = [ensemble.manifest.bucket_spec for ensemble in ensembles]
    factor = 1 if all(ensemble.repetitions.kept for ensemble in ensembles) else _STREAMED_FACTOR
    floats = max(spec.repetitions * spec.buckets for spec in specs)
    if support == "dense":
        floats = max(floats, ensembles[0].manifest.columns)
    size = factor * min(max(_CHUNK_FLOATS // floats, 1), _MAX_POINTS)
    return [range(begin, min(begin + size, points)) for begin in range(0, points, size)]
