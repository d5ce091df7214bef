"""Checks every byte of a servable: servable.json by its checksum, and every other file by its size and hash."""

from __future__ import annotations

import dataclasses
import os
from typing import Callable

from mach_tf.check_result import CheckResult
from mach_tf.errors import InputError
from mach_tf.serving.contents import FILE, ServableContents


@dataclasses.dataclass(frozen=True)
class ServableVerification(CheckResult):
    """The result of checking a servable; its `str()` is a sentence, or the list of problems.

    Attributes:
      servable: the directory of the version.
      problems: a sentence for each thing that is wrong; empty if the servable is whole.
      files: the number of its files according to servable.json; 0 if that is damaged.
    """

    servable: str
    problems: list[str]
    files: int = 0

    def __str__(self) -> str:
        if self.is_whole:
            return f"{self.servable} is whole: its {self.files} files are as {FILE} says."
        return self.listed(self.servable)


def verify(servable: str, report: Callable[[str], None] = lambda problem: None) -> ServableVerification:
    """Checks every byte of a servable.

    Args:
      servable: the directory of one version, such as servables/NAME/1.
      report: called with each problem as it is found.

    Raises:
      InputError: the directory holds versions, and is none itself.
    """
    found: list[str] = []
    versions = _versions(servable)
    if versions:
        raise InputError(
            f"{servable} must be the directory of one version of a servable, but it is the folder above. Give {versions[-1]}."
        )
    try:
        contents = ServableContents.read(servable)
    except InputError as error:
        report(str(error))
        return ServableVerification(servable, [str(error)])
    for problem in contents.problems(servable):
        report(problem)
        found.append(problem)
    return ServableVerification(servable, found, len(contents.files))


def _versions(directory: str) -> list[str]:
    """Returns the servables in a directory that is none itself and whose names are numbers, ascending."""
    if os.path.exists(os.path.join(directory, FILE)) or not os.path.isdir(directory):
        return []
    numbers = sorted((name for name in os.listdir(directory) if name.isdecimal()), key=int)
    return [
        path for path in (os.path.join(directory, name) for name in numbers) if os.path.exists(os.path.join(path, FILE))
    ]
