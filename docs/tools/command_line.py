"""Writes the command-line reference: each program's docstring and its flags, read from the program itself.

    python -m docs.tools.command_line

prints the page as Markdown. A program is imported in a process of its own, because absl keeps all flags of a process in
one table.
"""

from __future__ import annotations

import json
import re
import subprocess
import sys
from pathlib import Path
from typing import Any, NamedTuple, Optional

_ROOT = Path(__file__).parents[2]
# Programs that have no console script.
_WITHOUT_SCRIPT = ("preprocess.demo_data", "serve.ask")
_SCRIPT = re.compile(r'"(mach-[a-z-]+) *= *([a-z_.]+):run"')
_TYPES = {"int": "integer", "float": "number", "bool": "yes or no", "comma separated list of strings": "list"}

_HEAD = """# Command line

Every program is run as `python -m MODULE` from the repository, or by its console script from any folder. The console
scripts also work in a folder that holds modules named like the programs (`train.py`, `eval/`), where `python -m` finds those
first. `--help` prints what stands here. Every flag can stand in a file that `--flagfile=PATH` names, one flag per line; a flag on
the command line after `--flagfile` wins. This page is generated from the programs.
"""


class Flag(NamedTuple):
    """One flag as a table shows it; `default` is None for a flag without one."""

    name: str
    kind: str
    default: Optional[str]
    required: bool
    help: str


class Program(NamedTuple):
    """One program; `script` is None if no console script is installed for it."""

    module: str
    script: Optional[str]
    docstring: str
    flags: list[Flag]


def programs(setup: str) -> dict[str, Optional[str]]:
    """Returns the console script of each program module, in the order of setup.py.

    Args:
      setup: the text of setup.py.
    """
    scripts: dict[str, Optional[str]] = {module: script for script, module in _SCRIPT.findall(setup)}
    return {**scripts, **dict.fromkeys(_WITHOUT_SCRIPT)}


def page(root: Path = _ROOT, python: str = sys.executable) -> str:
    """Returns the reference page.

    Args:
      root: of the repository.
      python: an interpreter that can import the programs.

    Raises:
      ValueError: a program that cannot be imported, with what it said.
    """
    found = programs((root / "setup.py").read_text(encoding="utf-8"))
    return _HEAD + "".join(f"\n{section(read(module, script, root, python))}" for module, script in found.items())


def read(module: str, script: Optional[str], root: Path = _ROOT, python: str = sys.executable) -> Program:
    """Imports a program in a process of its own and returns what it says of itself."""
    command = [python, "-m", "docs.tools.command_line", module]
    process = subprocess.run(command, cwd=root, capture_output=True, text=True, check=False)
    if process.returncode:
        raise ValueError(f"{module} must be importable to be documented (got: {process.stderr.strip()[-500:]}).")
    said = json.loads(process.stdout.splitlines()[-1])
    return Program(module, script, said["docstring"], [Flag(**flag) for flag in said["flags"]])


def section(program: Program) -> str:
    """Returns a program's part of the page."""
    names = f"`python -m {program.module}`" + (f", or `{program.script}`." if program.script else ".")
    rows = "".join(_row(flag) for flag in program.flags)
    table = (
        f"| flag | value | default | meaning |\n|---|---|---|---|\n{rows}" if rows else "This program has no flags.\n"
    )
    return f"## {program.module}\n\n{names}\n\n{as_markdown(program.docstring)}\n\n{table}"


def as_markdown(docstring: str) -> str:
    """Returns a module's docstring as Markdown: indented blocks become code, the rest is text."""
    blocks = re.split(r"\n\s*\n", docstring.strip())
    return "\n\n".join(
        f"```console\n{_dedent(block)}\n```" if block.startswith("  ") else _escape(block) for block in blocks
    )


def _row(flag: Flag) -> str:
    default = "required" if flag.required else "" if flag.default is None else f"`{_cell(flag.default)}`"
    return f"| `--{flag.name}` | {_cell(flag.kind)} | {default} | {_cell(_escape(flag.help))} |\n"


def _cell(text: str) -> str:
    return " ".join(text.split()).replace("|", "\\|")


def _escape(text: str) -> str:
    return re.sub(r"([<*])", r"\\\1", text)


def _dedent(block: str) -> str:
    lines = block.split("\n")
    margin = min(len(line) - len(line.lstrip()) for line in lines)
    return "\n".join(line[margin:] for line in lines)


def _describe(module: str) -> dict[str, Any]:
    """What a program says of itself; imports it."""
    import importlib

    from absl import flags

    program = importlib.import_module(module)
    return {
        "docstring": program.__doc__ or "",
        "flags": [_describe_flag(flag)._asdict() for flag in flags.FLAGS.get_key_flags_for_module(program)],
    }


def _describe_flag(flag: Any) -> Flag:
    values = getattr(flag.parser, "enum_values", None)
    kind = "one of " + ", ".join(f"`{value}`" for value in values) if values else flag.flag_type()
    shown = flag.default is not None and flag.default not in ([], "")
    default = flag.serializer.serialize(flag.default) if shown and flag.serializer else str(flag.default)
    return Flag(
        name=flag.name,
        kind=_TYPES.get(kind, kind),
        default=default.lower() if shown and isinstance(flag.default, bool) else default if shown else None,
        # absl keeps "required" as a validator alone.
        required=any("must have a value other than None" in check.message for check in flag.validators),
        # absl puts an enumeration's values before its help.
        help=re.sub(r"^<[^>]*>: ", "", flag.help or "") if values else flag.help or "",
    )


if __name__ == "__main__":
    if len(sys.argv) > 1:
        print(json.dumps(_describe(sys.argv[1])))
    else:
        print(page(), end="")
