"""Writes the top k labels and their scores for the points in a text file.

    mach-predict --model_dir models/bibtex --input test.txt --output predictions.txt --k 5

The program reads the Extreme Classification Repository's format, plain or compressed, with or without labels, or the file of
features of its split form (tst_X_Xf.txt). The input may be a pipe: --input=/dev/stdin. It writes
the repository's format of score matrices: a first line `points labels`, then one line per point,
`label:score label:score ...`, best first. The scores are probabilities unless --scores=logit. From Python: Ensemble.predict.
"""

from __future__ import annotations

from absl import flags

from mach_tf import startup
from mach_tf.choices import SCORES
from mach_tf.programs import program, shared_flags
from mach_tf.programs.flag_errors import flag_errors

FLAGS = flags.FLAGS

# Where
shared_flags.define_model_dir()
flags.DEFINE_string(
    "input",
    None,
    "Reads the points in this text file, plain or compressed (.gz, .bz2, .xz), with the raw features of the training text. It may "
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
        print(predict_file(network, FLAGS.input, FLAGS.output, FLAGS.k, FLAGS.estimator, FLAGS.scores))


def run() -> None:
    """Runs the program; the console script calls this."""
    program.run(main)


if __name__ == "__main__":
    run()
