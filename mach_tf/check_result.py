"""What the results of checking a dataset, a model and a servable share: they are whole, or list problems."""

from __future__ import annotations

import dataclasses
from typing import Any


class CheckResult:
    """A base of frozen dataclasses, each the result of checking stored files.

    Attributes:
      problems: a sentence for each thing that is wrong; empty if the files are whole.
    """

    problems: list[str]

    @property
    def is_whole(self) -> bool:
        """Returns whether nothing is wrong."""
        return not self.problems

    def to_json(self) -> dict[str, Any]:
        """Returns all attributes as JSON values."""
        return dataclasses.asdict(self)  # type: ignore[call-overload]

    def listed(self, directory: str) -> str:
        """Returns the problems, a line each, and a last line that counts them.

        Args:
          directory: what was checked.
        """
        return "\n".join([*self.problems, f"{directory} is damaged: {len(self.problems)} problem(s)."])
