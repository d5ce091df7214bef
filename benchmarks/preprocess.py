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
import multiprocessing
import os
import resource
import tempfile
import time
from multiprocessing.connection import Connection
from typing import Any, Callable, Optional

import psutil
from absl import flags

from benchmarks.synthetic import COMPRESSIONS, write_synthetic
from mach_tf import startup
from mach_tf.data import conversion, libsvm
from mach_tf.data.textfile import opener
from mach_tf.errors import InputError
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

_Work = Callable[[], "tuple[int, int]"]  # converts the file; returns its points and bytes of text

_SAMPLING_SECONDS = 0.1


def main(argv: list[str]) -> None:
    """Runs the program."""
    del argv
    unknown = [arm for arm in FLAGS.arms if arm not in _ARMS]
    if unknown:
        raise InputError(f"--arms must be among {', '.join(_ARMS)} (got {', '.join(unknown)}). Correct it.")
    with tempfile.TemporaryDirectory() as directory:
        path = FLAGS.input
        if path is None:
            path = os.path.join(directory, "train.txt")
            write_synthetic(path, FLAGS.points, FLAGS.compression, FLAGS.seed)
        results = {arm: measure(arm, path, os.path.join(directory, arm)) for arm in FLAGS.arms}
    seconds = {arm: result["seconds"] for arm, result in results.items()}
    ratios = {
        f"original/{arm}": round(seconds["original"] / seconds[arm], 2)
        for arm in ("one_worker", "all_cores")
        if "original" in seconds and arm in seconds
    }
    print(json.dumps({"cores": os.cpu_count() or 1, "arms": results, "ratios": ratios}))


def measure(arm: str, path: str, output: str) -> dict[str, Any]:
    """Runs an arm in a new process and samples its memory."""
    context = multiprocessing.get_context("spawn")
    ours, theirs = context.Pipe(duplex=False)
    process = context.Process(target=_run, args=(arm, path, output, theirs))
    begin = time.monotonic()
    process.start()
    theirs.close()
    peak = 0
    while not ours.poll(_SAMPLING_SECONDS):
        peak = max(peak, _memory(process.pid))
        if process.exitcode is not None and not ours.poll():
            raise RuntimeError(f"{arm} ended with status {process.exitcode}")
    result = ours.recv()
    peak = max(peak, _memory(process.pid))
    process.join()
    wall = time.monotonic() - begin
    seconds, cpu_seconds, points, text_bytes, own_peak = result
    return {
        "seconds": round(seconds, 3),
        "startup_seconds": round(wall - seconds, 3),
        "cpu_seconds": round(cpu_seconds, 3),
        "points_per_second": round(points / seconds),
        "mb_per_second": round(text_bytes / 1e6 / seconds, 1),
        "text_mb": round(text_bytes / 1e6, 1),
        "peak_mb": round(max(peak, own_peak) / 1e6, 1),
    }


def _memory(pid: Optional[int]) -> int:
    """Returns the bytes that a process and its children occupy; shared pages count once."""
    total = 0
    try:
        parent = psutil.Process(pid)
        for process in [parent, *parent.children(recursive=True)]:
            total += process.memory_full_info().pss
    except psutil.Error:
        pass  # it has just ended
    return total


def _run(arm: str, path: str, output: str, connection: Connection) -> None:
    work = _ARMS[arm](path, output)
    begin, begin_cpu = time.monotonic(), time.process_time()
    points, text_bytes = work()
    seconds, cpu_seconds = time.monotonic() - begin, time.process_time() - begin_cpu
    own_peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
    connection.send((seconds, cpu_seconds, points, text_bytes, own_peak))
    connection.close()


def _original(path: str, output: str) -> _Work:
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


def _ours(workers: int) -> Callable[[str, str], _Work]:
    def prepare(path: str, output: str) -> _Work:
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


def _read_only(path: str, output: str) -> _Work:
    del output

    def work() -> tuple[int, int]:
        newlines, text_bytes = 0, 0
        with opener(path)(path, "rb") as file:
            for block in iter(lambda: file.read(1 << 22), b""):
                newlines += block.count(b"\n")
                text_bytes += len(block)
        return newlines - 1, text_bytes

    return work


_ARMS: dict[str, Callable[[str, str], _Work]] = {
    "original": _original,
    "one_worker": _ours(1),
    "all_cores": _ours(os.cpu_count() or 1),
    "read_only": _read_only,
}

if __name__ == "__main__":
    program.run(main)
