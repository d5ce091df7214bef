"""Names flags in place of the library's arguments in error messages."""

from __future__ import annotations

import contextlib
import re
from collections.abc import Iterator

from absl import flags

from mach_tf.errors import InputError

# Arguments whose flag has another name.
_FLAGS = {
    "approximate.buckets": "approximate_buckets",
    "approximate.repetitions": "approximate_repetitions",
    "attacks": "attack",
    "epsilons": "epsilon",
    "estimators": "estimator",
    "ks": "k",
    "model_dirs": "model_dir",
    "relative_step": "attack_step_size",
    "steps": "attack_steps",
}
# An argument begins the message and "must" follows, or "=" follows, or it is no English word.
_ARGUMENT = re.compile(r"^[a-z_]+(?= must )|(?<![\w./'\"-])(?:[a-z_]+(?==)|[a-z]+[_.][a-z_.]*[a-z])(?![\w/'\"-])")


@contextlib.contextmanager
def flag_errors() -> Iterator[None]:
    """Raises an InputError within the block anew, with flags in place of arguments."""
    try:
        yield
    except InputError as error:
        raise InputError(_ARGUMENT.sub(_flag, str(error))) from error


def _flag(match: re.Match[str]) -> str:
    name = _FLAGS.get(match.group(), match.group())
    return f"--{name}" if name in flags.FLAGS else match.group()
