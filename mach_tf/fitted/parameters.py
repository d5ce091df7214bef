"""The parameters of `MachClassifier`: checked, and turned into keywords of `mach_tf.fit`."""

from __future__ import annotations

import numbers
from collections.abc import Mapping
from typing import Any

import numpy as np

from mach_tf import arguments, estimators
from mach_tf.choices import AUTO, FEATURE_NORMS
from mach_tf.errors import InputError

# Parameters that go to `mach_tf.fit` as they are, unless they are "auto".
_SETTINGS = (
    "buckets",
    "repetitions",
    "hidden_units",
    "epochs",
    "batch_size",
    "learning_rate",
    "optimizer_epsilon",
    "dropout",
    "feature_dropout",
    "epsilon",
    "adversarial_weight",
    "hidden_init_stddev",
    "task",
)


def check(parameters: Mapping[str, Any]) -> None:
    """Raises InputError for what `mach_tf.fit` does not check, or knows by another name."""
    for name in ("buckets", "repetitions", "feature_hash_dim"):
        value = parameters[name]
        if value != AUTO and (not isinstance(value, numbers.Integral) or isinstance(value, bool)):
            raise InputError(f"{name} must be 'auto' or a whole number (got {value!r}).")
    if parameters["ranker"] != AUTO and not isinstance(parameters["ranker"], (bool, np.bool_)):
        raise InputError(f"ranker must be 'auto', True or False (got {arguments.shown(parameters['ranker'])}).")
    arguments.choice(parameters["feature_norm"], "feature_norm", FEATURE_NORMS)
    check_threshold(parameters["threshold"])
    arguments.choice(parameters["estimator"], "estimator", estimators.ESTIMATORS)


def check_threshold(threshold: Any) -> None:
    """Raises InputError unless the threshold of `predict` is a probability."""
    if not isinstance(threshold, numbers.Real) or not 0 <= float(threshold) <= 1:
        raise InputError(f"threshold must be in [0, 1] (got {threshold!r}).")


def seed(random_state: Any) -> int:
    """Returns a seed for a `random_state`: an integer as it is, otherwise one that the generator draws."""
    from sklearn.utils import check_random_state

    state = check_random_state(random_state)
    return int(random_state if isinstance(random_state, numbers.Integral) else state.randint(2**31 - 1))


def keywords(parameters: Mapping[str, Any]) -> dict[str, Any]:
    """Returns the keywords of `mach_tf.fit`.

    Args:
      parameters: the estimator's parameters by name; an integer `random_state` becomes the seed as it is.
    """
    given = {name: parameters[name] for name in _SETTINGS if parameters[name] != AUTO}
    if parameters["ranker"] != AUTO:
        given["ranker"] = bool(parameters["ranker"])
    elif parameters["estimator"] != estimators.DEFAULT_ESTIMATOR:
        # A ranker adds to the scores of the default estimator alone.
        given["ranker"] = False
    return {
        **given,
        "seed": seed(parameters["random_state"]),
        "strategy": parameters["strategy"],
        "progress": bool(parameters["verbose"]),
    }
