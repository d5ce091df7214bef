"""The flags that describe metrics, for every program that reports them."""

from __future__ import annotations

from absl import flags

from mach_tf.errors import InputError
from mach_tf.metrics import ranking_metrics
from mach_tf.programs.flag_errors import flag_errors

FLAGS = flags.FLAGS

# Arguments of the library whose flag has another name.
RENAMED = {"ks": "k"}

flags.DEFINE_list(
    "k",
    ["1", "3", "5"],
    "Reports the metrics at these cut-offs, as in P@1, P@3 and P@5; each is at most the number of labels. Targeted attacks aim "
    "at the largest.",
)
flags.DEFINE_integer(
    "bootstrap",
    1000,
    "Resamples the points this many times for the 95% intervals; 0 leaves the intervals out. Increase it for more stable "
    "ends of the intervals.",
    lower_bound=0,
)
flags.DEFINE_integer(
    "seed", 0, "Seeds the resamples, 0 or more; change it to see how stable the intervals are.", lower_bound=0
)


def cut_offs(labels: int) -> list[int]:
    """Returns the cut-offs of --k, ascending, each once.

    Args:
      labels: K, the largest cut-off there can be.

    Raises:
      InputError: no cut-off, or one that is not a whole number from 1 to K.
    """
    if not all(text.isdecimal() for text in FLAGS.k):
        raise InputError(f"--k must be a list of positive whole numbers (got {','.join(FLAGS.k)}).")
    with flag_errors(RENAMED):
        return ranking_metrics.cut_offs([int(text) for text in FLAGS.k], labels)
