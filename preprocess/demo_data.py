"""Writes the demo data: which modules and names does a Python file import, given the identifiers that it uses?

    python -m preprocess.demo_data --output_dir demo/text

The points are the source files of this interpreter's standard library and installed packages (or of --source_dirs), each
content once. They are parsed, never executed or imported. A point's text is its file's identifiers, each once, in the order of
their first use (preprocess/python_points.py defines what counts). Its labels are the imported modules and names (`numpy`,
`os.path.join`). A file that does not parse, uses no identifier or imports nothing is left out, and counted.

With --label=package a file has one label instead: the package that it comes from (`xml.parsers`), for a multiclass model. Files of
packages with fewer than 10 training files are left out.

A hash of a file's content and --seed chooses its split: 80% train, 10% valid, 10% test. A file keeps its split when packages
come and go. The output is JSON Lines for preprocess.to_tfrecord: train.jsonl, valid.jsonl and test.jsonl, with the fields `file`
(its name), `text` and `imports` (a list), or `package` (a text).
"""

from __future__ import annotations

import os

from absl import flags

from mach_tf.programs import program
from mach_tf.programs.flag_errors import flag_errors
from preprocess.demo_records import LABELS, write_demo_data
from preprocess.python_files import interpreter_directories

FLAGS = flags.FLAGS

# Input and output
flags.DEFINE_string("output_dir", None, "Writes the data into this directory, which is made if missing.", required=True)
flags.DEFINE_list(
    "source_dirs",
    None,
    "Takes the .py files below these directories, separated by commas; by default those of the running interpreter's "
    "standard library and installed packages.",
)

# How
flags.DEFINE_enum(
    "label",
    LABELS[0],
    LABELS,
    "Chooses the labels of a file: imports, all that it imports, or package, the one package that it comes from, for a multiclass "
    "model.",
)
flags.DEFINE_integer("seed", 0, "Seeds the choice of the train, valid and test files.")
flags.DEFINE_integer(
    "workers", os.cpu_count() or 1, "Parses with this many processes; one per processor by default.", lower_bound=1
)


def main(_: list[str]) -> None:
    with flag_errors():
        print(
            write_demo_data(
                FLAGS.source_dirs or interpreter_directories(),
                FLAGS.output_dir,
                seed=FLAGS.seed,
                workers=FLAGS.workers,
                label=FLAGS.label,
            )
        )


def run() -> None:
    """Runs the program."""
    program.run(main)


if __name__ == "__main__":
    run()
