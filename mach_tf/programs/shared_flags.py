"""The flags that several programs share: in each the same name, help and meaning."""

from __future__ import annotations

from collections.abc import Sequence

from absl import flags

from mach_tf.estimators import DEFAULT_ESTIMATOR, ESTIMATORS
from mach_tf.manifest import SPLITS

# They belong to the program that calls, whose --help lists them.
flags.disclaim_key_flags()


def define_dataset_dir(required: bool = True) -> None:
    """--dataset_dir. Args: required: whether the program does nothing without."""
    flags.DEFINE_string("dataset_dir", None, "Dataset directory made by preprocess.to_tfrecord.", required=required)


def define_model_dir() -> None:
    """--model_dir, required."""
    flags.DEFINE_string("model_dir", None, "Model directory made by train.main.", required=True)


def define_output_dir(content: str) -> None:
    """--output_dir, required. Args: content: what goes there, as in "report.html"."""
    flags.DEFINE_string("output_dir", None, f"Directory for {content}; made if missing.", required=True)


def define_split() -> None:
    """--split, test by default."""
    flags.DEFINE_enum("split", "test", SPLITS, "Split of the dataset.")


def define_limit() -> None:
    """--limit, a number of points."""
    flags.DEFINE_integer("limit", None, "Only the first so many points; all by default.", lower_bound=1)


def define_repetitions() -> None:
    """--repetitions, to use a part of the model."""
    flags.DEFINE_integer("repetitions", None, "Only the first so many repetitions; all by default.", lower_bound=1)


def define_estimator(estimators: Sequence[str] = ESTIMATORS) -> None:
    """--estimator. Args: estimators: those that the program can do."""
    flags.DEFINE_enum("estimator", DEFAULT_ESTIMATOR, estimators, "Of the label scores.")
