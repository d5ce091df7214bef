"""The start and the end of every program of this project."""

from __future__ import annotations

import functools
import logging as standard_logging
import re
import sys
import warnings
from collections.abc import Callable, Sequence
from typing import Any, Optional

from absl import app, flags, logging

from mach_tf import kernels
from mach_tf.programs import catalogue, endings, standard_streams
from mach_tf.programs.flag_errors import with_flags
from mach_tf.programs.flag_values import check_arguments, check_values

# What absl says of a flag that is required and not given.
_REQUIRED = re.compile(r"flag --(\w+)=None: Flag --\w+ must have a value other than None\.")
# The flags that a path without a flag may belong to; the first that a program has is its example.
_INPUTS = ("train", "input", "dataset_dir", "model_dir")


def run(main: Callable[[list[str]], None]) -> None:
    """Runs `main` under absl, and ends the process.

    Whatever stops the program becomes one line on stderr and a status: a wrong flag, an InputError or an OSError is named
    with status 1, an interruption has status 130, and of any other exception the trace is saved to a file. `--help` shows the
    docstring of the module that defines `main`, its flags and the names of the other programs, whether the module or its console script was
    started.

    Args:
      main: takes the arguments that are not flags.
    """
    module = _module_name(sys.modules[main.__module__])
    script = catalogue.script(module)
    standard_streams.prepare()
    _show_in_help(sys.modules[main.__module__], module)
    status = 0
    try:
        with kernels.announced():
            app.run(functools.partial(_run_quietly, main), flags_parser=functools.partial(_parse, script))
    except BaseException as error:
        status = endings.status_of(error, script.strip() or module)
    try:
        standard_streams.flush()
    except OSError as error:
        status = status or endings.status_of(error, script)
    sys.exit(status)


def _parse(script: str, arguments: Sequence[str]) -> list[str]:
    try:
        flagfiles = check_arguments(arguments)
        rest = flags.FLAGS(arguments)
        check_values(flags.FLAGS, flagfiles)
    except flags.Error as error:
        # A path without its flag is why a required flag is missing.
        missing = _REQUIRED.search(str(error))
        stray = _first_stray(arguments) if missing else None
        sys.exit(f"error: {_stray(stray) if stray else _sentence(str(error))} See {script}--help.")
    if len(rest) > 1:
        sys.exit(f"error: {_stray(rest[1])} See {script}--help.")
    return rest


def _run_quietly(main: Callable[[list[str]], None], argv: list[str]) -> None:
    logging.get_absl_handler().setFormatter(_Formatter())
    warnings.formatwarning = lambda message, *_, **__: f"warning: {with_flags(str(message))}\n"
    if not flags.FLAGS["verbosity"].present:
        # At level INFO TensorFlow reports every SavedModel it writes; --verbosity=0 asks for that.
        logging.set_verbosity(logging.WARNING)
    main(argv)


class _Formatter(standard_logging.Formatter):
    """Writes "warning: text"; the date, process and line of absl's format are of no use to a user."""

    def format(self, record: standard_logging.LogRecord) -> str:
        return f"{record.levelname.lower()}: {super().format(record)}"


def _listed(names: Sequence[str]) -> str:
    return " and ".join([", ".join(names[:-1]), names[-1]] if len(names) > 1 else names)


def _sentence(message: str) -> str:
    """absl's message about wrong flags as one line."""
    # absl begins its message about a flagfile with "ERROR:: ".
    lines = [line.strip().removeprefix("ERROR:: ") for line in message.splitlines() if line.strip()]
    required = [match[1] for match in map(_REQUIRED.fullmatch, lines) if match]
    if required and len(required) == len(lines):
        names = [f"--{name}" for name in required]
        return f"{_listed(names)} {'is' if len(names) == 1 else 'are'} required."
    text = "; ".join(line.rstrip(" .") for line in lines)
    return text if text.endswith("?") else f"{text}."


def _first_stray(arguments: Sequence[str]) -> Optional[str]:
    """The first argument that is neither a flag nor may be the value of the flag before it."""
    for before, argument in zip(arguments, arguments[1:]):
        takes_value = before.startswith("-") and "=" not in before
        if not argument.startswith("-") and not (takes_value and before is not arguments[0]):
            return argument
    return None


def _stray(argument: str) -> str:
    example = next((f", such as --{name}={argument}" for name in _INPUTS if name in flags.FLAGS), "")
    return f"{argument!r} is not a flag; every input is named by a flag{example}."


def _module_name(module: Any) -> str:
    return module.__spec__.name if module.__name__ == "__main__" and module.__spec__ else module.__name__


def _show_in_help(module: Any, name: str) -> None:
    """absl shows the docstring of __main__ and the flags of sys.argv[0]; for a console script neither is the module's."""
    main_module = sys.modules["__main__"]
    main_module.__doc__ = (module.__doc__ or "") + catalogue.siblings(name)
    for flag in flags.FLAGS.get_key_flags_for_module(module.__name__):
        flags.FLAGS.register_key_flag_for_module(sys.argv[0], flag)
