"""The number of points attacked at once, chosen so that memory stays bounded."""

from __future__ import annotations

from collections.abc import Sequence

from mach_tf.network import Network

# Floats of one array of a chunk: the sketch, the hidden layers, or the dense points. A few such arrays exist at once.
_CHUNK_FLOATS = 1 << 24
# Larger chunks are not faster, move the progress bar less often, and lose more work when a run is interrupted.
_MAX_POINTS = 256
# If every chunk reads all repetitions from disk again, larger chunks save more time than their memory costs.
_STREAMED_FACTOR = 8


def chunks(points: int, networks: Sequence[Network], support: str) -> list[range]:
    """Cuts the rows 0 to n into chunks.

    Args:
      points: n, the number of points.
      networks: the networks that evaluate the chunks, of equal input width. The larger sketch or hidden layer, the input width (if the support
        is "dense") and whether all weights stay in memory determine the size.
      support: "nonzero" or "dense".

    Returns:
      Ranges of consecutive rows.
    """
    specs = [network.manifest.bucket_spec for network in networks]
    factor = 1 if all(network.repetitions.kept for network in networks) else _STREAMED_FACTOR
    widths = [max(network.manifest.bucket_spec.buckets, network.manifest.training.hidden_units) for network in networks]
    floats = max(spec.repetitions * width for spec, width in zip(specs, widths))
    if support == "dense":
        floats = max(floats, networks[0].manifest.columns)
    size = factor * min(max(_CHUNK_FLOATS // floats, 1), _MAX_POINTS)
    return [range(begin, min(begin + size, points)) for begin in range(0, points, size)]
