"""The flags that describe attacks, for every program that attacks."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from absl import flags

from mach_tf.choices import SUPPORTS
from mach_tf.errors import InputError

if TYPE_CHECKING:
    from mach_tf.attacks.gradient_attacks import Attack

FLAGS = flags.FLAGS

_TARGETED = ("push_out", "push_in")
ATTACKS = ("fgsm", "pgd", *_TARGETED)

# Which attacks, how large
flags.DEFINE_list(
    "attack",
    [],
    "Attacks on the whole ensemble, or none: fgsm and pgd increase its loss; push_out drives each point's best true "
    "label out of the top k, push_in a false one into it, both by PGD.",
)
flags.DEFINE_list("epsilon", ["0", "0.005", "0.01", "0.02", "0.05"], "Sizes of the perturbation; 0 is clean.")
flags.DEFINE_enum("support", "nonzero", SUPPORTS, "Coordinates touched: the features present, or all.")
flags.DEFINE_bool("clip_nonnegative", False, "Keep perturbed values from falling below 0: term weights do not.")

# PGD, and the targeted attacks
flags.DEFINE_integer("attack_steps", 10, "Steps of PGD.", lower_bound=1)
flags.DEFINE_float("attack_step_size", 0.25, "Size of a PGD step, as a multiple of epsilon.")
flags.DEFINE_bool("random_start", False, "Start PGD from a random point of the epsilon ball; FGSM never does.")
flags.DEFINE_integer("attack_seed", 0, "Of random starts, and of the labels that push_in draws.", lower_bound=0)
flags.DEFINE_integer("target_label", None, "The label that push_in pushes in; by default one is drawn for each point.")


def attacks() -> list[Attack]:
    """The attacks asked for, in order; empty for none.

    Raises:
      InputError: an unknown attack, or a step size that is not positive.
    """
    from mach_tf.attacks.gradient_attacks import Attack

    names = [name for name in FLAGS.attack if name != "none"]
    unknown = [name for name in names if name not in ATTACKS]
    if unknown or len(set(names)) < len(names):
        raise InputError(f"--attack must be a list of different ones of {', '.join(ATTACKS)} (got {','.join(names)}).")
    if not (FLAGS.attack_step_size > 0 and math.isfinite(FLAGS.attack_step_size)):
        raise InputError(f"--attack_step_size must be positive, a multiple of epsilon (got {FLAGS.attack_step_size}).")
    return [
        Attack(
            method=name if name not in _TARGETED else "pgd",
            objective=name if name in _TARGETED else "untargeted",
            support=FLAGS.support,
            steps=FLAGS.attack_steps,
            relative_step=FLAGS.attack_step_size,
            random_start=FLAGS.random_start,
            clip_nonnegative=FLAGS.clip_nonnegative,
            seed=FLAGS.attack_seed,
        )
        for name in names
    ]


def epsilons() -> list[float]:
    """The sizes asked for, in order.

    Raises:
      InputError: one that is not a number, negative or not finite, twice the same, or none at all.
    """
    try:
        values = [float(text) for text in FLAGS.epsilon]
    except ValueError:
        values = [math.nan]
    if not values or len(set(values)) < len(values) or not all(math.isfinite(v) and v >= 0 for v in values):
        raise InputError(
            f"--epsilon must be a list of different numbers that are not negative (got {','.join(FLAGS.epsilon)})."
        )
    return values
