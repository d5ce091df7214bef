"""Exports a model directory as a servable: one SavedModel that ranks labels and explains them.

    mach-export --model_dir=models/demo --output_dir=servables/demo/1

The servable takes raw features, and texts if the model was trained on texts. It returns the k best labels with their names, scores and
probabilities; its signatures `explain` and `explain_text` add what speaks most for and against each label, and `attack` and
`attack_text` what an FGSM step would change. It needs TensorFlow alone: TensorFlow Serving serves the folder above the version, and a
Python process loads it with tf.saved_model.load. README.md in it is its model card.

Smaller, by vector quantisation and without a quarter of the features:

    mach-export --model_dir=models/demo --output_dir=servables/demo/2 --weights=vq --prune=0.25
"""

from __future__ import annotations

from absl import flags

from mach_tf import startup
from mach_tf.choices import SERVABLE_WEIGHTS
from mach_tf.estimators import DEFAULT_ESTIMATOR, EXACT_ESTIMATORS
from mach_tf.programs import program, shared_flags
from mach_tf.programs.flag_errors import flag_errors

FLAGS = flags.FLAGS

# Where
shared_flags.define_model_dir()
flags.DEFINE_string(
    "output_dir",
    None,
    "Writes the servable to this directory, which must not exist and must be named by a version: servables/NAME/1.",
    required=True,
)

# What
flags.DEFINE_enum(
    "estimator",
    DEFAULT_ESTIMATOR,
    EXACT_ESTIMATORS,
    "Combines the bucket scores into a label score by this estimator. Only logit_mean has the signature `explain`.",
)
flags.DEFINE_enum(
    "weights",
    SERVABLE_WEIGHTS[0],
    SERVABLE_WEIGHTS,
    "Stores the weights in this form. float16 halves the size, int8 quarters it, and vq, vector quantisation, stores 2 to 4 bits per "
    "weight of the first layer, about a tenth of the size; vq1 stores 1 to 3 bits, about a twentieth.",
)
flags.DEFINE_float(
    "prune",
    0.0,
    "Leaves out this fraction, below 1, of the features: those whose weights in the first layer have the smallest norm.",
    lower_bound=0,
    upper_bound=1,
)
flags.DEFINE_float(
    "prune_entries",
    0.0,
    "Leaves out this fraction, below 1, of the single weights in the first layer's rows that are kept: those with the smallest magnitude. A "
    "bit per weight says which are stored, so that int8 with 0.75 takes 3 bits per weight. Not with vq and vq1, which take fewer.",
    lower_bound=0,
    upper_bound=1,
)
flags.DEFINE_integer(
    "reasons", 10, "Names at most this many features per label in an explanation.", lower_bound=1, upper_bound=1000
)
flags.DEFINE_string(
    "label_names",
    None,
    "Reads the names of the labels, one per line, from this UTF-8 file. By default they are those in the model directory.",
)
flags.DEFINE_string("feature_names", None, "Reads the names of the raw features, one per line, from this UTF-8 file.")
flags.DEFINE_bool(
    "force",
    False,
    "Takes --label_names and --feature_names that are not those that the model was trained with. Set it only if the names differ in "
    "spelling or language.",
)
flags.DEFINE_string(
    "evaluation",
    None,
    "Shows the metrics of this metrics.json, which mach-eval wrote for the model, in the model card.",
)
flags.DEFINE_string(
    "examples",
    None,
    "Keeps the first five short texts or points of this file, in a format of mach-predict, in the servable: the page of mach-serve "
    "shows them to everyone who opens it.",
)
shared_flags.define_repetitions()
shared_flags.define_verify()


def main(_: list[str]) -> None:
    startup.prepare()
    startup.check_versions()
    from mach_tf.network import Network
    from mach_tf.serving.exporting import export

    shared_flags.verify_models(FLAGS.model_dir)
    with flag_errors():
        # One repetition at a time: the servable itself takes the memory of all of them.
        network = Network.load(FLAGS.model_dir, FLAGS.repetitions, keep=False)
        done = export(
            network,
            FLAGS.output_dir,
            estimator=FLAGS.estimator,
            weights=FLAGS.weights,
            prune=FLAGS.prune,
            prune_entries=FLAGS.prune_entries,
            reasons=FLAGS.reasons,
            label_names=FLAGS.label_names,
            feature_names=FLAGS.feature_names,
            force=FLAGS.force,
            evaluation=FLAGS.evaluation,
            examples=FLAGS.examples,
        )
    print(done)


def run() -> None:
    """Runs the program; the console script calls this."""
    program.run(main)


if __name__ == "__main__":
    run()
