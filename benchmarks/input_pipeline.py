"""Times reading shards as training reads them: shuffled, batched, parsed into ragged tensors.

    python -m benchmarks.input_pipeline

Writes a dataset of Amazon-670K's shape to a temporary directory, or reads --dataset_dir. The JSON object on the last line holds the
points per second of each epoch, the same without shuffling, and the CPU time per point (over all cores, so it is steady on a busy
machine). "ratios" compares shuffled reading with reading in order and, with --train_points_per_second, with training.
"""

from __future__ import annotations

import json
import os
import tempfile
import time
from typing import Any, Optional

from absl import flags

from benchmarks.synthetic import write_synthetic
from mach_tf import startup
from mach_tf.programs import program

flags.DEFINE_integer("points", 100_000, "The number of points of the synthetic dataset.", 1)
flags.DEFINE_string("dataset_dir", None, "Reads this dataset directory instead of a synthetic one.")
flags.DEFINE_integer("batch_size", 256, "The number of points per batch.", 1)
flags.DEFINE_integer("epochs", 3, "Reads the dataset this many times; the fastest counts.", 1)
flags.DEFINE_float(
    "train_points_per_second",
    None,
    "The points per second that training consumes, to compare with; no comparison by default.",
)

FLAGS = flags.FLAGS


def main(argv: list[str]) -> None:
    """Runs the program."""
    del argv
    startup.prepare()
    with tempfile.TemporaryDirectory() as directory:
        result = measure(FLAGS.dataset_dir or _make(directory, FLAGS.points), FLAGS.batch_size, FLAGS.epochs)
    result["ratios"] = {
        "shuffled/in_order": round(result["points_per_second"] / result["points_per_second_in_order"], 2)
    }
    if FLAGS.train_points_per_second:
        result["ratios"]["shuffled/training"] = round(result["points_per_second"] / FLAGS.train_points_per_second, 1)
    print(json.dumps(result))


def measure(dataset_dir: str, batch_size: int, epochs: int) -> dict[str, Any]:
    """Reads the train split `epochs` times shuffled, of which the fastest counts, and once in order."""
    from mach_tf.manifest import DatasetManifest

    manifest = DatasetManifest.read(dataset_dir)
    split = manifest.split("train")
    begin_cpu = time.process_time()
    shuffled = [_points_per_second(dataset_dir, manifest, batch_size, 0, epoch) for epoch in range(epochs)]
    cpu_seconds = time.process_time() - begin_cpu
    return {
        "cores": os.cpu_count() or 1,
        "points": split.points,
        "features_per_point": round(split.features / split.points, 1),
        "points_per_second": max(shuffled),
        "points_per_second_by_epoch": shuffled,
        "cpu_microseconds_per_point": round(1e6 * cpu_seconds / (epochs * split.points), 1),
        "points_per_second_in_order": _points_per_second(dataset_dir, manifest, batch_size, None, 0),
    }


def _make(directory: str, points: int) -> str:
    from mach_tf.data import conversion, libsvm

    text, output = os.path.join(directory, "train.txt"), os.path.join(directory, "dataset")
    write_synthetic(text, points)
    conversion.convert({"train": [libsvm.TextInput(text)]}, output, conversion.Options())
    return output


def _points_per_second(dataset_dir: str, manifest: Any, batch_size: int, seed: Optional[int], epoch: int) -> int:
    from mach_tf.data import records

    dataset = records.batches(dataset_dir, manifest, "train", batch_size, shuffle_seed=seed, epoch=epoch)
    points = 0
    begin = time.monotonic()
    for batch in dataset:
        points += batch["feature_ids"].nrows().numpy()
    return round(points / (time.monotonic() - begin))


if __name__ == "__main__":
    program.run(main)
