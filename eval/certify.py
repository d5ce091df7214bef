"""Proves which predictions no perturbation of a point can change, and compares with attacks.

    mach-certify --dataset_dir data/bibtex --model_dir models/bibtex --epsilon 0,0.005,0.01,0.02 --output_dir results/certificates

The program prints, per epsilon, P@k of the clean points, certified P@k, which holds under every perturbation of the support, and
with --attack the P@k that attacks leave, and writes certificates.json, certificates.npz (the proofs of every point) and
certificates.png. With --output_dir an interrupted run continues where it stopped. From Python: mach_tf.certify.
"""

from __future__ import annotations

from absl import flags

from eval import attack_flags
from mach_tf import startup
from mach_tf.programs import program, shared_flags
from mach_tf.programs.flag_errors import flag_errors

FLAGS = flags.FLAGS

# Where
shared_flags.define_dataset_of_model()
shared_flags.define_model_dir()
shared_flags.define_verify()
shared_flags.define_output_dir("certificates.json, certificates.npz and certificates.png", required=False)

# What is certified
shared_flags.define_split()
shared_flags.define_limit()
shared_flags.define_estimator()
flags.DEFINE_list(
    "k",
    ["1", "3", "5"],
    "Certifies P@k at these cut-offs; each is at most the number of labels, and with fewer than 5 labels the default ends there. Give "
    "1 alone if only the best label matters, which is faster.",
)
flags.DEFINE_integer(
    "effort",
    100,
    "Bounds at most this many pairs of labels one by one for each point and epsilon, 0 or more; further pairs count as not proved. "
    "Increase it to prove more, decrease it to save time.",
    lower_bound=0,
)
flags.DEFINE_integer(
    "branches",
    0,
    "Searches pairs of labels that no bound settles by branch and bound, which is exact if it comes to an end, with at most this many branches for each point "
    "and epsilon, 0 or more; a branch takes milliseconds to a second. Give 1,000 or more where only tens of hidden units change their sign in the "
    "box: for small networks, few features or a small epsilon.",
    lower_bound=0,
)
flags.adopt_module_key_flags(attack_flags)

_RENAMED = {**attack_flags.RENAMED, "ks": "k"}


def main(_: list[str]) -> None:
    startup.prepare()
    startup.check_versions()
    from mach_tf import outputs
    from mach_tf.evaluation import certification, certification_result

    shared_flags.verify_models(FLAGS.model_dir)
    with flag_errors(_RENAMED):
        options = certification.CertificationOptions(
            epsilons=attack_flags.epsilons(),
            support=FLAGS.support,
            clip_nonnegative=FLAGS.clip_nonnegative,
            ks=shared_flags.cut_offs(),
            effort=FLAGS.effort,
            branches=FLAGS.branches,
            attacks=attack_flags.attacks(own=("epsilon", "support", "clip_nonnegative")),
            estimator=FLAGS.estimator,
        )
        if FLAGS.output_dir is not None:
            outputs.check(certification_result.paths(FLAGS.output_dir), [FLAGS.dataset_dir, FLAGS.model_dir])
        found = certification.certify_dataset(
            FLAGS.model_dir, FLAGS.dataset_dir, options, FLAGS.split, FLAGS.limit, FLAGS.force, FLAGS.output_dir
        )
    print(found)
    if FLAGS.output_dir is not None:
        print("\n".join(["", *certification_result.paths(FLAGS.output_dir)]))


def run() -> None:
    """Runs the program; the console script calls this."""
    program.run(main)


if __name__ == "__main__":
    run()
