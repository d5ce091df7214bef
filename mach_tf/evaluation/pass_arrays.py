"""What one pass found of blocks of points as named arrays, as an .npz file keeps them, and back."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from mach_tf.decoding.decode import Decoded, joined
from mach_tf.evaluation.one_pass import PassResult

_SECONDS, _FIRST, _RECALL = "seconds", "first/", "recall/"


def to_arrays(result: PassResult) -> dict[str, np.ndarray]:
    """Returns the arrays of a result."""
    arrays = {_SECONDS: np.array([result.network_seconds, result.decoding_seconds])}
    for name, decoded in result.decoded.items():
        arrays.update({f"{field}/{name}": array for field, array in decoded._asdict().items()})
    arrays.update({f"{_FIRST}{count}": labels for count, labels in result.by_repetitions.items()})
    arrays.update({f"{_RECALL}{name}": np.array(share) for name, share in result.recall.items()})
    return arrays


def from_arrays(blocks: Sequence[Mapping[str, np.ndarray]]) -> PassResult:
    """Returns the results of consecutive blocks, at least one, as one; times are added up."""
    names = [name.partition("/")[2] for name in blocks[0] if name.startswith("labels/")]
    counts = [name for name in blocks[0] if name.startswith(_FIRST)]
    decoded = {
        name: joined([Decoded(*(block[f"{field}/{name}"] for field in Decoded._fields)) for block in blocks])
        for name in names
    }
    points = np.array([len(block[f"labels/{names[0]}"]) for block in blocks])
    recalled = [name for name in names if f"{_RECALL}{name}" in blocks[0]]
    seconds = np.sum([block[_SECONDS] for block in blocks], axis=0)
    return PassResult(
        decoded,
        {int(name[len(_FIRST) :]): np.concatenate([block[name] for block in blocks]) for name in counts},
        {
            name: float(np.average([float(block[f"{_RECALL}{name}"]) for block in blocks], weights=points))
            for name in recalled
        },
        float(seconds[0]),
        float(seconds[1]),
    )
