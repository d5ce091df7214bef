"""Attacks models, white-box or by transfer, and draws their curves of P@k against epsilon on one plot.

    python -m eval.robustness --dataset_dir data/bibtex --model_dir models/bibtex-adv,models/bibtex-clean \\
        --attack fgsm,pgd --epsilon 0,0.01,0.02,0.05 --output_dir results/bibtex

prints a table and writes robustness.json, robustness.png and TensorBoard logs. With --attack_model_dir the attack is made on
that model instead, and shows how well it goes over to the others.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from absl import flags
from tabulate import tabulate

from eval import attack_flags, metric_flags
from mach_tf import startup
from mach_tf.errors import InputError
from mach_tf.programs import program, shared_flags

if TYPE_CHECKING:
    from mach_tf.attacks.attack_report import ReportOptions
    from mach_tf.manifest import DatasetManifest

FLAGS = flags.FLAGS

# Where
shared_flags.define_dataset_dir()
flags.DEFINE_list("model_dir", None, "Model directories, compared on one plot.", required=True)
flags.DEFINE_string("attack_model_dir", None, "Model directory that the attacks are made on; by default each its own.")
shared_flags.define_output_dir("robustness.json, robustness.png and TensorBoard logs")

# What is measured
shared_flags.define_split()
shared_flags.define_limit()
shared_flags.define_estimator()
flags.adopt_module_key_flags(metric_flags)
flags.adopt_module_key_flags(attack_flags)


def main(_: list[str]) -> None:
    startup.prepare()
    startup.check_versions()
    attacks, epsilons = attack_flags.attacks(), attack_flags.epsilons()
    if not attacks:
        raise InputError(f"--attack must name at least one of {', '.join(attack_flags.ATTACKS)}.")
    from mach_tf.data import records
    from mach_tf.ensemble import Ensemble
    from mach_tf.evaluation import robustness
    from mach_tf.manifest import DatasetManifest, check_same_features

    dataset = DatasetManifest.read(FLAGS.dataset_dir)
    points = records.read_points(FLAGS.dataset_dir, dataset, FLAGS.split, FLAGS.limit)
    ks = metric_flags.cut_offs(dataset.labels)
    options = _options(dataset, ks)
    if len(set(FLAGS.model_dir)) < len(FLAGS.model_dir):
        raise InputError(f"--model_dir must be a list of different directories (got {','.join(FLAGS.model_dir)}).")
    source = Ensemble.load(FLAGS.attack_model_dir) if FLAGS.attack_model_dir else None
    # All of them first: a wrong one should not be found out after the hours that the others take.
    for model_dir in FLAGS.model_dir:
        ensemble = Ensemble.load(model_dir)
        check_same_features(ensemble.manifest, dataset)
        robustness.check(ensemble, points, attacks, options, source, FLAGS.target_label)
    if source and source.repetitions.kept:
        list(source.repetitions)  # loaded now, so that the models below see what memory it leaves them
    reports: dict[str, Any] = {}
    for model_dir in FLAGS.model_dir:
        ensemble = Ensemble.load(model_dir)
        reports[model_dir] = {
            "bucket_loss": robustness.bucket_loss_report(ensemble, points, epsilons, FLAGS.support),
            "attacks": robustness.evaluate_attacks(
                ensemble, points, attacks, epsilons, options, FLAGS.estimator, source, FLAGS.target_label
            ),
        }
    header = {
        "dataset_dir": FLAGS.dataset_dir,
        "split": FLAGS.split,
        "points": len(points),
        "estimator": FLAGS.estimator,
        "attack_model_dir": FLAGS.attack_model_dir,
        "target_label": FLAGS.target_label,
    }
    paths = robustness.write(FLAGS.output_dir, reports, header)
    _print(reports, ks)
    print("\n".join(["", *paths]))


def _options(dataset: DatasetManifest, ks: list[int]) -> ReportOptions:
    from mach_tf.attacks.attack_report import ReportOptions
    from mach_tf.metrics.breakdown import label_groups

    groups = label_groups(dataset.label_counts(FLAGS.dataset_dir))
    return ReportOptions(ks, None, groups, FLAGS.bootstrap, FLAGS.seed)


def _print(reports: dict[str, Any], ks: list[int]) -> None:
    names = [*(f"P@{k}" for k in ks), f"nDCG@{max(ks)}"]
    rows = [
        [
            model,
            entry["attack"],
            f"{entry['epsilon']:g}",
            *(f"{entry['metrics'][name]:.2f}" for name in names),
            _with_interval(entry, f"P@{ks[0]}"),
            f"{entry['success_rate']:.1f}",
            f"{100 * entry['relative_norm']['mean']:.1f}",
            f"{entry['loss']:.5f}",
            f"{loss['loss']:.5f}",
        ]
        for model, report in reports.items()
        for entry in report["attacks"]
        for loss in report["bucket_loss"]
        if loss["epsilon"] == entry["epsilon"]
    ]
    headers = [
        "model",
        "attack",
        "epsilon",
        *names,
        f"P@{ks[0]} lost",
        "success %",
        "norm %",
        "label loss",
        "bucket loss",
    ]
    print(tabulate(rows, headers, disable_numparse=True))


def _with_interval(entry: dict[str, Any], name: str) -> str:
    if "lost_intervals" not in entry:
        return f"{entry['lost'][name]:.2f}"
    low, high = entry["lost_intervals"][name]
    return f"{entry['lost'][name]:.2f} [{low:.2f}, {high:.2f}]"


if __name__ == "__main__":
    program.run(main)
