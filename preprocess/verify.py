"""Checks every byte of a dataset directory, of a model directory or of a servable.

  mach-verify --dataset_dir=data/eurlex
  mach-verify --model_dir=models/eurlex
  mach-verify --model_dir=models/eurlex/repetition-003
  mach-verify --servable=servables/eurlex/1

Of a dataset: manifest, hashes, records, schema, ids, counts and names. Of a model: model.json, the size and hash of every file
of its repetitions, and the weights; of a single repetition or a servable, its files. Prints each problem, and ends with status 1; or prints that all is whole.
"""

from __future__ import annotations

import os

from absl import flags

from mach_tf import startup
from mach_tf.errors import InputError
from mach_tf.manifest import DATASET_FILE
from mach_tf.programs import program, shared_flags

FLAGS = flags.FLAGS

shared_flags.define_dataset_dir(required=False)
shared_flags.define_model_dir(required=False)
flags.DEFINE_string("servable", None, "Reads this servable, the directory of one version, which mach-export writes.")


def main(_: list[str]) -> None:
    if not (FLAGS.dataset_dir or FLAGS.model_dir or FLAGS.servable):
        raise InputError("--dataset_dir, --model_dir or --servable is required. See mach-verify --help.")
    startup.prepare()
    startup.check_versions()
    from mach_tf import model_verification
    from mach_tf.data import verification
    from mach_tf.serving import verification as servable_verification

    if FLAGS.dataset_dir and not os.path.exists(os.path.join(FLAGS.dataset_dir, DATASET_FILE)):
        raise InputError(str(verification.verify(FLAGS.dataset_dir)))
    for path, verify in (
        (FLAGS.dataset_dir, verification.verify),
        (FLAGS.model_dir, model_verification.verify),
        (FLAGS.servable, servable_verification.verify),
    ):
        if path:
            found = verify(path, print)
            if not found.is_whole:
                raise InputError(f"{path} is damaged: {len(found.problems)} problem(s), printed above.")
            print(found)


def run() -> None:
    """Runs the program; the console script calls this."""
    program.run(main)


if __name__ == "__main__":
    run()
