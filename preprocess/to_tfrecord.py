"""Turns files of texts and labels, or bags of words, into a dataset directory of TFRecord shards.

Files may be plain or compressed by gzip, bzip2, xz or Zstandard. A flag takes one file, a glob, or several of them separated by
commas; they are read in that order, the files of a glob sorted by name. Texts stand in JSON Lines, CSV, TSV, Parquet, the TSV corpora
of Annif or fastText's lines; the vocabulary is that of the training texts, and a part of the dataset:

  mach-preprocess --train=train.jsonl --test=test.jsonl --text_fields=title,abstract --label_field=subjects \\
      --output_dir=data/papers
  mach-preprocess --train=train.csv --text_fields=title --label_field=tags --label_separator=';' --output_dir=data/posts
  mach-preprocess --train=train.tsv.xz --test=test.tsv.xz --label_names=subjects.tsv --output_dir=data/library

Bags of words are text files of the Extreme Classification Repository, which start with a header, `points features labels`:

  mach-preprocess --train=train.txt.xz --test=test.txt.xz --output_dir=data/eurlex

The repository's split form has features and labels in two files:

  mach-preprocess --train_features=trn_X_Xf.txt --train_labels=trn_X_Y.txt \\
      --test_features=tst_X_Xf.txt --test_labels=tst_X_Y.txt --output_dir=data/amazon

An archive of the repository is read in place, the files found by their names:

  mach-preprocess --repository=Eurlex.bow.zip --output_dir=data/eurlex

The output directory appears when it is whole: a run that fails or is killed leaves what was there before.
"""

from __future__ import annotations

from absl import flags

from mach_tf.choices import BAD_LINE_ACTIONS, FEATURE_NORMS
from mach_tf.data.shards import POINTS_PER_SHARD
from mach_tf.hashing import MAX_DIM
from mach_tf.preprocessing import preprocess
from mach_tf.programs import input_flags, program, text_flags
from mach_tf.programs.flag_errors import flag_errors, with_flags

FLAGS = flags.FLAGS

# Input
input_flags.define()
flags.DEFINE_enum(
    "on_bad_line",
    "raise",
    BAD_LINE_ACTIONS,
    "Stops at a line that breaks a rule (raise), or leaves such lines out and lists them in skipped.txt (skip).",
)
flags.DEFINE_float(
    "valid_fraction",
    0.0,
    "Holds back this fraction of the training points, below 1, as the valid split. Use it if the data come without one.",
    lower_bound=0,
    upper_bound=1,
)
flags.DEFINE_integer("split_seed", 0, "Seeds the choice of the points that --valid_fraction holds back.")

# Texts
text_flags.define_reading()
text_flags.define_vocabulary()

# Feature hashing
flags.DEFINE_integer(
    "feature_hash_dim",
    None,
    "Hashes the raw features to this many columns, D; 0 keeps the raw ids. More columns collide less, and the first layer of "
    "each classifier grows in proportion. The default is 50,000 for bags of words. Each of up to 131,072 terms of texts has a column of its "
    "own by default; more are hashed to as many.",
    lower_bound=0,
    upper_bound=MAX_DIM,
)
flags.DEFINE_integer("hash_seed", 0, "Seeds the feature hash.")
flags.DEFINE_bool(
    "signed_hash",
    False,
    "Multiplies each raw feature by +1 or -1 from an independent hash, so that features that collide cancel on average.",
)
flags.DEFINE_enum(
    "feature_norm",
    "l2",
    FEATURE_NORMS,
    "Scales each point to unit length (l2), so that an epsilon means the same on every data set, or leaves it as it is (none).",
)

# Output
flags.DEFINE_string(
    "output_dir", None, "Writes the dataset to this directory, which must be new or empty.", required=True
)
flags.DEFINE_integer(
    "points_per_shard",
    POINTS_PER_SHARD,
    "Writes this many points per shard; the last one may hold fewer.",
    lower_bound=1,
)
flags.DEFINE_integer(
    "workers",
    None,
    "Parses and serializes with this many threads; one per processor by default. Not for use with --runner.",
    lower_bound=1,
)
flags.DEFINE_bool("overwrite", False, "Replaces an existing dataset at --output_dir once the new one is whole.")

# Apache Beam, for several machines
flags.DEFINE_string(
    "runner",
    None,
    "Gives the work to this Apache Beam runner, such as DirectRunner, FlinkRunner or SparkRunner (pip install "
    "'mach-tf[beam]'). All workers must see input and output under the same paths.",
)
flags.DEFINE_string(
    "beam_options",
    "",
    "Passes these options to --runner, as in '--direct_num_workers=2 --direct_running_mode=multi_processing'.",
)


def main(_: list[str]) -> None:
    inputs = input_flags.values()
    with flag_errors():
        converted = preprocess(
            FLAGS.output_dir,
            **inputs,
            valid_fraction=FLAGS.valid_fraction,
            split_seed=FLAGS.split_seed,
            feature_hash_dim=FLAGS.feature_hash_dim,
            hash_seed=FLAGS.hash_seed,
            signed_hash=FLAGS.signed_hash,
            feature_norm=FLAGS.feature_norm,
            on_bad_line=FLAGS.on_bad_line,
            points_per_shard=FLAGS.points_per_shard,
            workers=FLAGS.workers,
            overwrite=FLAGS.overwrite,
            runner=FLAGS.runner,
            beam_options=FLAGS.beam_options,
            **text_flags.values(),
        )
    print(converted.report(with_flags))


def run() -> None:
    """Runs the program; the console script calls this."""
    program.run(main)


if __name__ == "__main__":
    run()
