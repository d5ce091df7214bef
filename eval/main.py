"""Evaluates a model: metrics, clean and attacked.

    mach-eval --dataset_dir data/bibtex --model_dir models/bibtex --output_dir results/bibtex \\
        --attack fgsm --epsilon 0,0.01,0.02

The program prints tables and writes metrics.json, plots and TensorBoard logs; everything but the attacks is on disk before
the attacks begin. mach-robustness compares several models under attack, and transfers attacks between models.
From Python: mach_tf.evaluate.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Optional

from absl import flags

from eval import attack_flags, metric_flags
from mach_tf import startup
from mach_tf.estimators import DEFAULT_ESTIMATOR, ESTIMATORS
from mach_tf.metrics.propensity import CONSTANTS
from mach_tf.programs import program, shared_flags
from mach_tf.programs.flag_errors import flag_errors

if TYPE_CHECKING:
    from mach_tf.decoding.approximate import Approximate

FLAGS = flags.FLAGS

# Where
shared_flags.define_dataset_dir()
shared_flags.define_model_dir()
shared_flags.define_output_dir("metrics.json, plots and TensorBoard logs")

# Which points, which part of the model
shared_flags.define_split()
shared_flags.define_limit()
shared_flags.define_repetitions()
shared_flags.define_verify()

# Decoding
flags.DEFINE_list(
    "estimator",
    [DEFAULT_ESTIMATOR],
    "Selects the estimators that combine the bucket scores of a label into its score: all, or a list of some of "
    f"{', '.join(ESTIMATORS)}. The first one's metrics have intervals, a breakdown and a curve; list several to compare them.",
)
flags.DEFINE_enum(
    "decode",
    "exact",
    ["exact", "approximate"],
    "Selects how the top labels are found: exact scores every label, approximate only the labels in the best buckets and "
    "reports its recall. The curve over repetitions and the attacks are always decoded exactly.",
)
flags.DEFINE_integer(
    "approximate_buckets",
    25,
    "Looks into the best N buckets of each repetition with --decode=approximate; increase it for a higher recall.",
    lower_bound=1,
)
flags.DEFINE_integer(
    "approximate_repetitions",
    2,
    "Scores a label with --decode=approximate if at least N repetitions have it in their best buckets; decrease it for a "
    "higher recall.",
    lower_bound=1,
)

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
flags.DEFINE_string(
    "compare",
    None,
    "Prints the differences from another evaluation of the same points, given the path of its metrics.json.",
)
flags.adopt_module_key_flags(metric_flags)
flags.adopt_module_key_flags(attack_flags)

_RENAMED = {
    **metric_flags.RENAMED,
    **attack_flags.RENAMED,
    "estimators": "estimator",
    "approximate.buckets": "approximate_buckets",
    "approximate.repetitions": "approximate_repetitions",
}


def main(_: list[str]) -> None:
    startup.prepare()
    startup.check_versions()
    from mach_tf.evaluation import evaluation
    from mach_tf.evaluation.evaluation_options import EvaluationOptions

    shared_flags.verify_models(FLAGS.model_dir)
    with flag_errors(_RENAMED):
        options = EvaluationOptions(
            split=FLAGS.split,
            limit=FLAGS.limit,
            repetitions=FLAGS.repetitions,
            ks=metric_flags.cut_offs(),
            estimators=FLAGS.estimator,
            approximate=_approximate(),
            repetition_curve=FLAGS.repetition_curve,
            adversarial_loss=FLAGS.adversarial_loss,
            propensity=FLAGS.propensity,
            bootstrap=FLAGS.bootstrap,
            seed=FLAGS.seed,
            attacks=attack_flags.attacks(),
            epsilons=attack_flags.epsilons(),
            target_label=FLAGS.target_label,
            compare=FLAGS.compare,
        )
        result = evaluation.run(FLAGS.model_dir, FLAGS.dataset_dir, options, FLAGS.output_dir)
    print(f"\n{result}\n")
    print("\n".join(result.paths(FLAGS.output_dir)))


def _approximate() -> Optional[Approximate]:
    from mach_tf.decoding.approximate import Approximate

    if FLAGS.decode == "exact":
        return None
    return Approximate(FLAGS.approximate_buckets, FLAGS.approximate_repetitions)


def run() -> None:
    """Runs the program; the console script calls this."""
    program.run(main)


if __name__ == "__main__":
    run()
