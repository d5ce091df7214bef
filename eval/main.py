"""Evaluates a model: metrics, clean and attacked.

    mach-eval --dataset_dir data/bibtex --model_dir models/bibtex --output_dir results/bibtex \\
        --attack fgsm --epsilon 0,0.01,0.02

The program prints tables and writes metrics.json, plots and TensorBoard logs; everything but the attacks is on disk before
the attacks begin. mach-robustness compares several models under attack, and transfers attacks between models.
From Python: mach_tf.evaluate.
"""

from __future__ import annotations

from absl import flags

from eval import attack_flags, decoding_flags, metric_flags, word_flags
from mach_tf import startup
from mach_tf.estimators import DEFAULT_ESTIMATOR, ESTIMATORS
from mach_tf.metrics.propensity import CONSTANTS
from mach_tf.programs import program, shared_flags
from mach_tf.programs.flag_errors import flag_errors

FLAGS = flags.FLAGS

# Where
shared_flags.define_dataset_of_model()
shared_flags.define_model_dir()
shared_flags.define_output_dir("metrics.json, plots and TensorBoard logs")

# Which points, which part of the model
shared_flags.define_split()
shared_flags.define_limit()
shared_flags.define_point_range("metrics.json")
shared_flags.define_repetitions()
shared_flags.define_verify()

# Decoding
flags.DEFINE_list(
    "estimator",
    [DEFAULT_ESTIMATOR],
    "Selects the estimators that combine the bucket scores of a label into its score: all, or a list of some of "
    f"{', '.join(ESTIMATORS)}. The first one's metrics have intervals, a breakdown and a curve; list several to compare them.",
)
flags.adopt_module_key_flags(decoding_flags)
shared_flags.define_name_weight()
shared_flags.define_objective()

# What is reported
flags.DEFINE_bool(
    "repetition_curve",
    True,
    "Reports the metrics with the first 1, 2, 4, ... repetitions too, which shows whether more repetitions would help.",
)
flags.DEFINE_bool(
    "adversarial_loss",
    True,
    "Reports the loss under FGSM with the epsilon and support of the training. Turn it off to save time on large models.",
)
flags.DEFINE_enum(
    "propensity",
    "default",
    sorted(CONSTANTS),
    "Selects the constants of the propensity model for PSP@k: wikipedia or amazon for data from there, default for all other data.",
)
flags.DEFINE_float(
    "propensity_a",
    None,
    "Sets the constant A of the propensity model, above 0; that of --propensity by default. Set it, with --propensity_b, to the "
    "constants that a publication names.",
)
flags.DEFINE_float(
    "propensity_b",
    None,
    "Sets the constant B of the propensity model, above 0; that of --propensity by default.",
)
flags.DEFINE_string(
    "compare",
    None,
    "Prints the differences from another evaluation of the same points, given the path of its metrics.json.",
)
flags.DEFINE_list(
    "certify",
    [],
    "Certifies P@k against all perturbations of the features present, of each of these sizes, 0 or more; none by default. It takes tens "
    "of milliseconds per point and size. mach-certify has more options.",
)
flags.adopt_module_key_flags(metric_flags)
flags.adopt_module_key_flags(attack_flags)

_RENAMED = {
    **metric_flags.RENAMED,
    **attack_flags.RENAMED,
    **decoding_flags.RENAMED,
    "estimators": "estimator",
    # Here it is the objective of the ranking; attack_flags.attacks names --attack_objective itself.
    "objective": "objective",
}


def main(_: list[str]) -> None:
    startup.prepare()
    startup.check_versions(tensorboard=True)
    from mach_tf.evaluation import evaluation
    from mach_tf.evaluation.evaluation_options import EvaluationOptions
    from mach_tf.point_range import PointRange

    shared_flags.verify_models(FLAGS.model_dir)
    with flag_errors(_RENAMED):
        options = EvaluationOptions(
            split=FLAGS.split,
            limit=FLAGS.limit,
            repetitions=FLAGS.repetitions,
            ks=shared_flags.cut_offs(),
            estimators=FLAGS.estimator,
            approximate=decoding_flags.approximate(),
            name_weight=FLAGS.name_weight,
            objective=FLAGS.objective,
            repetition_curve=FLAGS.repetition_curve,
            adversarial_loss=FLAGS.adversarial_loss,
            propensity=FLAGS.propensity,
            propensity_a=FLAGS.propensity_a,
            propensity_b=FLAGS.propensity_b,
            bootstrap=FLAGS.bootstrap,
            seed=FLAGS.seed,
            attacks=attack_flags.attacks(),
            epsilons=attack_flags.epsilons(),
            words=word_flags.words(),
            target_label=FLAGS.target_label,
            force=FLAGS.force,
            compare=FLAGS.compare,
            certify=attack_flags.epsilons("certify"),
            filter_labels=FLAGS.filter_labels,
        )
        if FLAGS.point_range is not None:
            asked = PointRange(FLAGS.point_range)
            print(evaluation.run_range(FLAGS.model_dir, FLAGS.dataset_dir, options, FLAGS.output_dir, asked))
            return
        result = evaluation.run(FLAGS.model_dir, FLAGS.dataset_dir, options, FLAGS.output_dir)
    print(f"\n{result}\n")
    print("\n".join(result.paths(FLAGS.output_dir)))


def run() -> None:
    """Runs the program; the console script calls this."""
    program.run(main)


if __name__ == "__main__":
    run()
