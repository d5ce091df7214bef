"""The programs of the project: module, console script and purpose of each, so that every --help can name the others."""

from __future__ import annotations

from typing import NamedTuple


class Program(NamedTuple):
    """One program.

    Attributes:
      module: what `python -m` runs.
      script: the console script, which also works in a folder that holds a train.py or an eval/ of the user's own.
      purpose: what it makes of what.
    """

    module: str
    script: str
    purpose: str


PROGRAMS = (
    Program("preprocess.to_tfrecord", "mach-preprocess", "turns text files into a dataset directory"),
    Program("preprocess.verify", "mach-verify", "checks every byte of a dataset or model directory"),
    Program("train.plan", "mach-plan", "recommends buckets, repetitions and training settings"),
    Program("train.main", "mach-train", "trains a model directory on a dataset directory"),
    Program("train.export", "mach-export", "exports a model directory as one SavedModel to serve"),
    Program("serve.main", "mach-serve", "serves an exported model over HTTP, with a page to try texts on"),
    Program("eval.main", "mach-eval", "computes the metrics of a model, clean and attacked"),
    Program("eval.predict", "mach-predict", "writes the top labels of the points in a text file"),
    Program("eval.robustness", "mach-robustness", "compares models under attack"),
    Program("eval.certify", "mach-certify", "proves which predictions no perturbation can change"),
    Program("explain.main", "mach-explain", "explains label scores by the features of a point"),
    Program("explain.faithfulness", "mach-faithfulness", "measures whether explanations are faithful and stable"),
)


def script(module: str) -> str:
    """Returns the console script of a module and a space, to stand before a flag; "" for a module that is not one of them."""
    return next((f"{program.script} " for program in PROGRAMS if program.module == module), "")


def siblings(module: str) -> str:
    """Returns the lines of a --help text that name the other programs; "" for a module that is not one of them."""
    if module not in {program.module for program in PROGRAMS}:
        return ""
    width = max(len(program.script) for program in PROGRAMS)
    others = [program for program in PROGRAMS if program.module != module]
    return "\nThe other programs:\n\n" + "".join(f"  {p.script:<{width}}  {p.purpose}\n" for p in others)
