"""Tests explanations: are they faithful to the model, and are they stable under an attack?

    mach-faithfulness --dataset_dir=data/bibtex --model_dir=models/adversarial \\
        --compare_model_dir=models/clean --output_dir=faithfulness

Faithfulness: the features of a sample of points are removed (deletion) or added (insertion) in the order of their
attributions by each method (Integrated Gradients, gradient x input, Shapley values, expected gradients over training points) and
in random order, while the score of each point's best label is measured. The faster the score falls or rises, the more faithful the
order; the methods are ranked by the area between both curves. For each method there are the Gini index, infidelity and faithfulness
correlation. Stability: how much one FGSM step and random perturbations change the attributions, for both models side by side.
Randomisation: what is left of their order when the weights are permuted. Writes faithfulness.json and faithfulness.png and prints the tables.
"""

from __future__ import annotations

from absl import flags

from mach_tf import startup
from mach_tf.estimators import EXACT_ESTIMATORS
from mach_tf.programs import program, shared_flags
from mach_tf.programs.flag_errors import flag_errors

FLAGS = flags.FLAGS

# What is read and written
shared_flags.define_dataset_of_model()
shared_flags.define_model_dir()
shared_flags.define_verify()
flags.DEFINE_string(
    "compare_model_dir",
    None,
    "Measures stability for this model too, beside --model_dir. Give a model that was trained without attacks to see whether "
    "adversarial training makes explanations more stable.",
)
shared_flags.define_output_dir("faithfulness.json and faithfulness.png")

# The trial
shared_flags.define_split()
flags.DEFINE_integer(
    "sample_points",
    500,
    "Draws this number of points from the split; points with fewer than two features are left out. More points narrow the "
    "intervals and take longer.",
    lower_bound=2,
)
flags.DEFINE_integer(
    "seed",
    0,
    "Seeds the sample, the random orders and the bootstrap intervals; the same seed gives the same results.",
    lower_bound=0,
)
shared_flags.define_estimator(EXACT_ESTIMATORS)
flags.DEFINE_list(
    "epsilon",
    [],
    "Sets the sizes of the FGSM step, separated by commas. By default it is the size that the model was trained with; give "
    "several to see how stability falls with the size.",
)


def main(_: list[str]) -> None:
    """Runs the program."""
    startup.prepare()
    startup.check_versions()
    # Imported here so that --help does not wait for TensorFlow.
    from mach_tf.explanations.trials.faithfulness_trial import TrialOptions, run_trial
    from mach_tf.explanations.trials.trial_figure import check, write_trial

    shared_flags.verify_models(FLAGS.model_dir, FLAGS.compare_model_dir)
    with flag_errors():
        options = TrialOptions(
            FLAGS.split, FLAGS.sample_points, FLAGS.seed, FLAGS.estimator, FLAGS.epsilon, FLAGS.force
        )
        models = [path for path in (FLAGS.model_dir, FLAGS.compare_model_dir) if path]
        check(FLAGS.output_dir, [FLAGS.dataset_dir, *models])
        trial = run_trial(FLAGS.dataset_dir, models, options)
    figure = write_trial(trial, FLAGS.output_dir)
    print(trial)
    print(f"curves in {figure}, numbers in faithfulness.json beside it")


def run() -> None:
    """Runs the program; the console script calls this."""
    program.run(main)


if __name__ == "__main__":
    run()
