"""One side of a crossing between stacks, in a process of its own: `python -m tests.helpers.stack_worker JSON`.

JSON is a list of actions, each a list of a function's name below and its arguments.
"""

from __future__ import annotations

import json
import sys

import numpy as np

from mach_tf import startup
from mach_tf.buckets import BucketSpec
from mach_tf.manifest import ModelManifest, repetition_directory
from mach_tf.training.stop import Stop
from mach_tf.training_config import TrainingConfig

REPETITIONS, POINTS, FEATURES = 2, 30, 50


class _StopAfter(Stop):
    def __init__(self, steps: int) -> None:
        self._left = steps

    def requested(self) -> bool:
        self._left -= 1
        return self._left < 0


def train(dataset: str, model: str, optimizer: str, steps: int) -> None:
    """Trains or resumes a model; stops after some steps of the 12, with a checkpoint."""
    from mach_tf.training import run
    from mach_tf.training.run_options import RunOptions

    startup.check_versions()
    config = TrainingConfig(
        hidden_units=16,
        epochs=3,
        batch_size=16,
        learning_rate=0.01,
        dropout=0.2,
        feature_dropout=0.1,
        optimizer=optimizer,
    )
    options = RunOptions("one_device", group_size=REPETITIONS)
    run.train(dataset, model, config, BucketSpec(8, REPETITIONS), options, stop=_StopAfter(steps))


def serve(model: str, output: str) -> None:
    """Writes the weights of a model's repetitions and what a server answers for fixed points by both signatures, as .npz."""
    import tensorflow as tf

    from mach_tf.network import Network
    from mach_tf.signature_names import SERVING_SIGNATURE, SPARSE_SIGNATURE

    rng = np.random.default_rng(0)
    ids = [np.sort(rng.permutation(FEATURES)[: 1 + point % 9]).astype(np.int64) for point in range(POINTS)]
    values = [rng.normal(size=len(each)).astype(np.float32) for each in ids]
    examples = [
        tf.train.Example(
            features=tf.train.Features(
                feature={
                    "feature_ids": tf.train.Feature(int64_list=tf.train.Int64List(value=one)),
                    "feature_values": tf.train.Feature(float_list=tf.train.FloatList(value=other)),
                }
            )
        ).SerializeToString()
        for one, other in zip(ids, values)
    ]
    found = {}
    for number in range(ModelManifest.read(model).bucket_spec.repetitions):
        served = tf.saved_model.load(repetition_directory(model, number))
        outputs = {
            SPARSE_SIGNATURE: served.signatures[SPARSE_SIGNATURE](
                row_splits=tf.constant(np.cumsum([0, *map(len, ids)]), tf.int64),
                feature_ids=tf.constant(np.concatenate(ids)),
                feature_values=tf.constant(np.concatenate(values)),
            ),
            SERVING_SIGNATURE: served.signatures[SERVING_SIGNATURE](examples=tf.constant(examples)),
        }
        for signature, named in outputs.items():
            found.update({f"served/{number}/{signature}/{name}": value.numpy() for name, value in named.items()})
    for number, repetition in enumerate(Network.load(model).repetitions):
        for name, weights in repetition.weights._asdict().items():
            found[f"weights/{number}/{name}"] = weights.numpy()
    np.savez(output, **found)


if __name__ == "__main__":
    for name, *arguments in json.loads(sys.argv[1]):
        {"train": train, "serve": serve}[name](*arguments)
