"""How every program of this project starts and ends; the only file here that knows it is in a program."""

from __future__ import annotations

import sys
from typing import Callable

from absl import app, flags, logging

from mach_tf import errors


def run(main: Callable[[list[str]], None]) -> None:
    """Runs `main` under absl; an error that the user can mend ends it with its message alone and status 1.

    Args:
      main: takes the arguments that are not flags.
    """

    def guarded(argv: list[str]) -> None:
        if len(argv) > 1:
            raise app.UsageError(f"Unexpected arguments {argv[1:]}; every input is named by a flag.")
        if not flags.FLAGS["verbosity"].present:
            # TensorFlow tells every SavedModel's story at level INFO; --verbosity=0 asks for it.
            logging.set_verbosity(logging.WARNING)
        try:
            main(argv)
        except errors.InputError as error:
            sys.exit(f"error: {error}")
        except OSError as error:
            sys.exit(f"error: {error}. The disk, the path or its permissions refused; nothing was left half-written.")

    app.run(guarded)
