"""The flags that describe attacks, for every program that attacks."""

from __future__ import annotations

from typing import TYPE_CHECKING

from absl import flags

from mach_tf.choices import ATTACKS, SUPPORTS
from mach_tf.errors import InputError
from mach_tf.programs.flag_errors import flag_errors

if TYPE_CHECKING:
    from mach_tf.attacks.gradient_attacks import Attack

FLAGS = flags.FLAGS

# Arguments of the library whose flag has another name.
RENAMED = {"attacks": "attack", "epsilons": "epsilon", "relative_step": "attack_step_size", "steps": "attack_steps"}

# Which attacks, how large
flags.DEFINE_list(
    "attack",
    [],
    "Attacks on the whole ensemble, as a list, or none. fgsm and pgd increase its loss; push_out drives each point's best true "
    "label out of the top k, push_in a false one into it, both by PGD. fgsm is the fastest, pgd the strongest.",
)
flags.DEFINE_list(
    "epsilon",
    ["0", "0.005", "0.01", "0.02", "0.05"],
    "Sizes of the perturbation in the maximum norm, 0 or more; 0 measures the clean points. Points of unit norm are usually "
    "attacked with at most 0.1.",
)
flags.DEFINE_enum(
    "support",
    "nonzero",
    SUPPORTS,
    "Which feature values an attack may change: nonzero for those present in the point, dense for all.",
)
flags.DEFINE_bool(
    "clip_nonnegative",
    False,
    "Sets perturbed values below 0 to 0. Use it if features are term weights, which are never negative.",
)

# PGD, and the targeted attacks
flags.DEFINE_integer(
    "attack_steps",
    10,
    "Number of PGD steps; more steps take proportionally longer and make the attack stronger.",
    lower_bound=1,
)
flags.DEFINE_float(
    "attack_step_size",
    0.25,
    "Size of a PGD step as a multiple of epsilon, above 0. Decrease it when you increase --attack_steps; 2.5 divided by the "
    "number of steps is usual.",
)
flags.DEFINE_bool(
    "random_start",
    False,
    "Starts PGD from a random point within epsilon instead of the clean point. It does not affect FGSM.",
)
flags.DEFINE_integer(
    "attack_seed", 0, "Seed of random starts and of the labels that push_in draws, 0 or more.", lower_bound=0
)
flags.DEFINE_integer(
    "target_label",
    None,
    "Label id that push_in pushes into the top k of every point. By default one is drawn per point.",
)


def attacks() -> list[Attack]:
    """Returns the attacks of --attack, in order; empty for none.

    Raises:
      InputError: an unknown attack, or a step size that is not positive.
    """
    from mach_tf.attacks.gradient_attacks import Attack

    names = [name for name in FLAGS.attack if name != "none"]
    if set(names) - set(ATTACKS) or len(set(names)) < len(names):
        raise InputError(f"--attack must be a list of different ones of {', '.join(ATTACKS)} (got {','.join(names)}).")
    settings = {
        "support": FLAGS.support,
        "steps": FLAGS.attack_steps,
        "relative_step": FLAGS.attack_step_size,
        "random_start": FLAGS.random_start,
        "clip_nonnegative": FLAGS.clip_nonnegative,
        "seed": FLAGS.attack_seed,
    }
    with flag_errors(RENAMED):
        return [Attack.named(name, **settings) for name in names]


def epsilons() -> list[float]:
    """Returns the sizes of --epsilon, in order.

    Raises:
      InputError: no size, one that is not a number, negative or not finite, or one that occurs twice.
    """
    from mach_tf.evaluation.attack_evaluation import checked_epsilons

    try:
        sizes = [float(text) for text in FLAGS.epsilon]
    except ValueError:
        given = ",".join(FLAGS.epsilon)
        raise InputError(
            f"--epsilon must be a list of different numbers that are not negative (got {given})."
        ) from None
    with flag_errors(RENAMED):
        return checked_epsilons(sizes)
