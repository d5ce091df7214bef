"""The flags that describe how labels are decoded: exactly, or approximately."""

from __future__ import annotations

from typing import TYPE_CHECKING, Optional

from absl import flags

if TYPE_CHECKING:
    from mach_tf.decoding.approximate import Approximate

FLAGS = flags.FLAGS

# Arguments of the library whose flag has another name.
RENAMED = {"approximate.buckets": "approximate_buckets", "approximate.repetitions": "approximate_repetitions"}

flags.DEFINE_enum(
    "decode",
    "exact",
    ["exact", "approximate"],
    "Selects how the top labels are found: exact scores every label, approximate only the labels in the best buckets and "
    "reports its recall. The curve over repetitions and the attacks are always decoded exactly. With approximate, a ranker adds nothing to the scores.",
)
flags.DEFINE_integer(
    "approximate_buckets",
    25,
    "Looks into the best N buckets of each repetition with --decode=approximate; increase it for a higher recall.",
    lower_bound=1,
)
flags.DEFINE_integer(
    "approximate_repetitions",
    2,
    "Scores a label with --decode=approximate if at least N repetitions have it in their best buckets; decrease it for a "
    "higher recall.",
    lower_bound=1,
)


def approximate() -> Optional[Approximate]:
    """Returns the settings of approximate decoding; None for exact decoding."""
    from mach_tf.decoding.approximate import Approximate

    if FLAGS.decode == "exact":
        return None
    return Approximate(FLAGS.approximate_buckets, FLAGS.approximate_repetitions)
