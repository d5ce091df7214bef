"""The flags of the training settings, which train.main and train.plan share: one per field of TrainingConfig."""

from __future__ import annotations

import typing
from typing import Any, Callable

from absl import flags

from mach_tf import presets
from mach_tf.choices import ADVERSARIAL_METHODS, LEARNING_RATE_DECAYS, OPTIMIZERS, SUPPORTS, TASKS
from mach_tf.training_config import TrainingConfig

FLAGS = flags.FLAGS
# They belong to the program that calls, whose --help lists them.
flags.disclaim_key_flags()

_CHOICES = {
    "task": TASKS,
    "learning_rate_decay": LEARNING_RATE_DECAYS,
    "optimizer": OPTIMIZERS,
    "adversarial": ADVERSARIAL_METHODS,
    "fgsm_support": SUPPORTS,
}
_DEFINE: dict[type, Callable[..., Any]] = {
    int: flags.DEFINE_integer,
    float: flags.DEFINE_float,
    bool: flags.DEFINE_bool,
}
_BY_RULE = " By default the number of points decides."
HELP = {
    "task": "Chooses whether points have any number of labels (multilabel: a sigmoid per bucket and binary cross-entropy) or exactly "
    "one (multiclass: a softmax over the buckets and its cross-entropy). A point with two labels is refused by multiclass.",
    "hidden_units": "Sets the number of hidden units of each repetition. More units learn finer distinctions; time and memory grow "
    "in proportion.",
    "epochs": "Sets the number of passes over the training split.",
    "batch_size": "Sets the number of points per step, over all replicas together.",
    "learning_rate": "Sets the learning rate at the start of training, above 0. Lower it if the loss does not stay finite.",
    "learning_rate_decay": "Chooses how the learning rate falls to zero over all steps; none keeps it constant.",
    "optimizer": "Chooses the optimizer. laprop, rowwise and lazy_adam update only the rows of W1 that have a gradient; adam updates every row, "
    "which takes longer. rowwise stores one number for each row of W1 where the others store two for each weight: give it if the memory "
    "is too small.",
    "optimizer_epsilon": "Sets the constant in Adam's denominator (in LaProp its square, under the root), at least 1e-10, for the "
    "gradient of the loss summed over the buckets. The larger it is, the shorter are the steps of rare features compared with "
    "frequent ones. If most labels have many training points, try 1e-4 to 1e-3 and a learning rate of 0.02.",
    "epsilon": "Sets the size of the perturbation in adversarial training, 0 or more, for each coordinate of the hashed and normalised "
    "features. Raise it for robustness against larger perturbations.",
    "adversarial_weight": "Sets the weight lambda of the adversarial loss, 0 or more. 0 trains on the clean loss alone, which is "
    "faster.",
    "adversarial": "Chooses the adversarial loss. fgsm, n_fgsm and pgd take the loss at a perturbed point: one step of the sign of the "
    "gradient, the same from a random point and without clipping, or several steps. ibp takes bounds of how far wrong buckets can lead "
    "after any perturbation, which raises what mach-certify proves; give it a smaller --epsilon.",
    "adversarial_steps": "Sets the number of steps of --adversarial=pgd, at least 1. More steps find a higher loss; time grows in proportion.",
    "ibp_ramp": "Sets the share of the training in which --adversarial=ibp raises --epsilon and --adversarial_weight from 0 to their values, "
    "in [0, 1].",
    "fgsm_support": "Chooses the coordinates that FGSM may change in training: nonzero, the features present in a point, or dense, all of "
    "them, which is slower.",
    "dropout": "Sets the probability that a hidden unit is left out of a step, in [0, 1). Raise it if the model memorises the "
    "training points.",
    "feature_dropout": "Sets the probability that a feature of a point is left out of a step, in [0, 1).",
    "hidden_init_stddev": "Sets the standard deviation of the initial values of W1, above 0. Raise it if the loss hardly falls in "
    "the first epoch.",
    "mixed_precision": "Computes products with W2 in bfloat16. Turn it on for GPUs that support bfloat16.",
    "seed": "Seeds the bucket table, the initial weights, both dropouts, the order of the data and the points to calibrate on.",
    "calibration_fraction": "Sets the fraction of the training points, in [0, 0.5], that half of the repetitions do not learn from, so that "
    "probabilities can be calibrated on them if the dataset has no validation split. Give 0 to let all repetitions learn from all points.",
}


def define(*names: str) -> None:
    """Defines the flags of settings, with TrainingConfig's defaults."""
    for name in names:
        _define(name, getattr(TrainingConfig, name), HELP[name])


def define_by_rule(*names: str) -> None:
    """Defines the flags of settings that the rules of mach_tf.sizing choose unless they are given."""
    for name in names:
        _define(name, None, HELP[name] + _BY_RULE)


def define_preset() -> None:
    """Defines --preset; `apply_preset` gives the other flags its values."""
    flags.DEFINE_enum(
        "preset",
        None,
        presets.names(),
        "Uses a preset: settings for a known data set. Flags on the command line override it. Without a preset, let mach-plan "
        "recommend settings for your data.",
    )


def apply_preset() -> None:
    """Gives the flags of the preset's settings its values, except for flags that were given."""
    for name, text in presets.read(FLAGS.preset).items() if FLAGS.preset else ():
        if not FLAGS[name].present:
            FLAGS[name].parse(text)
            FLAGS[name].using_default_value = False


def config() -> TrainingConfig:
    """Returns the settings that the flags hold, of a program that defines all of them; defaults where a rule is to choose."""
    values = {name: getattr(FLAGS, name) for name in HELP}
    return TrainingConfig(**{name: value for name, value in values.items() if value is not None})


def given(*names: str) -> dict[str, Any]:
    """Returns the values of those flags that were given, by name."""
    return {name: FLAGS[name].value for name in names if FLAGS[name].present}


def _define(name: str, default: Any, text: str) -> None:
    if name in _CHOICES:
        flags.DEFINE_enum(name, default, _CHOICES[name], text)
    else:
        _DEFINE[typing.get_type_hints(TrainingConfig)[name]](name, default, text)
