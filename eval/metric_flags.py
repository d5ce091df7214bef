"""The flags that describe metrics, for every program that reports them."""

from __future__ import annotations

from typing import Optional

from absl import flags

from mach_tf.errors import InputError

FLAGS = flags.FLAGS

# Arguments of the library whose flag has another name.
RENAMED = {"ks": "k"}

flags.DEFINE_list(
    "k",
    ["1", "3", "5"],
    "Reports the metrics at these cut-offs, as in P@1, P@3 and P@5; each is at most the number of labels, and with fewer than 5 "
    "labels the default ends there. Targeted attacks aim at the largest.",
)
flags.DEFINE_integer(
    "bootstrap",
    1000,
    "Resamples the points this many times for the 95% intervals; 0 leaves the intervals out. Increase it for more "
    "precise intervals.",
    lower_bound=0,
)
flags.DEFINE_integer(
    "seed", 0, "Seeds the resamples, 0 or more; change it to see how stable the intervals are.", lower_bound=0
)
flags.DEFINE_string(
    "filter_labels",
    None,
    "Leaves the pairs of points and labels in this file out of predictions and truth: one pair per line, such as '3 17', both "
    "from 0. Give the repository's filter_labels_test.txt to compare with the published figures of the LF-* data sets.",
)


def cut_offs() -> Optional[list[int]]:
    """Returns the numbers of --k, as given, and None if it is left out; the library checks them, and knows the default.

    Raises:
      InputError: one that is not a whole number.
    """
    if not FLAGS["k"].present:
        return None
    try:
        return [int(text) for text in FLAGS.k]
    except ValueError:
        raise InputError(f"--k must be a list of positive whole numbers (got {','.join(FLAGS.k)}).") from None
