"""Holds back what the import of a package writes to the standard error stream, and shows it only if the import fails.

TensorFlow's GPU builds from 2.19 on log several lines from C++ whenever they are imported, before any setting of theirs can stop
them. A process that dies during the import cannot show anything afterwards: TensorFlow aborts, for example, on a processor without
AVX. So the text is kept in a file in memory, beside it waits a shell, and only a word from this process makes the shell leave
without showing the file.
"""

from __future__ import annotations

import contextlib
import importlib.abc
import os
import subprocess
import sys
from collections.abc import Iterator, Sequence
from importlib.machinery import ModuleSpec
from types import ModuleType
from typing import Any, Optional

_STDERR = 2
_SHELL = "/bin/sh"
_IMPORTED = b"imported\n"
# Standard input ends without the word when this process dies. Opened by its name, the file is read from its start.
_SHOW_UNLESS_TOLD = 'read -r word; [ "$word" = imported ] || cat "$0" >&2'


def hold_back(package: str) -> None:
    """Makes the import of a package quiet; nothing changes if it is imported already, or if this was called before.

    While the import runs, what other threads write to the standard error stream is held back too.
    """
    known = (finder for finder in sys.meta_path if isinstance(finder, _QuietFinder))
    if package not in sys.modules and package not in (finder.package for finder in known):
        sys.meta_path.insert(0, _QuietFinder(package))


class _QuietFinder(importlib.abc.MetaPathFinder):
    """Finds the package as the finders after it do, and makes its loader quiet."""

    def __init__(self, package: str) -> None:
        self.package = package

    def find_spec(
        self, fullname: str, path: Optional[Sequence[str]], target: Optional[ModuleType] = None
    ) -> Optional[ModuleSpec]:
        if fullname != self.package:
            return None
        others = [finder for finder in sys.meta_path if finder is not self and hasattr(finder, "find_spec")]
        found = (finder.find_spec(fullname, path, target) for finder in others)
        spec = next((each for each in found if each), None)
        if spec and spec.loader:
            _make_quiet(spec.loader)
        return spec


def _make_quiet(loader: Any) -> None:
    run = loader.exec_module

    def run_quietly(module: ModuleType) -> None:
        loader.exec_module = run  # the module keeps its loader: it is to be as it was
        with standard_error_held_back():
            run(module)

    loader.exec_module = run_quietly


@contextlib.contextmanager
def standard_error_held_back() -> Iterator[None]:
    """Holds back what is written to file descriptor 2; shows it if an exception leaves the context, or the process dies in it.

    Where that is not possible (no Linux, no shell, a closed standard error stream), everything is shown at once.
    """
    try:
        stderr, held = os.dup(_STDERR), os.memfd_create("held back")
    except (OSError, AttributeError):
        yield
        return
    with contextlib.ExitStack() as stack:
        stack.callback(os.close, stderr)
        stack.callback(os.close, held)
        try:
            # In a session of its own: Ctrl-C must not end it before it has shown the text.
            shell = subprocess.Popen(
                [_SHELL, "-c", _SHOW_UNLESS_TOLD, f"/dev/fd/{held}"],
                stdin=subprocess.PIPE,
                pass_fds=[held],
                start_new_session=True,
            )
        except OSError:
            yield
            return
        word = None
        _flush()
        os.dup2(held, _STDERR)
        try:
            yield
            word = _IMPORTED
        finally:
            _flush()
            os.dup2(stderr, _STDERR)
            # Waits for the shell, so that the text stands before the traceback.
            shell.communicate(word)


def _flush() -> None:
    if sys.stderr is not None:
        sys.stderr.flush()
