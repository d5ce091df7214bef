"""Checks a dataset directory, every byte of it: manifest, hashes, records, schema, ids, counts, names.

  python -m preprocess.verify --dataset_dir=data/eurlex

Prints what is damaged, by shard and record, and ends with status 1; or says that all is well.
"""

from __future__ import annotations

from absl import flags

from mach_tf import startup
from mach_tf.programs import program, shared_flags

shared_flags.define_dataset_dir()

FLAGS = flags.FLAGS


def main(argv: list[str]) -> None:
    """Runs the program."""
    del argv
    startup.prepare()
    startup.check_versions()
    from mach_tf.data import verification
    from mach_tf.errors import InputError
    from mach_tf.manifest import DatasetManifest

    count = 0
    for problem in verification.problems(FLAGS.dataset_dir):
        print(problem)
        count += 1
    if count:
        raise InputError(f"{FLAGS.dataset_dir} is damaged: {count} problem(s), printed above.")
    manifest = DatasetManifest.read(FLAGS.dataset_dir)
    shards = sum(len(split.shards) for split in manifest.splits.values())
    points = sum(split.points for split in manifest.splits.values())
    print(
        f"{FLAGS.dataset_dir} is whole: {points:,} points in {shards} shards, fingerprint {manifest.fingerprint[:16]}."
    )


if __name__ == "__main__":
    program.run(main)
