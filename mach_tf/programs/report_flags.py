"""The flags of what the files of mach-explain show."""

from __future__ import annotations

from typing import Any

from absl import flags

# They belong to the program that calls these functions, whose --help lists them.
flags.disclaim_key_flags()

_NAMES = ("epsilon", "features_shown", "certified", "counterfactual_k", "supporting_points", "top_features")


def define() -> None:
    """Defines --epsilon, --features_shown, --certified, --counterfactual_k, --supporting_points and --top_features."""
    flags.DEFINE_float(
        "epsilon",
        None,
        "Shows in the report how one FGSM step of this size changes the top labels; 0 leaves it out. By default it is the size that "
        "the model was trained with.",
        lower_bound=0,
    )
    flags.DEFINE_integer(
        "features_shown",
        None,
        "Shows this number of features per explanation in report.html, as bars; two more bars add up the others. By default it is 12, and "
        "up to 48 until they are half of all attributions.",
        lower_bound=1,
    )
    flags.DEFINE_bool(
        "certified",
        None,
        "States for each point the size of perturbations, up to 0.25, below which its top label is proved not to change. By default it is "
        "stated if that takes a few seconds.",
    )
    flags.DEFINE_integer(
        "counterfactual_k",
        None,
        "States for each label the fewest features without which it is not among the top k labels, for this k. The search takes about a "
        "second per label; by default there is none.",
        lower_bound=1,
    )
    flags.DEFINE_integer(
        "supporting_points",
        None,
        "States for each label this number of training points that support it most: by how much a gradient step on their loss raises the "
        "label's score. All points of the training split of --dataset_dir are read, once for every 256 points that are explained.",
        lower_bound=1,
    )
    flags.DEFINE_integer(
        "top_features", 20, "Writes this number of features per label to global.tsv, with --labels=all.", lower_bound=1
    )


def values() -> dict[str, Any]:
    """Returns the values of the flags that were given, by name."""
    return {name: flags.FLAGS[name].value for name in _NAMES if flags.FLAGS[name].present}
