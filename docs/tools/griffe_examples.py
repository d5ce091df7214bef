"""An extension of Griffe, which reads the docstrings: "Example:" is the same section as "Examples:".

Griffe's parser of the Google style knows the plural alone, and shows the singular as a quotation without its line ends.
"""

from __future__ import annotations

import re
from typing import Any

import griffe

_SINGULAR = re.compile(r"^( *)Example:$", re.MULTILINE)


class ExampleSections(griffe.Extension):
    """Renames the section in every docstring."""

    def on_instance(self, *, obj: Any, **kwargs: Any) -> None:
        """Called once for each object with a docstring or without."""
        del kwargs
        if obj.docstring:
            obj.docstring.value = plural(obj.docstring.value)


def plural(docstring: str) -> str:
    """Returns the docstring with "Example:" as "Examples:"."""
    return _SINGULAR.sub(r"\1Examples:", docstring)
