"""Checks every byte of a dataset directory: manifest, hashes, records, schema, ids, counts and names.

  mach-verify --dataset_dir=data/eurlex

Prints each problem with its shard and record, and ends with status 1; or prints that the dataset is whole.
"""

from __future__ import annotations

from absl import flags

from mach_tf import startup
from mach_tf.errors import InputError
from mach_tf.programs import program, shared_flags

FLAGS = flags.FLAGS

shared_flags.define_dataset_dir()


def main(_: list[str]) -> None:
    startup.prepare()
    startup.check_versions()
    from mach_tf.data.verification import verify

    found = verify(FLAGS.dataset_dir, print)
    if not found.is_whole:
        raise InputError(f"{FLAGS.dataset_dir} is damaged: {len(found.problems)} problem(s), printed above.")
    print(found)


def run() -> None:
    """Runs the program; the console script calls this."""
    program.run(main)


if __name__ == "__main__":
    run()
