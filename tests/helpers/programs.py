"""Runs the project's programs in the tests' own process, through their flags."""

from __future__ import annotations

import importlib
import sys

from absl import flags

_PACKAGES = ("preprocess", "train", "eval", "explain", "serve", "benchmarks")


def run(module: str, *arguments: str) -> None:
    """`python -m module arguments`, without a new process; errors come out as exceptions.

    Args:
      module: "preprocess.to_tfrecord".
      *arguments: as on the command line: "--output_dir=somewhere".
    """
    forget_flags()
    program = importlib.import_module(module)
    flags.FLAGS([module, *arguments])
    program.main([])


def forget_flags() -> None:
    """Undoes the imports of all programs: they share flag names, which absl refuses in one process."""
    for definer, defined in list(flags.FLAGS.flags_by_module_dict().items()):
        package, _, name = definer.rpartition(".")
        if package in _PACKAGES:
            for flag in list(defined):  # the deletion takes it out of the list too
                delattr(flags.FLAGS, flag.name)
            # Imported anew, it defines its flags anew; that holds for modules of flags shared by programs too.
            if sys.modules.pop(definer, None):
                delattr(sys.modules[package], name)
