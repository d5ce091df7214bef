"""Compares models under attack and plots their P@k against epsilon, or against the number of changed words.

    mach-robustness --dataset_dir data/bibtex --model_dir models/bibtex-adv,models/bibtex-clean \\
        --attack fgsm,pgd --epsilon 0,0.01,0.02,0.05 --output_dir results/bibtex

The program prints a table and writes robustness.json, robustness.png and TensorBoard logs. With --attack_model_dir the
attacks are computed on that model, which shows how well they transfer to the others. From Python: Ensemble.attack.
"""

from __future__ import annotations

from absl import flags

from eval import attack_flags, metric_flags, word_flags
from mach_tf import startup
from mach_tf.choices import MINIMAL_EPSILONS
from mach_tf.programs import program, shared_flags
from mach_tf.programs.flag_errors import flag_errors

FLAGS = flags.FLAGS

# Where
shared_flags.define_dataset_of_model()
flags.DEFINE_list(
    "model_dir", None, "Compares the models of these directories, which mach-train writes.", required=True
)
flags.DEFINE_string(
    "attack_model_dir",
    None,
    "Computes the attacks on this model directory and applies them to every --model_dir. By default each model is attacked "
    "itself, which is stronger.",
)
shared_flags.define_verify()
shared_flags.define_output_dir("robustness.json, robustness.png and TensorBoard logs")

# What is measured
shared_flags.define_split()
shared_flags.define_limit()
shared_flags.define_estimator()
flags.DEFINE_enum(
    "minimal_epsilon",
    "none",
    MINIMAL_EPSILONS,
    "Also bounds for each point the minimal epsilon that changes its top label, up to the largest of --epsilon: from above by "
    "attacks (attacked), or also from below by proofs (certified), which takes much longer. The attacks are apgd, and square too if the first of "
    "--attack is strongest. Writes minimal_epsilon.png, the distribution by label frequency, and minimal_epsilon.npz, both bounds of each point.",
)
flags.adopt_module_key_flags(metric_flags)
flags.adopt_module_key_flags(attack_flags)

_RENAMED = {**metric_flags.RENAMED, **attack_flags.RENAMED, "model_dirs": "model_dir"}
# The flags of attacks that --minimal_epsilon uses too.
_MINIMAL = ("epsilon", "support", "clip_nonnegative", "attack_steps", "attack_restarts", "random_start")


def main(_: list[str]) -> None:
    startup.prepare()
    startup.check_versions(tensorboard=True)
    from mach_tf.evaluation import robustness_comparison, robustness_outputs
    from mach_tf.evaluation.robustness_comparison import RobustnessOptions

    shared_flags.verify_models(*FLAGS.model_dir, FLAGS.attack_model_dir)
    with flag_errors(_RENAMED):
        options = RobustnessOptions(
            attacks=attack_flags.attacks(own=() if FLAGS.minimal_epsilon == "none" else _MINIMAL),
            epsilons=attack_flags.epsilons(),
            words=word_flags.words(),
            attack_model_dir=FLAGS.attack_model_dir,
            split=FLAGS.split,
            limit=FLAGS.limit,
            ks=shared_flags.cut_offs(),
            estimator=FLAGS.estimator,
            bootstrap=FLAGS.bootstrap,
            seed=FLAGS.seed,
            target_label=FLAGS.target_label,
            force=FLAGS.force,
            filter_labels=FLAGS.filter_labels,
            minimal_epsilon=FLAGS.minimal_epsilon,
        )
        read = [FLAGS.dataset_dir, *FLAGS.model_dir, FLAGS.attack_model_dir, FLAGS.filter_labels]
        robustness_outputs.check(FLAGS.output_dir, read)
        comparison = robustness_comparison.run(FLAGS.model_dir, FLAGS.dataset_dir, options, FLAGS.output_dir)
    print(comparison)
    for model_dir, minimal in comparison.minimal_epsilons.items():
        print(f"\n{model_dir}: {minimal}")
    print("\n".join(["", *comparison.paths(FLAGS.output_dir)]))


def run() -> None:
    """Runs the program; the console script calls this."""
    program.run(main)


if __name__ == "__main__":
    run()
