"""Turns Extreme Classification Repository text into a dataset directory of hashed TFRecord shards.

Files may be plain, gzip, bzip2 or xz; each has a header of its own, `points features labels`. A flag takes one file, a glob,
or several separated by commas; they are read in that order (a glob's sorted by name).

  python -m preprocess.to_tfrecord --train=train.txt.xz --test=test.txt.xz --output_dir=data/eurlex

The repository's split form, features and labels in two files:

  python -m preprocess.to_tfrecord --train_features=trn_X_Xf.txt --train_labels=trn_X_Y.txt \\
      --test_features=tst_X_Xf.txt --test_labels=tst_X_Y.txt --output_dir=data/amazon

The output directory appears when it is whole; a run that fails or is killed leaves what was there before.
"""

from __future__ import annotations

import glob
import os
import shlex
import sys
import time

import numpy as np
import tabulate
import tqdm
from absl import flags

from mach_tf import startup
from mach_tf.choices import FEATURE_NORMS
from mach_tf.data import conversion
from mach_tf.data.libsvm import TextInput
from mach_tf.data.shards import POINTS_PER_SHARD
from mach_tf.errors import InputError
from mach_tf.hashing import MAX_ID, FeatureSpec
from mach_tf.manifest import DATASET_FILE, SPLITS, DatasetManifest
from mach_tf.programs import program

# Input.
for _split in SPLITS:
    flags.DEFINE_list(_split, [], f"Text file(s) or glob(s) of the {_split} split.")
    flags.DEFINE_list(f"{_split}_features", [], f"Split form: features' file(s) of the {_split} split.")
    flags.DEFINE_list(f"{_split}_labels", [], f"Split form: labels' file(s) of the {_split} split, in the same order.")
flags.DEFINE_string("feature_names", None, "File with the names of the raw features, UTF-8, one a line.")
flags.DEFINE_string("label_names", None, "File with the names of the labels, UTF-8, one a line.")
flags.DEFINE_enum("on_bad_line", "raise", ["raise", "skip"], "End at a bad line, or leave it out and list it.")
flags.DEFINE_float("valid_fraction", 0.0, "Part of train to hold back as the valid split.", 0, 1)
flags.DEFINE_integer("split_seed", 0, "Seed of the choice of the points held back.")

# Feature hashing.
flags.DEFINE_integer("feature_hash_dim", 50_000, "Number of hashed features, D; 0 keeps raw ids.", 0, MAX_ID)
flags.DEFINE_integer("hash_seed", 0, "Seed of the feature hash.")
flags.DEFINE_bool("signed_hash", False, "Multiply each raw feature by +1 or -1 from an independent hash.")
flags.DEFINE_enum("feature_norm", "l2", FEATURE_NORMS, "Scale each point to unit length, or leave it.")

# Output.
flags.DEFINE_string("output_dir", None, "Directory to make; it takes its name when it is whole.", required=True)
flags.DEFINE_integer("points_per_shard", POINTS_PER_SHARD, "Points a shard.", 1)
flags.DEFINE_integer("workers", None, "Threads that parse and serialize; by default one a core. Not with --runner.", 1)
flags.DEFINE_bool("overwrite", False, "Replace a dataset that is at output_dir, when the new one is whole.")

# Apache Beam, for more than one machine (pip install 'mach-tf[beam]'); all workers must see input and output by the same paths.
flags.DEFINE_string("runner", None, "Beam runner to hand the work to: DirectRunner, FlinkRunner, SparkRunner, ...")
flags.DEFINE_string(
    "beam_options", "", "The runner's own options: '--direct_num_workers=2 --direct_running_mode=multi_processing'."
)

FLAGS = flags.FLAGS

_CHUNK = 1 << 20


def main(argv: list[str]) -> None:
    """Runs the program."""
    del argv
    startup.keep_freed_memory()
    inputs = {split: found for split in SPLITS if (found := _inputs(split))}
    if not inputs:
        raise InputError(
            f"At least one of --{', --'.join(SPLITS)} (or --train_features and the like) must name a file."
        )
    _check_runner_flags()
    options = conversion.Options(
        spec=FeatureSpec(FLAGS.feature_hash_dim, FLAGS.hash_seed, FLAGS.signed_hash, FLAGS.feature_norm),
        valid_fraction=FLAGS.valid_fraction,
        split_seed=FLAGS.split_seed,
        points_per_shard=FLAGS.points_per_shard,
        workers=FLAGS.workers or os.cpu_count() or 1,
        skip_bad_lines=FLAGS.on_bad_line == "skip",
        overwrite=FLAGS.overwrite,
        feature_names=FLAGS.feature_names,
        label_names=FLAGS.label_names,
    )
    if FLAGS.runner is None:
        print("Compiling kernels (the first time on a machine takes a while) ...", end="", file=sys.stderr, flush=True)
        conversion.compile_kernels(options.spec)
        print(" done.", file=sys.stderr)
    begin = time.monotonic()
    convert = _convert_here if FLAGS.runner is None else _convert_by_beam
    try:
        converted = convert(inputs, options)
    except InputError as error:
        raise InputError(f"{error} {_what_is_left()}") from None
    except OSError as error:
        raise InputError(f"{error}. The disk, a path or its permissions refused. {_what_is_left()}") from error
    _report(converted, time.monotonic() - begin)


def _check_runner_flags() -> None:
    """Raises InputError for a flag that would do nothing."""
    if FLAGS.runner is None and FLAGS.beam_options:
        raise InputError("--beam_options are those of a --runner, and there is none. Give both or neither.")
    if FLAGS.runner is not None and FLAGS.workers is not None:
        raise InputError(
            "--workers are threads of this process; how many workers --runner has is among its own options, --beam_options. "
            "Leave one of them out."
        )


def _what_is_left() -> str:
    """A sentence for the end of a run that failed."""
    if os.path.exists(os.path.join(FLAGS.output_dir, DATASET_FILE)):
        return f"The dataset at {FLAGS.output_dir} is as it was."
    return "No dataset was made."


def _convert_here(inputs: dict[str, list[TextInput]], options: conversion.Options) -> conversion.Converted:
    size = sum(os.path.getsize(path) for files in inputs.values() for file in files for path in file if path)
    with tqdm.tqdm(total=size, unit="B", unit_scale=True, desc="Preprocessing") as bar:
        points = 0

        def progress(new_points: int, new_bytes: int) -> None:
            nonlocal points
            points += new_points
            bar.set_postfix_str(f"{points:,} points", refresh=False)
            bar.update(new_bytes)

        return conversion.convert(inputs, FLAGS.output_dir, options, progress)


def _convert_by_beam(inputs: dict[str, list[TextInput]], options: conversion.Options) -> conversion.Converted:
    try:
        from mach_tf.data import beam_conversion
    except ImportError as error:
        raise InputError(
            f"--runner needs Apache Beam ({error}). Install it beside TensorFlow: pip install 'mach-tf[beam]'"
        ) from None
    return beam_conversion.convert(inputs, FLAGS.output_dir, options, FLAGS.runner, shlex.split(FLAGS.beam_options))


def _inputs(split: str) -> list[TextInput]:
    features, labels = _paths(f"{split}_features"), _paths(f"{split}_labels")
    if len(features) != len(labels):
        raise InputError(
            f"--{split}_features and --{split}_labels must name equally many files (got {len(features)} and {len(labels)})."
        )
    return [TextInput(path) for path in _paths(split)] + [TextInput(*pair) for pair in zip(features, labels)]


def _paths(flag: str) -> list[str]:
    paths: list[str] = []
    for pattern in getattr(FLAGS, flag):
        found = [pattern] if os.path.exists(pattern) else sorted(glob.glob(pattern, recursive=True))
        if not found:
            raise InputError(f"--{flag} must name a file or a glob that matches one (got {pattern!r}). Check the path.")
        paths += found
    return paths


def _report(converted: conversion.Converted, seconds: float) -> None:
    manifest = converted.manifest
    rows = [
        [
            name,
            f"{split.points:,}",
            f"{split.labels / split.points:.2f}",
            f"{split.raw_features / split.points:.2f}",
            f"{split.features / split.points:.2f}",
            f"{split.raw_features - split.features:,}",
            len(split.shards),
        ]
        for name, split in manifest.splits.items()
    ]
    titles = ["split", "points", "labels/point", "features/point", "after hashing", "collisions in points", "shards"]
    print(tabulate.tabulate(rows, titles, colalign=["left", *["right"] * 6], disable_numparse=True))
    total = sum(split.points for split in manifest.splits.values())
    skipped = f"; {len(converted.skipped):,} bad lines left out, see skipped.txt" if converted.skipped else ""
    print(
        f"\n{manifest.features:,} features in {manifest.columns:,} columns ({_sharing(manifest):,} share theirs with "
        f"another), {manifest.labels:,} labels.\n{total:,} points, {converted.text_bytes / 1e6:,.1f} MB of text in "
        f"{seconds:.1f} s: {total / seconds:,.0f} points/s, {converted.text_bytes / 1e6 / seconds:,.1f} MB/s{skipped}.\n"
        f"Dataset: {FLAGS.output_dir}"
    )


def _sharing(manifest: DatasetManifest) -> int:
    """How many raw features have their column with another one."""
    spec = manifest.feature_spec
    if not spec.dim:
        return 0
    counts = np.zeros(spec.dim, np.int64)
    for begin in range(0, manifest.features, _CHUNK):
        raw_ids = np.arange(begin, min(begin + _CHUNK, manifest.features))
        counts += np.bincount(spec.ids(raw_ids), minlength=spec.dim)
    return int(counts[counts > 1].sum())


if __name__ == "__main__":
    program.run(main)
