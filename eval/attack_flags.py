"""The flags that describe attacks, for every program that attacks."""

from __future__ import annotations

from typing import TYPE_CHECKING

from absl import flags

from eval import word_flags
from mach_tf.choices import ATTACKS, SUPPORTS, UNTARGETED_OBJECTIVES
from mach_tf.errors import InputError
from mach_tf.programs import shared_flags, unused_flags
from mach_tf.programs.flag_errors import flag_errors

if TYPE_CHECKING:
    from mach_tf.attacks.gradient_attacks import Attack

FLAGS = flags.FLAGS

# Arguments of the library whose flag has another name.
RENAMED = {
    "attacks": "attack",
    "epsilons": "epsilon",
    "relative_step": "attack_step_size",
    "steps": "attack_steps",
    "restarts": "attack_restarts",
    "queries": "attack_queries",
    "objective": "attack_objective",
    **word_flags.RENAMED,
}

# Which attacks, how large
flags.DEFINE_list(
    "attack",
    [],
    "Attacks the whole ensemble with each method of this list; none by default. fgsm and pgd increase the loss, apgd the margin "
    "of the best false label over the best true one, and square does so without gradients; push_out drives each point's best "
    "true label out of the top k, push_in a false one into it, both by PGD. strongest takes for each point and metric the worst "
    "of apgd, which aims at every cut-off of --k, and square. Use fgsm for a quick look and strongest for the figures that you report. "
    "drop_words, swap_words and add_words leave words out, replace them by near ones and add some; their size is --attack_words.",
)
flags.DEFINE_enum(
    "attack_objective",
    None,
    UNTARGETED_OBJECTIVES,
    "Lets fgsm, pgd, apgd, square and the attacks on words increase this: the loss over all labels (loss), the score of the best false label minus that "
    "of the best true one (margin) or of the worst true one (worst_margin), the number of true labels that leave the top k "
    "(precision), or the score of the best other label minus that of the label predicted for the clean point (top_label). By "
    "default each has its own; see --attack.",
)
flags.DEFINE_list(
    "epsilon",
    ["0", "0.005", "0.01", "0.02", "0.05"],
    "Attacks with each of these sizes: the largest change of a feature value, 0 or more, where 0 measures the clean points. Increase "
    "them until the curve falls; on L2-normalised points, the default, 0.1 is a strong attack.",
)
flags.DEFINE_enum(
    "support",
    "nonzero",
    SUPPORTS,
    "Lets attacks change the features that are present in a point (nonzero) or all features (dense). dense is stronger, but "
    "slower, and its points are no longer sparse.",
)
flags.DEFINE_bool(
    "clip_nonnegative",
    False,
    "Sets perturbed values below 0 to 0. Use it if the features are term weights, which are never negative.",
)
flags.adopt_module_key_flags(word_flags)

# PGD and Auto-PGD, and the targeted attacks
flags.DEFINE_integer(
    "attack_steps",
    10,
    "Takes this many steps of PGD and Auto-PGD; more make the attack stronger and take proportionally longer.",
    lower_bound=1,
)
flags.DEFINE_integer(
    "attack_restarts",
    1,
    "Starts Auto-PGD this many times, at the clean point and then at random ones; more make it slightly stronger and take longer.",
    lower_bound=1,
)
flags.DEFINE_integer(
    "attack_queries",
    100,
    "Lets the square attack try this many perturbations of each point; more make it stronger and take proportionally longer.",
    lower_bound=1,
)
flags.DEFINE_float(
    "attack_step_size",
    0.25,
    "Moves by this multiple of epsilon in each step of PGD, above 0; 2.5 divided by --attack_steps is usual. Auto-PGD needs none.",
)
flags.DEFINE_bool(
    "random_start",
    False,
    "Starts PGD and Auto-PGD from a random point within epsilon instead of from the clean one. It does not affect FGSM.",
)
flags.DEFINE_integer(
    "attack_seed",
    0,
    "Seeds the random starts, the square attack and the labels that push_in draws; 0 or more.",
    lower_bound=0,
)
flags.DEFINE_string(
    "target_label",
    None,
    "Pushes this label in by push_in: its id, name or key, or id:3 for label 3 beyond doubt. By default one is drawn for each point.",
)


def attacks(own: tuple[str, ...] = ()) -> list[Attack]:
    """Returns the attacks of --attack, in order; empty for none.

    Args:
      own: flags that the program uses without an attack too.

    Raises:
      InputError: an unknown attack, a step size that is not positive, or a flag, but for the seed, that none of the attacks uses.
    """
    from mach_tf.attacks.gradient_attacks import Attack, users

    names = [name for name in FLAGS.attack if name != "none"]
    if set(names) - set(ATTACKS) or len(set(names)) < len(names):
        raise InputError(f"--attack must be a list of different ones of {', '.join(ATTACKS)} (got {','.join(names)}).")
    settings = {
        "objective": FLAGS.attack_objective,
        "support": FLAGS.support,
        "steps": FLAGS.attack_steps,
        "relative_step": FLAGS.attack_step_size,
        "restarts": FLAGS.attack_restarts,
        "queries": FLAGS.attack_queries,
        "random_start": FLAGS.random_start,
        "clip_nonnegative": FLAGS.clip_nonnegative,
        "beam": FLAGS.attack_beam,
    }
    flag_of = {name: RENAMED.get(name, name) for name in (*settings, "epsilon", "words")}
    unused_flags.check("attack", names, {flag: users(name) for name, flag in flag_of.items() if flag not in own})
    with flag_errors(RENAMED):
        return [Attack.named(name, seed=FLAGS.attack_seed, **settings) for name in names]


def epsilons(flag: str = "epsilon") -> list[float]:
    """Returns the numbers of a list flag, in order; the library checks them.

    Raises:
      InputError: one that is not a number.
    """
    return shared_flags.numbers(flag, float, "different numbers that are not negative")
