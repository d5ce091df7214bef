"""Checks of a command line that hold for every flag of every program: numbers that make sense, and text that is text."""

from __future__ import annotations

import math
import os
import stat
from collections.abc import Sequence

from absl import flags

from mach_tf.errors import InputError

_LARGEST = 2**63 - 1
# Paths whose flags do not end in _dir.
_PATHS = ("input", "output")


def check_arguments(arguments: Sequence[str]) -> list[str]:
    """Checks a command line before absl parses it.

    Returns:
      The flagfiles that it names.

    Raises:
      InputError: an argument is not UTF-8, or a flagfile is neither text nor a file that ends.
    """
    flagfiles = []
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
            flagfiles.append(value)
        if before in ("-flagfile", "--flagfile"):
            flagfiles.append(argument)
    flagfiles = [os.path.expanduser(path) for path in flagfiles]
    for path in filter(os.path.exists, flagfiles):  # absl names one that does not exist
        _check_flagfile(path)
    return flagfiles


def check_values(values: flags.FlagValues, flagfiles: Sequence[str] = ()) -> None:
    """Checks the parsed flags: absl compares a bound with NaN and finds nothing wrong, and takes integers of any length.

    Args:
      values: the flags.
      flagfiles: the files that they were read from.

    Raises:
      InputError: a number is not finite, an integer has more than 64 bits, a path is empty, or the output is a flagfile.
    """
    for name in values:
        value = values[name].value
        if value == "" and values[name].present and (name in _PATHS or name.endswith("_dir")):
            # Often a variable of a script that is not set.
            raise InputError(f"--{name} must be a path (got an empty one).")
        if isinstance(value, float) and not math.isfinite(value):
            raise InputError(f"--{name} must be a finite number (got {value}).")
        if isinstance(value, int) and not -_LARGEST <= value <= _LARGEST:
            raise InputError(f"--{name} must have at most 64 bits (got one of {value.bit_length()} bits).")
    output = values["output"].value if "output" in values else None
    if output and os.path.isfile(output):
        for path in filter(os.path.exists, flagfiles):
            if os.path.samefile(output, path):
                raise InputError(
                    f"--output must not be the flagfile {path}, which it would replace. Choose another output."
                )


def _check_flagfile(path: str) -> None:
    if not stat.S_ISREG(os.stat(path).st_mode):
        raise InputError(f"--flagfile must be a regular file (got {path}).")
    with open(path, "rb") as file:
        try:
            file.read().decode()
        except UnicodeDecodeError:
            raise InputError(f"--flagfile must be UTF-8 text, one flag per line (got {path}).") from None
