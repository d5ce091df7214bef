"""The parameters of `MachClassifier`: checked, and turned into keywords of `mach_tf.fit`."""

from __future__ import annotations

import numbers
from collections.abc import Mapping
from typing import Any

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
)


def check(parameters: Mapping[str, Any]) -> None:
    """Raises InputError for what `mach_tf.fit` does not check, or knows by another name."""
    for name in ("buckets", "repetitions", "feature_hash_dim"):
        value = parameters[name]
        if value != AUTO and (not isinstance(value, numbers.Integral) or isinstance(value, bool)):
            raise InputError(f"{name} must be 'auto' or a whole number (got {value!r}).")
    norm, threshold, estimator = (parameters[name] for name in ("feature_norm", "threshold", "estimator"))
    arguments.choice(norm, "feature_norm", FEATURE_NORMS)
    if not isinstance(threshold, numbers.Real) or not 0 <= float(threshold) <= 1:
        raise InputError(f"threshold must be in [0, 1] (got {threshold!r}).")
    arguments.choice(estimator, "estimator", estimators.ESTIMATORS)


def keywords(parameters: Mapping[str, Any]) -> dict[str, Any]:
    """Returns the keywords of `mach_tf.fit`.

    Args:
      parameters: the estimator's parameters by name; an integer `random_state` becomes the seed as it is.
    """
    from sklearn.utils import check_random_state

    given = parameters["random_state"]
    state = check_random_state(given)
    return {
        **{name: parameters[name] for name in _SETTINGS if parameters[name] != AUTO},
        "seed": int(given if isinstance(given, numbers.Integral) else state.randint(2**31 - 1)),
        "strategy": parameters["strategy"],
        "progress": bool(parameters["verbose"]),
    }
