"""The flags that several programs share, with the same name, help and meaning in each."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Callable, Optional, TypeVar

from absl import flags

from mach_tf.choices import OBJECTIVES, VERIFICATIONS
from mach_tf.errors import InputError
from mach_tf.estimators import DEFAULT_ESTIMATOR, ESTIMATORS
from mach_tf.splits import SPLITS

_Number = TypeVar("_Number", int, float)

# They belong to the program that calls these functions, whose --help lists them.
flags.disclaim_key_flags()


def define_dataset_dir(required: bool = True) -> None:
    """Defines --dataset_dir.

    Args:
      required: whether the program needs it.
    """
    flags.DEFINE_string(
        "dataset_dir", None, "Reads this dataset directory, which mach-preprocess writes.", required=required
    )


def define_model_dir(required: bool = True) -> None:
    """Defines --model_dir.

    Args:
      required: whether the program needs it.
    """
    flags.DEFINE_string("model_dir", None, "Reads this model directory, which mach-train writes.", required=required)


def define_output_dir(content: str, required: bool = True) -> None:
    """Defines --output_dir.

    Args:
      content: what the program writes there, such as "report.html".
      required: whether the program needs it.
    """
    flags.DEFINE_string(
        "output_dir", None, f"Writes {content} into this directory, which is made if missing.", required=required
    )


def define_split() -> None:
    """Defines --split, "test" by default."""
    flags.DEFINE_enum("split", "test", SPLITS, "Uses the points of this split of the dataset.")


def define_limit() -> None:
    """Defines --limit, a number of points."""
    flags.DEFINE_integer(
        "limit", None, "Uses only the first N points of the split, for a quick look; all by default.", lower_bound=1
    )


def define_point_range(results: str, condition: str = "") -> None:
    """Defines --point_range, to divide a run among processes.

    Args:
      results: what the run without it writes.
      condition: what else must be given, as "with --labels=all, ".
    """
    flags.DEFINE_string(
        "point_range",
        None,
        f"Computes, {condition}only the blocks of points that begin in FIRST:END, counted from 0 and without END, or of PART/PARTS every "
        "PARTS-th block from block PART on, and keeps them in --output_dir. Give several processes or machines different ranges; the same "
        f"command without it then computes what is missing and writes {results}.",
    )


def define_verify() -> None:
    """Defines --verify; see `verify_models`."""
    flags.DEFINE_enum(
        "verify",
        VERIFICATIONS[0],
        VERIFICATIONS,
        "Checks the files of every repetition before the model is used: sizes compares their sizes with what was written, full reads "
        "them and compares their SHA-256 too. Use full after a copy, or for a model of unknown history; it takes about a second per GB.",
    )


def verify_models(*model_dirs: Optional[str]) -> None:
    """With --verify=full, reads and checks every byte of the models; those that are None are left out."""
    if flags.FLAGS.verify == "full":
        from mach_tf.model_verification import check_models

        repetitions = flags.FLAGS.repetitions if "repetitions" in flags.FLAGS else None
        check_models([path for path in model_dirs if path], repetitions)


def define_repetitions() -> None:
    """Defines --repetitions, to use a part of the model."""
    flags.DEFINE_integer(
        "repetitions",
        None,
        "Uses only the first N repetitions of the model, which is faster and less accurate; all by default.",
        lower_bound=1,
    )


def define_dataset_of_model(required: bool = True) -> None:
    """Defines --dataset_dir, for a trained model, and --force, for a dataset with other label names than the model's.

    Args:
      required: whether the program needs the dataset.
    """
    define_dataset_dir(required)
    flags.DEFINE_bool(
        "force",
        False,
        "Goes on, with a warning, if the dataset's label names are not those that the model was trained with. Set it only if the "
        "label ids mean the same.",
    )


def define_estimator(estimators: Sequence[str] = ESTIMATORS) -> None:
    """Defines --estimator.

    Args:
      estimators: the choices that the program offers.
    """
    flags.DEFINE_enum(
        "estimator",
        DEFAULT_ESTIMATOR,
        estimators,
        "Selects the estimator that combines the bucket scores of a label into its score: the mean of the logits, or the mean, the "
        "minimum or the median of the probabilities. logit_mean ranks best on most data.",
    )


def define_name_weight() -> None:
    """Defines --name_weight, for texts that resemble the names of labels."""
    flags.DEFINE_float(
        "name_weight",
        0.0,
        "Adds this weight times the similarity of the text and the label's name, a tf-idf cosine from 0 to 1, to each label score, "
        "which is a mean of logits with the default --estimator. Raise it where labels with few training points are named in the "
        "texts; 0 adds nothing.",
        lower_bound=0,
    )


def define_objective() -> None:
    """Defines --objective, the metric that labels are ranked for."""
    flags.DEFINE_enum(
        "objective",
        OBJECTIVES[0],
        OBJECTIVES,
        "Ranks the labels of each point for this metric: precision ranks by probability, psp by probability divided by propensity, which is "
        "best for PSP@k and finds more labels with few training points. It needs the default --estimator.",
    )


def cut_offs() -> Optional[list[int]]:
    """Returns the numbers of --k, as given, and None if it is left out; the library checks them, and knows the default.

    Raises:
      InputError: one that is not a whole number.
    """
    return numbers("k", int, "positive whole numbers") if flags.FLAGS["k"].present else None


def numbers(flag: str, number: Callable[[str], _Number], rule: str) -> list[_Number]:
    """Returns the numbers of a list flag, in order; the library checks their range.

    Args:
      flag: its name.
      number: int or float.
      rule: what the numbers must be, for the message.

    Raises:
      InputError: one that is not a number of this kind.
    """
    texts: list[str] = flags.FLAGS.flag_values_dict()[flag]
    try:
        return [number(text) for text in texts]
    except ValueError:
        raise InputError(f"--{flag} must be a list of {rule} (got {','.join(texts)}).") from None
