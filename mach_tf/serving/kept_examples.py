"""examples.json: the texts or points that a servable keeps for the page of the service."""

from __future__ import annotations

import os
from typing import Any

from mach_tf import files

FILE, _KEY = "examples.json", "examples"

# What `texts` or `points` of a request to the service hold.
Example = dict[str, Any]


def write(directory: str, examples: list[Example]) -> None:
    """Writes the examples into the directory of a servable."""
    files.write_json(os.path.join(directory, FILE), {_KEY: examples})


def read(directory: str) -> list[Example]:
    """Returns the examples of a servable; none if it keeps none."""
    path = os.path.join(directory, FILE)
    return files.read_json(path, "examples")[_KEY] if os.path.exists(path) else []
