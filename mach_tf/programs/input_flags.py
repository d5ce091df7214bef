"""The flags that say what preprocessing reads: files of each split, or an archive of the repository, and names."""

from __future__ import annotations

from typing import Any

from absl import flags

from mach_tf.errors import InputError
from mach_tf.splits import SPLITS

# They belong to the program that calls these functions, whose --help lists them.
flags.disclaim_key_flags()

_OTHERS = ("repository", "split_number", "feature_names", "label_names")


def define() -> None:
    """Defines --train, --train_features and --train_labels, likewise for the other splits, --repository and the names' flags."""
    for split in SPLITS:
        flags.DEFINE_list(split, [], f"Reads the {split} split from these files or globs, separated by commas.")
        flags.DEFINE_list(
            f"{split}_features",
            [],
            f"Reads the features of the {split} split in split form from these files, or its texts, one per line.",
        )
        flags.DEFINE_list(
            f"{split}_labels", [], f"Reads the labels of --{split}_features, from as many files in their order."
        )
    flags.DEFINE_string(
        "repository",
        None,
        "Reads all splits and the names from this archive of the Extreme Classification Repository, a zip file or a folder, "
        "without unpacking it. Its files are found by the names used there. Not for use with --train, --valid and --test.",
    )
    flags.DEFINE_integer(
        "split_number",
        0,
        "Takes this split, counted from 0, of a --repository with several: those with *_trSplit.txt have ten.",
        lower_bound=0,
    )
    flags.DEFINE_string(
        "feature_names",
        None,
        "Reads the names of the raw features, one per line, from this UTF-8 file. Not for use with texts.",
    )
    flags.DEFINE_string(
        "label_names",
        None,
        "Reads the names of the labels, one per line, from this UTF-8 file. With texts, a line may also be a label, a tab and its name.",
    )


def values() -> dict[str, Any]:
    """Returns the arguments of `mach_tf.preprocess` that these flags give.

    Raises:
      InputError: no flag names an input.
    """
    given: dict[str, Any] = {name: flags.FLAGS[name].value for name in _OTHERS}
    for split in SPLITS:
        pair = flags.FLAGS[f"{split}_features"].value, flags.FLAGS[f"{split}_labels"].value
        files: list[Any] = list(flags.FLAGS[split].value or ())
        given[split] = [*files, *([pair] if any(pair) else [])] or None
    if not given["repository"] and not any(given[split] for split in SPLITS):
        names = ", ".join(f"--{split}" for split in SPLITS)
        raise InputError(
            f"At least one of {names} (or --train_features and the like) must name a file, or --repository an archive."
        )
    return given
