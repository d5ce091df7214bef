"""The package that a Python file comes from: a label of which each file has one."""

from __future__ import annotations

import collections
from collections.abc import Iterable
from typing import Optional

# A package with fewer training files teaches little, and a split could hold a package that training does not know.
FEWEST_FILES = 10


def package_of(name: str) -> Optional[str]:
    """Returns the dotted name of the folder that holds a file; None for a module outside of any package.

    Args:
      name: the file's name as demo data has it, which begins with the folder that was searched.

    Example:
      >>> package_of("python3.11/xml/parsers/expat.py")
      'xml.parsers'
    """
    folders = name.split("/")[1:-1]
    return ".".join(folders) or None


def frequent(packages: Iterable[str], fewest: int = FEWEST_FILES) -> set[str]:
    """Returns the packages that occur at least `fewest` times."""
    return {package for package, count in collections.Counter(packages).items() if count >= fewest}
