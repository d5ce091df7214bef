"""The start and the end of every program of this project."""

from __future__ import annotations

import sys
from collections.abc import Callable
from typing import Any

from absl import app, flags, logging

from mach_tf import errors
from mach_tf.programs import catalogue


def run(main: Callable[[list[str]], None]) -> None:
    """Runs `main` under absl.

    An InputError or OSError ends the program with its message alone and status 1. `--help` shows the docstring of the module
    that defines `main`, its flags and the names of the other programs, whether the module or its console script was started.

    Args:
      main: takes the arguments that are not flags.
    """

    def guarded(argv: list[str]) -> None:
        if len(argv) > 1:
            raise app.UsageError(f"Unexpected arguments {argv[1:]}; every input is named by a flag.")
        if not flags.FLAGS["verbosity"].present:
            # At level INFO TensorFlow reports every SavedModel it writes; --verbosity=0 asks for that.
            logging.set_verbosity(logging.WARNING)
        try:
            main(argv)
        except errors.InputError as error:
            sys.exit(f"error: {error}")
        except OSError as error:
            sys.exit(f"error: {error}. The disk, the path or its permissions refused; nothing was left half-written.")

    _show_in_help(sys.modules[main.__module__])
    app.run(guarded)


def _show_in_help(module: Any) -> None:
    """absl shows the docstring of __main__ and the flags of sys.argv[0]; for a console script neither is the module's."""
    name = module.__spec__.name if module.__name__ == "__main__" and module.__spec__ else module.__name__
    main_module = sys.modules["__main__"]
    main_module.__doc__ = (module.__doc__ or "") + catalogue.siblings(name)
    for flag in flags.FLAGS.get_key_flags_for_module(module.__name__):
        flags.FLAGS.register_key_flag_for_module(sys.argv[0], flag)
