"""Explains label scores: which features of a point raise a label's score, and which lower it.

    mach-explain --dataset_dir=data/demo --model_dir=models/demo --input=demo/test.txt --points=0,5,7 \\
        --labels=top:3 --output_dir=explained

Writes explanations.jsonl, with one explanation per line and the largest attributions first, and report.html, a page to read
them in. The label score of --estimator is explained by --method, Integrated Gradients by default, from --baseline. Attributions belong
to raw features and, but for gradient_x_input, add up to the score minus the baseline's score; the program fails if they miss it
by more than 1%.

    mach-explain --model_dir=models/mine --text="Attention is all you need"

Explains one text, or several, by a model of texts, and prints it with its words coloured by attribution; with --output_dir it
writes the files too. A model of texts also explains files of texts: --input=new.jsonl.

    mach-explain --dataset_dir=data/demo --model_dir=models/demo --labels=all --split=test --output_dir=global

Writes the features that drive each label over all points of a split: global.npz, a sparse matrix [labels, features] of mean
attributions, and global.tsv, the largest of each label. An interrupted run continues where it stopped, and --point_range divides
it among processes. The text may be in the repository's split form: --input=tst_X_Xf.txt --input_labels=tst_X_Y.txt, or --input alone for points without labels.
"""

from __future__ import annotations

import sys
from typing import Any

from absl import flags

from mach_tf import startup
from mach_tf.programs import (
    attribution_flags,
    program,
    report_flags,
    shared_flags,
    terminal_colours,
    text_flags,
    unused_flags,
)
from mach_tf.programs.flag_errors import flag_errors

FLAGS = flags.FLAGS

# What is read and written
shared_flags.define_dataset_of_model(required=False)
shared_flags.define_model_dir()
shared_flags.define_verify()
shared_flags.define_output_dir("explanations.jsonl and report.html, or global.npz and global.tsv,", required=False)
flags.DEFINE_string(
    "input",
    None,
    "Reads the points from this XML-repository text, with or without labels, or for a model of texts from this file of texts. By "
    "default the text that --split was made from is read; set it if that text has moved or to explain other points.",
)
flags.DEFINE_multi_string(
    "text",
    None,
    "Explains this text instead of a file, and prints it with its words coloured; the model must have been trained on texts. It is "
    "taken for the first text field of the training data.",
)
text_flags.define_reading()
flags.DEFINE_string(
    "input_labels",
    None,
    "Reads the labels from this file if --input is in split form, which has features only. Leave it out for points without labels.",
)
shared_flags.define_split()

# What is explained
flags.DEFINE_string(
    "points",
    "0-9",
    "Selects the points to explain, counted from 0: a list with ranges such as 0,5,7 or 0-99; all; or label:NAME:3 for the "
    "first three points with a label, given by name, key or id.",
)
flags.DEFINE_string(
    "labels",
    "top:3",
    "Selects the labels to explain: top:N, the N best labels of each point; true, the point's own labels; a list such as 3,14 "
    "of ids, names or keys (id:3 where a label is named 3); or all, for the features that drive each label over a whole split.",
)
flags.DEFINE_string(
    "against",
    None,
    "Explains why each label and not this one, given by name, key or id: the difference of both scores. best takes the best of the "
    "point's other labels. By default the scores alone are explained.",
)
shared_flags.define_estimator()

# How
attribution_flags.define()
flags.DEFINE_string(
    "baseline",
    "auto",
    "Sets where the paths begin: zero, a point without features; prior, the point scaled down until the label is as probable as "
    "among the training points; mean, the mean of the training points; or point:ID, a point of the input, to explain how two "
    "points differ. auto is prior if --dataset_dir is given, zero otherwise.",
)

# The report, and the features that drive each label
report_flags.define()
shared_flags.define_point_range("global.npz and global.tsv", "with --labels=all, ")


def main(_: list[str]) -> None:
    """Runs the program."""
    startup.prepare()
    startup.check_versions()
    # Imported here so that --help does not wait for TensorFlow.
    from mach_tf.explanations.integrated_gradients.attribution import AttributionConfig
    from mach_tf.explanations.reporting.explanation_job import ExplanationJob

    unused_flags.check("labels", [FLAGS.labels], {"top_features": ("all",)})
    shared_flags.verify_models(FLAGS.model_dir)
    with flag_errors():
        job = ExplanationJob(
            dataset_dir=FLAGS.dataset_dir,
            model_dir=FLAGS.model_dir,
            output_dir=FLAGS.output_dir,
            input=FLAGS.input,
            input_labels=FLAGS.input_labels,
            split=FLAGS.split,
            labels=FLAGS.labels,
            attribution=AttributionConfig(FLAGS.estimator, *attribution_flags.values()),
            points=_given("points"),
            baseline=_given("baseline"),
            against=_given("against"),
            force=FLAGS.force,
            settings=text_flags.settings(),
            text=FLAGS.text,
            point_range=FLAGS.point_range,
            **report_flags.values(),
        )
        written = job.run()
    print(written.summary(terminal_colours.shows_colours(sys.stdout), terminal_colours.columns(sys.stdout)))


def _given(name: str) -> Any:
    """Returns the value of a flag, None if it was left out: the library's default, which is the flag's, stands for it."""
    return FLAGS[name].value if FLAGS[name].present else None


def run() -> None:
    """Runs the program; the console script calls this."""
    program.run(main)


if __name__ == "__main__":
    run()
