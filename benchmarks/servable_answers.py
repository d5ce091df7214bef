"""Compares the answers of a servable with those of the library, on all points of a split.

    python -m benchmarks.servable_answers --model_dir=models/eurlex57k --dataset_dir=data/eurlex57k --servable=servables/eurlex57k/1

Without --servable the model is exported first. Labels and their order must be the same in every place, also where scores are tied, and
scores must differ by less than 1e-6; otherwise the program ends with status 1. The JSON object on the last line holds what was compared; its
"ratios" are the share of places with the library's label (the target is 1), and of those with its score to the last bit.
"""

from __future__ import annotations

import contextlib
import json
import os
import tempfile
from collections.abc import Iterator
from typing import Any

import numpy as np
from absl import flags

from mach_tf import startup
from mach_tf.errors import InputError
from mach_tf.programs import program, shared_flags
from mach_tf.programs.flag_errors import flag_errors

FLAGS = flags.FLAGS

shared_flags.define_model_dir()
shared_flags.define_dataset_dir()
shared_flags.define_split()
shared_flags.define_limit()
shared_flags.define_repetitions()
flags.DEFINE_string(
    "servable", None, "Reads this servable, which holds the model with float32 weights; exported by default."
)
flags.DEFINE_integer("k", 10, "Compares this many labels per point.", lower_bound=1)
flags.DEFINE_integer("batch_size", 256, "Ranks this many points per call of the servable.", lower_bound=1)

_MOST = 1e-6


def main(_: list[str]) -> None:
    startup.prepare()
    import tensorflow as tf

    from mach_tf.data.dataset_reader import DatasetReader
    from mach_tf.ensemble import Ensemble

    with flag_errors():
        model = Ensemble.load(FLAGS.model_dir, FLAGS.repetitions)
    if model.manifest.feature_spec.dim:
        raise InputError("The dataset must hold raw features, as with --feature_hash_dim=0: servables take no others.")
    points = DatasetReader.open(FLAGS.dataset_dir).read_points(FLAGS.split, FLAGS.limit)
    k = min(FLAGS.k, model.labels)
    with _servable(model) as path:
        answer = tf.saved_model.load(path).signatures["sparse"]
        found = [
            answers(answer, points[begin : begin + FLAGS.batch_size], k)
            for begin in range(0, len(points), FLAGS.batch_size)
        ]
    labels, scores = (np.concatenate(parts) for parts in zip(*found))
    expected = model.top_k(points.features(model.manifest.columns), k, scores="logit")
    result = compared(labels, scores, expected.labels, expected.scores)
    result = {"model": FLAGS.model_dir, "points": len(points), "k": k, **result}
    print(json.dumps(result))
    if result["other_labels"] or result["largest_difference"] >= _MOST:
        raise InputError(f"The servable's answers must be those of the library, but are not: {result}.")


@contextlib.contextmanager
def _servable(model: Any) -> Iterator[str]:
    """Gives the path of the servable, which lives as long as the block if it is exported here."""
    from mach_tf.serving.exporting import export

    if FLAGS.servable:
        yield FLAGS.servable
        return
    with tempfile.TemporaryDirectory() as directory:
        yield export(model, os.path.join(directory, "model", "1")).path


def answers(answer: Any, points: Any, k: int) -> tuple[np.ndarray, np.ndarray]:
    """Returns the labels of raw points by a servable's signature `sparse`, int64 [n, k], and their scores, float32 [n, k]."""
    import tensorflow as tf

    arrays = {
        "row_splits": points.row_splits - points.row_splits[0],
        "feature_ids": points.feature_ids,
        "feature_values": points.feature_values,
    }
    found = answer(k=tf.constant(k), **{name: tf.constant(array) for name, array in arrays.items()})
    return found["labels"].numpy(), found["scores"].numpy()


def compared(labels: np.ndarray, scores: np.ndarray, own_labels: np.ndarray, own_scores: np.ndarray) -> dict[str, Any]:
    """Returns how many places hold other labels, how many pairs of neighbours are tied, the largest difference of scores, and shares of equal ones.

    Args:
      labels, scores: [n, k], those of the servable.
      own_labels, own_scores: [n, k], those of the library.
    """
    return {
        "other_labels": int((labels != own_labels).sum()),
        "ties": int((own_scores[:, 1:] == own_scores[:, :-1]).sum()),
        "largest_difference": float(np.abs(scores - own_scores).max(initial=0)),
        "ratios": {
            "same labels/labels": float(np.mean(labels == own_labels)),
            "equal scores/scores": float(np.mean(scores == own_scores)),
        },
    }


if __name__ == "__main__":
    program.run(main)
