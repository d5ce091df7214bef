"""The flags that describe the data of a plan: a dataset directory, or its numbers before there is one."""

from __future__ import annotations

from absl import flags

from mach_tf.buckets import MAX_LABELS
from mach_tf.errors import InputError
from mach_tf.hashing import FeatureSpec
from mach_tf.programs import shared_flags
from mach_tf.sizing import planning
from mach_tf.training.training_data import read_dataset

FLAGS = flags.FLAGS
_NUMBERS = ("labels", "features", "points")
_DEFAULTED = ("features_per_point", "labels_per_point", "feature_hash_dim")

shared_flags.define_dataset_dir(required=False)
flags.DEFINE_integer(
    "labels", None, "Sets K, the number of labels, at least 2.", lower_bound=planning.MIN_LABELS, upper_bound=MAX_LABELS
)
flags.DEFINE_integer("features", None, "Sets the number of raw features.", lower_bound=1)
flags.DEFINE_integer("points", None, "Sets the number of training points.", lower_bound=1)
flags.DEFINE_float("features_per_point", 76.0, "Sets the mean number of features per point.", lower_bound=0)
flags.DEFINE_float("labels_per_point", 5.5, "Sets the mean number of labels per point.", lower_bound=0)
flags.DEFINE_integer(
    "feature_hash_dim", 50_000, "Sets D, the number of hashed features; 0 keeps raw ids.", lower_bound=0
)


def problem() -> planning.Problem:
    """Returns the problem that the flags describe, read from the dataset if one is given.

    Raises:
      InputError: flags are missing or contradict each other, or the dataset cannot be trained on.
    """
    if FLAGS.dataset_dir:
        given = [f"--{name}" for name in (*_NUMBERS, *_DEFAULTED) if FLAGS[name].present]
        if given:
            raise InputError(f"--dataset_dir says what {', '.join(given)} would; give one or the other.")
        return planning.Problem.of(read_dataset(FLAGS.dataset_dir))
    missing = [f"--{name}" for name in _NUMBERS if FLAGS[name].value is None]
    if missing:
        raise InputError(
            f"--dataset_dir, or --labels, --features and --points, must be given (missing {', '.join(missing)})."
        )
    columns = FeatureSpec(FLAGS.feature_hash_dim).columns(FLAGS.features)
    means = FLAGS.features_per_point, FLAGS.labels_per_point
    return planning.Problem(FLAGS.labels, columns, FLAGS.points, *means, assumed=True)
