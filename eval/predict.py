"""Writes the top k labels and their scores for points in a text file.

    python -m eval.predict --model_dir models/bibtex --input test.txt --output predictions.txt --k 5

reads the XML repository's format, plain or compressed, with or without labels, and writes its format of score matrices: a
first line `points labels`, then a line a point, `label:score label:score ...`, best first.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from absl import flags
from tqdm import tqdm

from mach_tf import files, startup
from mach_tf.errors import InputError
from mach_tf.programs import program, shared_flags

if TYPE_CHECKING:
    import numpy as np

    from mach_tf.data.libsvm import TextReader
    from mach_tf.ensemble import Ensemble

FLAGS = flags.FLAGS

# Where
shared_flags.define_model_dir()
flags.DEFINE_string(
    "input", None, "Points as text, raw features as the model's own training text has them.", required=True
)
flags.DEFINE_string("output", None, "Where the predictions go.", required=True)

# What
flags.DEFINE_integer("k", 5, "Labels a point.", lower_bound=1)
shared_flags.define_estimator()
shared_flags.define_repetitions()


def main(_: list[str]) -> None:
    startup.prepare()
    startup.check_versions()
    from mach_tf.data.libsvm import TextReader
    from mach_tf.ensemble import Ensemble

    ensemble = Ensemble.load(FLAGS.model_dir, FLAGS.repetitions)
    if ensemble.labels < FLAGS.k:
        raise InputError(f"--k must not exceed the model's {ensemble.labels} labels (got {FLAGS.k}).")
    folder = os.path.dirname(FLAGS.output)
    if folder and not os.path.isdir(folder):
        raise InputError(
            f"--output must be a file in a folder that is there (got {FLAGS.output}); make {folder} first."
        )
    with TextReader(FLAGS.input) as reader:
        if reader.header.features != ensemble.manifest.features:
            raise InputError(
                f"{FLAGS.input}, line 1: the model was trained on {ensemble.manifest.features} raw features, the file has "
                f"{reader.header.features}. Give points with the features of the model's training text."
            )
        _predict(ensemble, reader)
    print(f"{reader.points} points predicted: {FLAGS.output}")


def _predict(ensemble: Ensemble, reader: TextReader) -> None:
    """Block by block, so that memory does not grow with the file; a file that breaks a rule leaves no output."""
    from mach_tf import estimators
    from mach_tf.data import libsvm

    spec, buckets = ensemble.manifest.feature_spec, ensemble.manifest.bucket_spec.buckets
    with (
        files.atomic_write(FLAGS.output) as output,
        tqdm(total=reader.header.points, desc="predict", unit="point", disable=None) as bar,
    ):
        output.write(f"{reader.header.points} {ensemble.labels}\n".encode())
        for block in reader.blocks():
            parsed = libsvm.parse(block)
            if parsed.bad_lines:
                raise InputError(f"{parsed.bad_lines[0]} Correct the line.")
            features = spec.apply(parsed.points).features(ensemble.manifest.columns)
            found = ensemble.top_k(features, FLAGS.k, FLAGS.estimator)
            output.write(_lines(found.labels, estimators.reported(found.scores, FLAGS.estimator, buckets)))
            bar.update(len(parsed.points))
        reader.finish()


def _lines(labels: np.ndarray, scores: np.ndarray) -> bytes:
    # 9 digits tell any two float32 apart.
    rows = zip(labels.tolist(), scores.tolist())
    return b"".join(" ".join(f"{a}:{b:.9g}" for a, b in zip(*row)).encode() + b"\n" for row in rows)


if __name__ == "__main__":
    program.run(main)
