"""The flags that benchmarks.peers and benchmarks.rules share, and the run that they describe."""

from __future__ import annotations

import os

from absl import flags

from benchmarks import peers_shapes
from benchmarks.measured_process import check_arms
from benchmarks.peers_runs import Runner

FLAGS = flags.FLAGS

# Where
flags.DEFINE_string(
    "data_dir", "../shared/data", "Reads the data sets from this folder, each from a folder of its own."
)
flags.DEFINE_string(
    "output_dir", "peers", "Writes data, results and tables into this directory, which is made if missing."
)
flags.DEFINE_string(
    "environments_dir",
    None,
    "Keeps the environments of other packages in this folder; by default in `environments` of --output_dir.",
)

# What
_SETS = ["bibtex", "delicious", "eurlex57k", "tibkat-gnd", "tib-core-text"]
flags.DEFINE_list("sets", _SETS, "Measures on these data sets, named by their folders in --data_dir.")
flags.DEFINE_list(
    "shapes",
    ["whole"],
    f"Measures on the data sets in these shapes: {', '.join(peers_shapes.SHAPES)}. tenth+short makes the second shape from the first.",
)
flags.DEFINE_integer("bootstrap", 1000, "The number of bootstrap resamples for the 95% intervals.", 1)

# How
flags.DEFINE_integer("threads", None, "The number of threads of other packages; by default one per processor.", 1)
flags.DEFINE_float("minutes", 120.0, "Ends an arm whose training or prediction takes more minutes than this.", 0.1)
flags.DEFINE_boolean("run", True, "Runs what is missing; otherwise the tables show only what exists.")


def runner(split: str) -> Runner:
    """Returns the runner that the flags describe.

    Args:
      split: the split to measure on, "test" or "valid".

    Raises:
      InputError: an unknown shape.
    """
    check_arms([part for shape in FLAGS.shapes for part in peers_shapes.parts(shape)], peers_shapes.SHAPES, "shapes")
    return Runner(
        data_dir=FLAGS.data_dir,
        output_dir=os.path.abspath(FLAGS.output_dir),
        environments_dir=FLAGS.environments_dir or os.path.join(FLAGS.output_dir, "environments"),
        split=split,
        threads=FLAGS.threads or os.cpu_count() or 1,
        minutes=FLAGS.minutes,
        run=FLAGS.run,
    )
