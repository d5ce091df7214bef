"""Times reading shards as training reads them: shuffled, batched, parsed into ragged tensors.

    python -m benchmarks.input_pipeline

Writes a dataset of Amazon-670K's shape to a temporary directory, or reads --dataset_dir. The JSON object on the last line holds the
points per second of each epoch, the same without shuffling, with shards that the operating system has to read from the disk, and with
the bucket targets of --repetitions made, and the CPU time per point (over all cores, so it is steady on a busy machine). Shards in a
file system that is held in memory, as /tmp often is, are never read from a disk: use --dataset_dir, or TMPDIR. "ratios"
compares reading in order, from the disk and with targets with shuffled reading and, with --train_points_per_second, with training.
"""

from __future__ import annotations

import json
import os
import tempfile
import time
from collections.abc import Iterable, Sequence
from typing import Any, Callable

from absl import flags

from benchmarks.synthetic import write_synthetic
from mach_tf import startup
from mach_tf.programs import program

flags.DEFINE_integer("points", 100_000, "The number of points of the synthetic dataset.", 1)
flags.DEFINE_string("dataset_dir", None, "Reads this dataset directory instead of a synthetic one.")
flags.DEFINE_integer("batch_size", 256, "The number of points per batch.", 1)
flags.DEFINE_multi_integer(
    "repetitions", [8, 64], "Makes the targets of this many repetitions side by side; may be repeated.", 1
)
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
        result = measure(
            FLAGS.dataset_dir or _make(directory, FLAGS.points), FLAGS.batch_size, FLAGS.epochs, FLAGS.repetitions
        )
    shuffled = result["points_per_second"]
    result["ratios"] = {
        "shuffled/in_order": round(shuffled / result["points_per_second_in_order"], 2),
        "from_disk/shuffled": round(result["points_per_second_from_disk"] / shuffled, 2),
        **{
            f"with_targets_{count}/shuffled": round(speed / shuffled, 2)
            for count, speed in result["points_per_second_with_targets"].items()
        },
    }
    if FLAGS.train_points_per_second:
        result["ratios"]["shuffled/training"] = round(shuffled / FLAGS.train_points_per_second, 1)
    print(json.dumps(result))


def measure(dataset_dir: str, batch_size: int, epochs: int, repetitions: Sequence[int]) -> dict[str, Any]:
    """Reads the train split in several ways, each `epochs` times, of which the fastest counts.

    Args:
      dataset_dir: the dataset directory.
      batch_size: the number of points per batch.
      epochs: how often each way is measured.
      repetitions: for how many repetitions targets are made.
    """
    from mach_tf.data import records
    from mach_tf.manifest import DatasetManifest

    manifest = DatasetManifest.read(dataset_dir)
    split = manifest.split("train")

    def shuffled(epoch: int) -> Any:
        return records.batches(dataset_dir, manifest, "train", batch_size, shuffle_seed=0, epoch=epoch)

    def from_disk(epoch: int) -> Iterable[Any]:
        _forget([os.path.join(dataset_dir, shard.file) for shard in split.shards])
        return shuffled(epoch)

    def in_order(_: int) -> Iterable[Any]:
        return records.batches(dataset_dir, manifest, "train", batch_size)

    def with_targets(count: int) -> Callable[[int], Iterable[Any]]:
        return lambda epoch: _with_targets(shuffled(epoch), count, manifest.labels)

    begin_cpu = time.process_time()
    speeds = [_points_per_second(shuffled(epoch), split.points) for epoch in range(epochs)]
    cpu_seconds = time.process_time() - begin_cpu

    def fastest(read: Callable[[int], Iterable[Any]]) -> int:
        return max(_points_per_second(read(epoch), split.points) for epoch in range(epochs))

    return {
        "cores": os.cpu_count() or 1,
        "points": split.points,
        "features_per_point": round(split.features / split.points, 1),
        "points_per_second": max(speeds),
        "points_per_second_by_epoch": speeds,
        "cpu_microseconds_per_point": round(1e6 * cpu_seconds / (epochs * split.points), 1),
        "points_per_second_in_order": fastest(in_order),
        "points_per_second_from_disk": fastest(from_disk),
        "points_per_second_with_targets": {str(count): fastest(with_targets(count)) for count in repetitions},
    }


def _with_targets(batches: Any, repetitions: int, labels: int) -> Iterable[Any]:
    """Returns the inputs of training steps with that many repetitions of 2,000 buckets side by side."""
    from mach_tf.buckets import BucketSpec
    from mach_tf.training.training_batch import replica_batches

    spec = BucketSpec(buckets=2000, repetitions=repetitions)
    return replica_batches(batches, spec.table(labels), 1)


def _forget(paths: Sequence[str]) -> None:
    """Has the operating system drop the content of the files from memory, so that it reads them from the disk again."""
    for path in paths:
        with open(path, "rb") as file:
            os.fsync(file.fileno())
            os.posix_fadvise(file.fileno(), 0, 0, os.POSIX_FADV_DONTNEED)


def _make(directory: str, points: int) -> str:
    from mach_tf.data import conversion, libsvm

    text, output = os.path.join(directory, "train.txt"), os.path.join(directory, "dataset")
    write_synthetic(text, points)
    conversion.convert({"train": [libsvm.TextInput(text)]}, output, conversion.Options())
    return output


def _points_per_second(batches: Iterable[Any], points: int) -> int:
    begin = time.monotonic()
    for _ in batches:
        pass
    return round(points / (time.monotonic() - begin))


if __name__ == "__main__":
    program.run(main)
