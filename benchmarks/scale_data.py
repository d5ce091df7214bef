"""Writes data of a published size with planted structure, as text of the Extreme Classification Repository.

    python -m benchmarks.scale_data --shape=amazon-670k --fraction=0.01 --output_dir=scale/amazon-670k

writes train.txt, test.txt and, when both are complete, planted.json. --fraction scales the number of points; labels and features stay what
they are, so the label space has its full size however few points there are. benchmarks.scale_shapes names the sources of the sizes, and
benchmarks.scale_law says how points are drawn; the same flags write the same bytes.

The table compares what was written with the published means. The planted model knows from which labels a point's features come, and so the
probability of every label: its precisions on the test points are the ceiling that no classifier exceeds, but for luck. The second ceiling is that of
the labels that have a training point: what can be learned from these training points at best. With a few points per cluster of labels even that is out
of reach, as features must tell which of the cluster's labels a point has: "cluster alone" is what one reaches who recognises a point's cluster
without fail and ranks its labels by their numbers of training points. The JSON object on the last line holds all
figures; its "ratios" are the written means, divided by the published ones.
"""

from __future__ import annotations

import json
import os

from absl import flags

from benchmarks import scale_text
from benchmarks.scale_shapes import SHAPES
from mach_tf.programs import program

FLAGS = flags.FLAGS

flags.DEFINE_enum("shape", "amazon-670k", list(SHAPES), "Chooses the published data set whose size the data have.")
flags.DEFINE_float("fraction", 1.0, "Writes this part of the published points, at least one for each split.", 1e-9, 1.0)
flags.DEFINE_string("output_dir", None, "Writes to this directory, which is made if missing.", required=True)
flags.DEFINE_integer("seed", 0, "Decides every byte of the data.", 0, 2**32 - 1)


def main(_: list[str]) -> None:
    shape = SHAPES[FLAGS.shape]
    os.makedirs(FLAGS.output_dir, exist_ok=True)
    result = scale_text.write(FLAGS.output_dir, shape, FLAGS.fraction, FLAGS.seed)
    print(scale_text.table(result))
    print(json.dumps({"shape": FLAGS.shape, "fraction": FLAGS.fraction, "seed": FLAGS.seed, **result}))


if __name__ == "__main__":
    program.run(main)
