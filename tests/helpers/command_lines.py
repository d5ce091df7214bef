"""Finds the project's programs in the command lines of a document or of `make --dry-run`."""

from __future__ import annotations

import pathlib
import re
import shlex

_SETUP = pathlib.Path(__file__).resolve().parents[2] / "setup.py"


def programs_of(text: str) -> list[tuple[str, list[str]]]:
    """Returns module and flags of each command line that runs a program, in their order.

    Args:
      text: lines such as `mach-train --epochs=5` or `.venv/bin/python -m train.main --epochs=5`, indented or not; a backslash
        at the end continues a line.
    """
    scripts = dict(re.findall(r"(mach-\w+)\s*=\s*([\w.]+):run", _SETUP.read_text(encoding="utf-8")))
    found = []
    for line in text.replace("\\\n", " ").splitlines():
        words = line.split(maxsplit=1)
        if words and words[0] in scripts:
            found.append((scripts[words[0]], shlex.split(line)[1:]))
        elif re.match(r"\s*\S*python -m ", line):
            _, _, module, *flags = shlex.split(line)
            found.append((module, flags))
    return found
