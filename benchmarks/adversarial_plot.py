"""Draws the curves of all results of benchmarks.adversarial_training that stand in a Markdown page as tables.

    python -m benchmarks.adversarial_plot

draws docs/adversarial-training.png from docs/benchmarks/robustness.md: attacked P@1 on the left and certified P@1 on the right, against epsilon, with a row for each
table. The last line is a JSON object with the curves; "ratios" holds the attacked P@1 of each arm over that of the first one, at the
largest epsilon of each table.
"""

from __future__ import annotations

import json

from absl import flags

from benchmarks import adversarial_curves
from mach_tf import files
from mach_tf.errors import InputError
from mach_tf.programs import program

FLAGS = flags.FLAGS

flags.DEFINE_string("page", "docs/benchmarks/robustness.md", "Draws the tables of this Markdown page.")
flags.DEFINE_string("output", "docs/adversarial-training.png", "Writes the plot into this PNG file.")


def main(_: list[str]) -> None:
    """Runs the program."""
    from mach_tf import figures

    curves = adversarial_curves.read_curves(files.read_text(FLAGS.page, "page"))
    if not curves:
        raise InputError(
            f"--page must hold a table whose first column is arm, and others at E (got {FLAGS.page!r}, which has none)."
        )
    figures.write_png(adversarial_curves.figure(curves), FLAGS.output)
    print(json.dumps({"curves": curves, "ratios": adversarial_curves.ratios(curves)}))


if __name__ == "__main__":
    program.run(main)
