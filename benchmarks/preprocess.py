"""Times preprocessing on synthetic text of Amazon-670K's shape and measures its memory.

    python -m benchmarks.preprocess

Each arm runs in a process of its own: `original` loops over lines and builds each tf.train.Example from lists, as the original code
does; `one_worker` and `all_cores` are mach_tf's; `read_only` only reads and decompresses the same bytes. The JSON object on the last
line holds, for each arm, the seconds, points and megabytes of text per second, the peak memory (of the process and its children,
shared pages counted once), and the start-up time (imports, compiled code from its cache), which `seconds` excludes. "ratios" compares
the seconds of `original` with those of mach_tf.
"""

from __future__ import annotations

import json
import os
import tempfile
from typing import Callable

from absl import flags

from benchmarks.measured_process import Work, check_arms, measure
from benchmarks.synthetic import COMPRESSIONS, write_synthetic
from mach_tf import startup
from mach_tf.data import conversion, libsvm
from mach_tf.data.textfile import opener
from mach_tf.programs import program

flags.DEFINE_integer("points", 100_000, "The number of points of the synthetic file.", 1)
flags.DEFINE_enum("compression", "none", COMPRESSIONS, "The compression of the synthetic file.")
flags.DEFINE_list(
    "arms",
    ["original", "one_worker", "all_cores", "read_only"],
    "Runs these arms: original, one_worker, all_cores, read_only.",
)
flags.DEFINE_string("input", None, "Reads this file instead of a synthetic one.")
flags.DEFINE_integer("seed", 0, "The seed of the synthetic file.")

FLAGS = flags.FLAGS


def main(argv: list[str]) -> None:
    """Runs the program."""
    del argv
    check_arms(FLAGS.arms, _ARMS)
    with tempfile.TemporaryDirectory() as directory:
        path = FLAGS.input
        if path is None:
            path = os.path.join(directory, "train.txt")
            write_synthetic(path, FLAGS.points, FLAGS.compression, FLAGS.seed)
        results = {arm: measure(prepare, arm, path, os.path.join(directory, arm)) for arm in FLAGS.arms}
    seconds = {arm: result["seconds"] for arm, result in results.items()}
    ratios = {
        f"original/{arm}": round(seconds["original"] / seconds[arm], 2)
        for arm in ("one_worker", "all_cores")
        if "original" in seconds and arm in seconds
    }
    print(json.dumps({"cores": os.cpu_count() or 1, "arms": results, "ratios": ratios}))


def prepare(arm: str, path: str, output: str) -> Work:
    """Returns the work of an arm, warmed up."""
    return _ARMS[arm](path, output)


def _original(path: str, output: str) -> Work:
    """The original formulation: one process, one line after the other, one output file."""
    startup.prepare()
    import tensorflow as tf

    def int64_list(values: list[int]) -> tf.train.Feature:
        return tf.train.Feature(int64_list=tf.train.Int64List(value=values))

    def float_list(values: list[float]) -> tf.train.Feature:
        return tf.train.Feature(float_list=tf.train.FloatList(value=values))

    def work() -> tuple[int, int]:
        points = 0
        with opener(path)(path, "rt") as file, tf.io.TFRecordWriter(output) as writer:
            text_bytes = len(file.readline())
            for line in file:
                items = line.split()
                labels = [int(label) for label in items[0].split(",")]
                ids, values = [], []
                for item in items[1:]:
                    feature, value = item.split(":")
                    ids.append(int(feature))
                    values.append(float(value))
                features = {
                    "feature_ids": int64_list(ids),
                    "feature_values": float_list(values),
                    "label_ids": int64_list(labels),
                }
                writer.write(tf.train.Example(features=tf.train.Features(feature=features)).SerializeToString())
                points += 1
                text_bytes += len(line)
        return points, text_bytes

    return work


def _ours(workers: int) -> Callable[[str, str], Work]:
    def prepare(path: str, output: str) -> Work:
        startup.keep_freed_memory()  # as the program does
        with tempfile.TemporaryDirectory() as directory:
            write_synthetic(os.path.join(directory, "tiny.txt"), 2)
            warm_up = {"train": [libsvm.TextInput(os.path.join(directory, "tiny.txt"))]}
            conversion.convert(warm_up, os.path.join(directory, "tiny"), conversion.Options())
        inputs = {"train": [libsvm.TextInput(path)]}

        def work() -> tuple[int, int]:
            done = conversion.convert(inputs, output, conversion.Options(workers=workers))
            return done.manifest.splits["train"].points, done.text_bytes

        return work

    return prepare


def _read_only(path: str, output: str) -> Work:
    del output

    def work() -> tuple[int, int]:
        newlines, text_bytes = 0, 0
        with opener(path)(path, "rb") as file:
            for block in iter(lambda: file.read(1 << 22), b""):
                newlines += block.count(b"\n")
                text_bytes += len(block)
        return newlines - 1, text_bytes

    return work


_ARMS: dict[str, Callable[[str, str], Work]] = {
    "original": _original,
    "one_worker": _ours(1),
    "all_cores": _ours(os.cpu_count() or 1),
    "read_only": _read_only,
}

if __name__ == "__main__":
    program.run(main)
