"""The flags that describe metrics, for every program that reports them."""

from __future__ import annotations

from absl import flags

from mach_tf.errors import InputError

FLAGS = flags.FLAGS

flags.DEFINE_list("k", ["1", "3", "5"], "Cut-offs of the metrics; targeted attacks aim at the largest.")
flags.DEFINE_integer("bootstrap", 1000, "Resamples for the 95% intervals; 0 for none.", lower_bound=0)
flags.DEFINE_integer("seed", 0, "Of the resamples.", lower_bound=0)


def cut_offs(labels: int) -> list[int]:
    """The cut-offs asked for, ascending, each once.

    Args:
      labels: K, which none may exceed.

    Raises:
      InputError: one that is not a whole number from 1 to K, or none at all.
    """
    if not FLAGS.k or not all(text.isdecimal() and int(text) > 0 for text in FLAGS.k):
        raise InputError(f"--k must be a list of positive whole numbers (got {','.join(FLAGS.k)}).")
    ks = sorted({int(text) for text in FLAGS.k})
    if ks[-1] > labels:
        raise InputError(f"--k must not exceed the {labels} labels (got {ks[-1]}).")
    return ks
