"""TensorFlow's errors of reading and writing as sentences for people: every access to a file through TensorFlow goes through here."""

from __future__ import annotations

import contextlib
import re
from collections.abc import Iterator

import tensorflow as tf

from mach_tf.errors import InputError

# What surrounds the reason in a message: the function and the device before it, the operation after it.
_AROUND = re.compile(r"\{\{[^{}]*\}\}\s*|\s*\[Op:\w+\].*", re.DOTALL)
_LONGEST = 300


@contextlib.contextmanager
def named(rule: str, remedy: str) -> Iterator[None]:
    """Turns an error of reading or writing into an InputError.

    Args:
      rule: what must hold, which begins the message: "PATH must hold the weights".
      remedy: a sentence that says what to do.
    """
    try:
        yield
    except (OSError, tf.errors.OpError, UnicodeDecodeError) as error:
        raise InputError(f"{rule} ({reason(error)}). {remedy}") from None


def reason(error: Exception) -> str:
    """Returns what an error of TensorFlow or of the system says, without the names of functions and devices."""
    if isinstance(error, UnicodeDecodeError):
        # TensorFlow quotes the damaged bytes in its message, which Python then cannot decode.
        return "TensorFlow cannot read it"
    text = error.message if isinstance(error, tf.errors.OpError) else str(error)
    line = " ".join(_AROUND.sub("", str(text)).split())
    return line[:_LONGEST].rstrip(". ") or type(error).__name__
