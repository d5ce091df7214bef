"""The flags that describe attacks on words, for every program that attacks."""

from __future__ import annotations

from absl import flags

from mach_tf.programs import shared_flags

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
    return shared_flags.numbers("attack_words", int, "different whole numbers")
