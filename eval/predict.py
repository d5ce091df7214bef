"""Writes the top k labels and their scores for the points in a text file.

    mach-predict --model_dir models/bibtex --input test.txt --output predictions.txt --k 5

    mach-predict --model_dir models/bibtex --input new.txt --output new.jsonl --format jsonl --label_names Yf.txt \\
        --min_probability 0.5 --only_labels chosen.txt

The program reads the Extreme Classification Repository's format, plain or compressed, with or without labels, or the file of
features of its split form (tst_X_Xf.txt). The input may be a pipe: --input=/dev/stdin. It writes
the repository's format of score matrices: a first line `points labels`, then one line per point,
`label:score label:score ...`, best first; or with --format=jsonl one JSON object per point, which may have label names. The scores
are probabilities unless --scores=logit. From Python: Ensemble.predict.
"""

from __future__ import annotations

from absl import flags

from mach_tf import startup
from mach_tf.choices import PREDICTION_FORMATS, SCORES
from mach_tf.programs import program, shared_flags
from mach_tf.programs.flag_errors import flag_errors

FLAGS = flags.FLAGS

# Where
shared_flags.define_model_dir()
flags.DEFINE_string(
    "input",
    None,
    "Reads the points in this text file, plain or compressed (.gz, .bz2, .xz, .zst), with the raw features of the training text. It may "
    "be a pipe, or the file of features of the split form.",
    required=True,
)
flags.DEFINE_string("output", None, "Writes the predictions to this file, in an existing folder.", required=True)

# What
flags.DEFINE_integer(
    "k", 5, "Predicts this many labels per point, at most the model's number of labels.", lower_bound=1
)
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
    "Chooses from these labels only, exactly: a list of ids such as 3,17, or a file with one label per line. With --label_names, "
    "names are taken too.",
)
flags.DEFINE_enum(
    "format",
    PREDICTION_FORMATS[0],
    PREDICTION_FORMATS,
    "Writes the predictions as the repository's score matrix (text), or as JSON Lines (jsonl), one object per point.",
)
flags.DEFINE_string(
    "label_names",
    None,
    "Reads the names of the labels, one per line, from this UTF-8 file: for --format=jsonl, which writes them, and for --only_labels.",
)
flags.DEFINE_bool(
    "force",
    False,
    "Takes --label_names that are not those that the model was trained with. Set it only if the names differ in spelling.",
)
shared_flags.define_estimator()
shared_flags.define_repetitions()
shared_flags.define_verify()

_RENAMED = {"input_path": "input", "output_path": "output"}


def main(_: list[str]) -> None:
    startup.prepare()
    startup.check_versions()
    from mach_tf.network import Network
    from mach_tf.prediction import predict_file

    shared_flags.verify_models(FLAGS.model_dir)
    with flag_errors(_RENAMED):
        network = Network.load(FLAGS.model_dir, FLAGS.repetitions)
        done = predict_file(
            network,
            FLAGS.input,
            FLAGS.output,
            k=FLAGS.k,
            estimator=FLAGS.estimator,
            scores=FLAGS.scores,
            min_probability=FLAGS.min_probability,
            only_labels=FLAGS.only_labels,
            format=FLAGS.format,
            label_names=FLAGS.label_names,
            force=FLAGS.force,
        )
    print(done)


def run() -> None:
    """Runs the program; the console script calls this."""
    program.run(main)


if __name__ == "__main__":
    run()
