"""Runs the project's programs in the tests' own process, through their flags."""

from __future__ import annotations

import importlib
import sys

from absl import flags

_PACKAGES = ("preprocess", "train", "eval", "explain", "benchmarks")


def run(module: str, *arguments: str) -> None:
    """`python -m module arguments`, without a new process; errors come out as exceptions.

    Programs share flag names, which absl refuses in one process: each run forgets the flags of the one before.

    Args:
      module: "preprocess.to_tfrecord".
      *arguments: as on the command line: "--output_dir=somewhere".
    """
    by_module = flags.FLAGS.flags_by_module_dict().items()
    for flag in [flag for definer, defined in by_module if definer.split(".")[0] in _PACKAGES for flag in defined]:
        delattr(flags.FLAGS, flag.name)
    program = importlib.reload(sys.modules[module]) if module in sys.modules else importlib.import_module(module)
    flags.FLAGS([module, *arguments])
    program.main([])
