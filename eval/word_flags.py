"""The flags that describe attacks on words, for every program that attacks."""

from __future__ import annotations

from absl import flags

from mach_tf.errors import InputError

FLAGS = flags.FLAGS

# Arguments of the library whose flag has another name.
RENAMED = {"beam": "attack_beam", "words": "attack_words"}

flags.DEFINE_list(
    "attack_words",
    ["0", "1", "2", "5"],
    "Lets drop_words, swap_words and add_words change up to each of these numbers of words per point, where 0 measures the clean points. "
    "The time grows with the largest.",
)
flags.DEFINE_integer(
    "attack_beam",
    1,
    "Goes on from this many changed points per point and word in attacks on words; 1 is the greedy search. More make the attack slightly "
    "stronger and take proportionally longer.",
    lower_bound=1,
)


def words() -> list[int]:
    """Returns the numbers of --attack_words, in order; the library checks them.

    Raises:
      InputError: one that is not a whole number.
    """
    try:
        return [int(text) for text in FLAGS.attack_words]
    except ValueError:
        given = ",".join(FLAGS.attack_words)
        raise InputError(f"--attack_words must be a list of different whole numbers (got {given}).") from None
