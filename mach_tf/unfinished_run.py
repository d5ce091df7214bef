"""The files that a long run leaves in a directory until it is finished: its parts, and the description of the run that they are of."""

from __future__ import annotations

import contextlib
import dataclasses
import os
import re
from typing import Any

from mach_tf import files
from mach_tf.errors import InputError

# What to do about a part that is damaged.
REMEDY = "Remove it; the same command then computes it again."


@dataclasses.dataclass(frozen=True)
class UnfinishedRun:
    """The files of one kind of run in one directory.

    Attributes:
      directory: an existing directory.
      part: matches the whole names of parts.
      description: the name of the file that says what run the parts are of.
    """

    directory: str
    part: re.Pattern[str]
    description: str

    @property
    def path(self) -> str:
        """The path of the description."""
        return os.path.join(self.directory, self.description)

    def parts(self) -> list[str]:
        """Returns the names of the parts, ascending."""
        return sorted(filter(self.part.fullmatch, os.listdir(self.directory)))

    def is_of(self, run: dict[str, Any], content: str) -> bool:
        """Returns whether the parts are of a run; writes its description if there is neither a description nor a part.

        Args:
          run: everything that the parts depend on, as JSON holds it.
          content: what the description is, for the message about a damaged one.

        Raises:
          InputError: there are parts without a description, or it is damaged.
        """
        # Listed first: a process writes the description before its first part, so parts that are listed here have one by now.
        parts = self.parts()
        if os.path.exists(self.path):
            return bool(files.read_json(self.path, content) == run)
        if parts:
            raise InputError(
                f"{self.directory} holds {parts[0]}, but no {self.description} that says what it is part of. Move it away, or choose "
                "another output_dir."
            )
        files.write_json(self.path, run)
        return True

    def clear(self) -> None:
        """Removes the parts, and their description last, so that what remains of an interrupted removal is still of this run."""
        for name in self.parts():
            os.remove(os.path.join(self.directory, name))
        with contextlib.suppress(FileNotFoundError):
            os.remove(self.path)
