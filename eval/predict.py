"""Writes the top k labels and their scores for the points in a file, or prints those of one text.

    mach-predict --model_dir models/bibtex --input test.txt --output predictions.txt --k 5

    mach-predict --model_dir models/mine --input new.jsonl --output new.tsv --min_probability 0.5

    mach-predict --model_dir models/mine --text "Attention is all you need"

A model of texts reads every format that mach-preprocess reads, with or without labels, and takes the text fields that it was trained
with. Any model reads the Extreme Classification Repository's format, plain or compressed, or the file of features of its split form
(tst_X_Xf.txt). The input may be a pipe: --input=/dev/stdin.

The output is JSON Lines (one object per point), a table with tabs (one row per label) or the repository's format of score matrices (a
first line `points labels`, then one line per point, `label:score label:score ...`). Labels come best first; the first two formats name
them as the training data did. The scores are probabilities unless --scores=logit. From Python: Ensemble.predict and
Ensemble.predict_text.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from absl import flags

from mach_tf import startup
from mach_tf.choices import BAD_LINE_ACTIONS, PREDICTION_FORMATS, SCORES
from mach_tf.errors import InputError
from mach_tf.programs import program, shared_flags, standard_streams, text_flags
from mach_tf.programs.flag_errors import flag_errors
from mach_tf.top_labels import default_k

FLAGS = flags.FLAGS

# Where
shared_flags.define_model_dir()
flags.DEFINE_string(
    "input",
    None,
    "Reads the points in this file, plain or compressed: texts if the model was trained on texts, or a bag of words with the raw "
    "features of the training text, also the file of features of the split form. It may be a pipe.",
)
flags.DEFINE_multi_string(
    "text",
    None,
    "Predicts this text instead of a file, and prints a table. It is taken for the first text field of the training data.",
)
text_flags.define_reading(labels=False)
flags.DEFINE_enum(
    "on_bad_line",
    BAD_LINE_ACTIONS[0],
    BAD_LINE_ACTIONS,
    "Stops at a line of --input that breaks a rule (raise), or predicts nothing for such lines and warns of them (skip).",
)
flags.DEFINE_string("output", None, "Writes the predictions of --input to this file, in an existing folder.")

# What
flags.DEFINE_integer("k", 5, "Predicts this many labels per point; by default all if there are fewer.", lower_bound=1)
flags.DEFINE_enum(
    "scores",
    SCORES[0],
    SCORES,
    "Writes the scores on this scale: as probabilities in (0, 1], or as the label scores that labels are ranked by and that are "
    "explained (logit), which may be negative.",
)
flags.DEFINE_float(
    "min_probability",
    None,
    "Leaves out labels whose probability is below this number, from 0 to 1, also with --scores=logit. At most --k labels are "
    "written, so raise --k with it.",
)
flags.DEFINE_string(
    "only_labels",
    None,
    "Chooses from these labels only, exactly: a list such as 3,17, or a file with one label per line. Labels are given by id, or by "
    "name or key if the model has them; write id:3 where a label is named 3.",
)
shared_flags.define_objective()
shared_flags.define_name_weight()
flags.DEFINE_enum(
    "format",
    None,
    PREDICTION_FORMATS,
    "Writes the predictions as the repository's score matrix (text), as JSON Lines (jsonl), one object per point, or as a table with "
    "tabs (tsv), one row per label. By default the name of --output decides: .jsonl, .tsv, or else text; names such "
    "as top.csv or top.json, which promise something else, are refused.",
)
flags.DEFINE_string(
    "label_names",
    None,
    "Reads the names of the labels, one per line, from this UTF-8 file, in place of those that the model has: for the formats jsonl and "
    "tsv, which write them, for --only_labels and for --name_weight.",
)
flags.DEFINE_bool(
    "force",
    False,
    "Takes --label_names that are not those that the model was trained with. Set it only if the names differ in spelling.",
)
shared_flags.define_estimator()
shared_flags.define_repetitions()
shared_flags.define_verify()

_RENAMED = {"input_path": "input", "output_path": "output", "texts": "text"}
# The flags of every prediction, and those of files alone.
_PREDICTED = ("estimator", "scores", "min_probability", "only_labels", "objective", "name_weight")
_READ, _WRITTEN = ("input_format", "text_fields"), ("on_bad_line", "format", "label_names", "force")


def main(_: list[str]) -> None:
    startup.prepare()
    startup.check_versions()
    from mach_tf.ensemble import Ensemble
    from mach_tf.prediction import predict_file

    _check()
    shared_flags.verify_models(FLAGS.model_dir)
    with flag_errors(_RENAMED):
        model = Ensemble.load(FLAGS.model_dir, FLAGS.repetitions)
        k = FLAGS.k if FLAGS["k"].present else default_k(model.labels)
        predicted = {"k": k, **_values(_PREDICTED)}
        if FLAGS.text:
            print(model.predict_text(FLAGS.text, **predicted))
        else:
            options = {**predicted, **_values(_WRITTEN), **text_flags.values()}
            done = predict_file(model, FLAGS.input, FLAGS.output, **options)
            print(done, file=standard_streams.beside(FLAGS.output))


def _values(names: Sequence[str]) -> dict[str, Any]:
    return {name: FLAGS[name].value for name in names}


def _check() -> None:
    given = next((name for name in ("input", "output", *_READ, *_WRITTEN) if FLAGS[name].present), None)
    if FLAGS.text and given:
        raise InputError(f"--text prints a table of its own text, so --{given} has no effect. Leave one of them out.")
    for name in ("input", "output"):
        if not FLAGS.text and FLAGS[name].value is None:
            raise InputError(
                f"--{name} must name a file, because --text is not given. Give --input and --output, or --text."
            )


def run() -> None:
    """Runs the program; the console script calls this."""
    program.run(main)


if __name__ == "__main__":
    run()
