"""Presets: settings that were tuned for known data sets, each a flagfile of train.main that is installed with the package."""

from __future__ import annotations

import os

from mach_tf import arguments
from mach_tf.errors import InputError

_DIRECTORY = os.path.dirname(__file__)
_ENDING = ".flags"


def names() -> list[str]:
    """Returns the names of all presets, sorted."""
    return sorted(file[: -len(_ENDING)] for file in os.listdir(_DIRECTORY) if file.endswith(_ENDING))


def path(name: str) -> str:
    """Returns the path of a preset's flagfile.

    Args:
      name: the preset's name, such as "eurlex57k".

    Raises:
      InputError: no preset has this name; the message lists those that exist.
    """
    arguments.choice(name, "preset", names())
    return os.path.join(_DIRECTORY, f"{name}{_ENDING}")


def read(name: str) -> dict[str, str]:
    """Returns the settings of a preset, as the text that its flagfile gives for each.

    Args:
      name: the preset's name.

    Raises:
      InputError: no preset has this name.

    Example:
      >>> read("eurlex57k")["buckets"]
      '1000'
    """
    settings = {}
    with open(path(name), encoding="utf-8") as file:
        for number, line in enumerate(file, start=1):
            text = line.strip()
            if not text or text.startswith("#"):
                continue
            setting, equals, value = text.partition("=")
            if not (equals and setting.startswith("--")):
                raise InputError(f"{path(name)}:{number} must be a comment or --name=value (got {text!r}).")
            settings[setting[2:]] = value
    return settings
