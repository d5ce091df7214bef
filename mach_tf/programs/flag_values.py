"""Checks of a command line that hold for every flag of every program: numbers that make sense, and text that is text."""

from __future__ import annotations

import math
import os
import stat
from collections.abc import Sequence

from absl import flags

from mach_tf.errors import InputError

_LARGEST = 2**63 - 1


def check_arguments(arguments: Sequence[str]) -> None:
    """Checks a command line before absl parses it.

    Raises:
      InputError: an argument is not UTF-8, or a flagfile is neither text nor a file that ends.
    """
    for before, argument in zip(["", *arguments], arguments):
        try:
            argument.encode()
        except UnicodeEncodeError:
            shown = os.fsencode(argument).decode(errors="backslashreplace")
            raise InputError(
                f"Arguments and paths must be UTF-8 (got {shown}). Rename the file or its folder, or give a link to it."
            ) from None
        name, _, value = argument.lstrip("-").partition("=")
        if argument.startswith("-") and name == "flagfile" and value:
            _check_flagfile(value)
        if before in ("-flagfile", "--flagfile"):
            _check_flagfile(argument)


def check_values(values: flags.FlagValues) -> None:
    """Checks the parsed flags: absl compares a bound with NaN and finds nothing wrong, and takes integers of any length.

    Raises:
      InputError: a number is not finite, or an integer has more than 64 bits.
    """
    for name in values:
        value = values[name].value
        if isinstance(value, float) and not math.isfinite(value):
            raise InputError(f"--{name} must be a finite number (got {value}).")
        if isinstance(value, int) and not -_LARGEST <= value <= _LARGEST:
            raise InputError(f"--{name} must have at most 64 bits (got one of {value.bit_length()} bits).")


def _check_flagfile(path: str) -> None:
    path = os.path.expanduser(path)
    if not os.path.exists(path):
        return  # absl names it
    if not stat.S_ISREG(os.stat(path).st_mode):
        raise InputError(f"--flagfile must be a regular file (got {path}).")
    with open(path, "rb") as file:
        try:
            file.read().decode()
        except UnicodeDecodeError:
            raise InputError(f"--flagfile must be UTF-8 text, one flag per line (got {path}).") from None
