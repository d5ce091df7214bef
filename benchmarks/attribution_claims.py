"""Tests two claims on pairs of models: that adversarial training makes Integrated Gradients sparser, and that it makes them steadier.

    mach-train --preset=bibtex --ranker=false --dataset_dir=data/bibtex --model_dir=models/adversarial
    mach-train --preset=bibtex --ranker=false --adversarial_weight=0 --dataset_dir=data/bibtex --model_dir=models/clean
    python -m benchmarks.attribution_claims --dataset_dir=data/bibtex --clean=models/clean --adversarial=models/adversarial

Sparser: the Gini index of the magnitudes over the features that a point has is larger (Chalasani et al. 2020, for perturbations bounded in the
L-infinity norm). Steadier: max-sensitivity is smaller, or the rank correlation and the overlap of the first ten features under one FGSM step
are larger. Both models explain the same label, the best one: points on which they differ are left out. Perturbations have the size that the
adversarial model was trained with.

The flags take lists of the same length, one entry for each pair; a data set may stand there several times, with models of other seeds.
Prints a table with the means of both models and, point by point, the difference of adversarial less clean training with its 95%
interval over points; then, for each data set with several pairs, the mean difference and the range of differences over these, which is what
another training may change. Each row says whether the claim holds, by how many percent of the clean model's mean; a difference of less than
1% is called negligible even where its interval is narrower. The last line is a JSON object with the figures of each pair and those over several pairs;
"ratios" holds the mean of the adversarial models of each data set divided by that of the clean ones.

With --output_dir a run that was stopped goes on where it was, also with more pairs.
"""

from __future__ import annotations

import hashlib
import json
import os
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
import tabulate
from absl import flags

from mach_tf import run_parts, startup
from mach_tf.errors import InputError
from mach_tf.programs import program

if TYPE_CHECKING:
    from mach_tf.network import Network
    from mach_tf.points import Points

FLAGS = flags.FLAGS

flags.DEFINE_list("dataset_dir", None, "Takes the test points of each pair from these dataset directories.")
flags.DEFINE_list("clean", None, "Compares these models, trained without attacks.")
flags.DEFINE_list("adversarial", None, "Compares these models, trained with attacks and otherwise alike.")
flags.DEFINE_float("epsilon", None, "The size of the perturbations. By default that of each adversarial training.", 0)
flags.DEFINE_integer("sample_points", 500, "Draws this many test points of each data set.", lower_bound=2)
flags.DEFINE_integer("draws", 10, "Draws this many random perturbations of each point.", lower_bound=1)
flags.DEFINE_integer("seed", 0, "Seeds the sample, the perturbations and the intervals.", lower_bound=0)
flags.DEFINE_string(
    "output_dir",
    None,
    "Writes attribution_claims.json into this directory, and keeps the measures of each model there until then, so that the same command "
    "goes on after an interruption. By default nothing is kept.",
)
flags.mark_flags_as_required(["dataset_dir", "clean", "adversarial"])

# By measure, whether the claim is that adversarial training makes it larger.
CLAIMED_LARGER = {
    "Gini index": True,
    "max-sensitivity": False,
    "rank correlation": True,
    "top-10 overlap": True,
}
# Differences that are a smaller part of the clean model's mean are called negligible: two clean trainings differ by nearly as much.
NEGLIGIBLE = 0.01


def main(_: list[str]) -> None:
    """Runs the program."""
    startup.prepare()
    from mach_tf import files

    pairs = FLAGS.dataset_dir, FLAGS.clean, FLAGS.adversarial
    if len({len(paths) for paths in pairs}) > 1:
        raise InputError(
            f"--dataset_dir, --clean and --adversarial must have one entry for each pair (got {', '.join(str(len(p)) for p in pairs)})."
        )
    names = ("epsilon", "sample_points", "draws", "seed")
    run = {name: FLAGS[name].value for name in names}
    with run_parts.run_parts(FLAGS.output_dir, "claims", lambda: run, title="attribution claims") as parts:
        found = []
        for paths in zip(*pairs):
            found.append(_compare(*paths, _Kept(parts, _fingerprint(*paths))))
            print(_table(found[-1:]), "\n", flush=True)
        print(_table(found))
        repeated = over_pairs(found)
        if repeated:
            print(f"\n{_repeated_table(repeated)}")
        result = {"pairs": found, "over_pairs": repeated, "ratios": ratios(found)}
        if FLAGS.output_dir:
            files.write_json(os.path.join(FLAGS.output_dir, "attribution_claims.json"), result)
    print(json.dumps(result))


def _fingerprint(dataset_dir: str, *model_dirs: str) -> str:
    """Returns what tells a pair from others, so that a run that was stopped may go on with more pairs."""
    from mach_tf import repetition_files
    from mach_tf.manifest import DatasetManifest, ModelManifest

    content = [DatasetManifest.read(dataset_dir).fingerprint]
    for model_dir in model_dirs:
        content += repetition_files.fingerprint(model_dir, ModelManifest.read(model_dir).bucket_spec.repetitions)
    return hashlib.sha256(" ".join(content).encode()).hexdigest()[:16]


class _Kept(NamedTuple):
    """Where the measures of a pair are kept, and which pair it is."""

    parts: run_parts.RunParts
    pair: str

    def measures(
        self, which: str, model: Network, points: Points, labels: np.ndarray, epsilon: float
    ) -> dict[str, np.ndarray]:
        return self.parts.kept(f"{self.pair}-{which}", lambda: _measures(model, points, labels, epsilon))


def _compare(dataset_dir: str, clean: str, adversarial: str, kept: _Kept) -> dict[str, Any]:
    """Returns the measures of both models of a pair, and their differences."""
    from mach_tf.data.dataset_reader import DatasetReader
    from mach_tf.data.model_dataset import check_dataset
    from mach_tf.explanations.trials.best_label import best_labels
    from mach_tf.explanations.trials.faithfulness_trial import TrialOptions, sample_points
    from mach_tf.explanations.trials.trial_results import defined_interval
    from mach_tf.network import Network

    data = DatasetReader.open(dataset_dir)
    models = [Network.load(path) for path in (clean, adversarial)]
    for model in models:
        check_dataset(model.manifest, data.manifest, model.model_dir, dataset_dir, False)
    epsilon = models[1].manifest.training.epsilon if FLAGS.epsilon is None else FLAGS.epsilon
    options = TrialOptions(sample_points=FLAGS.sample_points, seed=FLAGS.seed, epsilon=[epsilon])
    sample = sample_points(data, options)
    labels, others = (best_labels(model, sample, options.estimator) for model in models)
    agreed = labels == others
    if not agreed.any():
        raise InputError(f"{clean} and {adversarial} must have the same best label for some points (got none).")
    points, labels = sample[agreed], labels[agreed]
    names = ("clean", "adversarial")
    measured = [kept.measures(name, model, points, labels, epsilon) for name, model in zip(names, models)]
    measures = {}
    for name in CLAIMED_LARGER:
        one, other = (values[name] for values in measured)
        each = {"clean": one, "adversarial": other, "difference": other - one}
        both = np.isfinite(each["difference"])
        measures[name] = {
            key: defined_interval(values[both], adversarial, FLAGS.seed).to_json() for key, values in each.items()
        }
    return {
        "dataset": dataset_dir,
        "clean": clean,
        "adversarial": adversarial,
        "epsilon": epsilon,
        "points": int(agreed.sum()),
        "drawn": len(sample),
        "measures": measures,
    }


def _measures(network: Network, points: Points, labels: np.ndarray, epsilon: float) -> dict[str, np.ndarray]:
    """Returns the value of each measure for each point, float64 [n] by name."""
    from mach_tf.attacks.gradient_attacks import fgsm_step
    from mach_tf.explanations.integrated_gradients.attribution import AttributionConfig
    from mach_tf.explanations.trials import attribution_measures, stability
    from mach_tf.explanations.trials.best_label import attributions

    config = AttributionConfig()

    def attribute(some: Points) -> np.ndarray:
        return attributions(network, some, labels, config)

    before, after = attribute(points), attribute(fgsm_step(network, points, config.estimator, epsilon))
    generator = np.random.default_rng(FLAGS.seed)
    return {
        "Gini index": attribution_measures.gini(points, before),
        "max-sensitivity": attribution_measures.max_sensitivity(
            points, before, attribute, epsilon, FLAGS.draws, generator
        ),
        "rank correlation": stability.rank_correlation(points, before, after),
        "top-10 overlap": stability.top_overlap(points, before, after),
    }


def verdict(name: str, clean: float, difference: dict[str, float]) -> str:
    """Returns what a difference says of a claim: whether it holds, and by how much.

    Args:
      name: the measure, of CLAIMED_LARGER.
      clean: the mean of the clean model.
      difference: the mean difference, and the ends of its interval.

    Example:
      >>> verdict("Gini index", 0.5, {"mean": 0.05, "low": 0.04, "high": 0.06})
      'holds: +10.0%'
      >>> verdict("max-sensitivity", 0.5, {"mean": 0.05, "low": 0.04, "high": 0.06})
      'the opposite: +10.0%'
      >>> verdict("Gini index", 0.5, {"mean": 0.001, "low": 0.0005, "high": 0.0015})
      'negligible: +0.2%'
    """
    part = difference["mean"] / abs(clean) if clean else np.inf * np.sign(difference["mean"])
    if difference["low"] <= 0 <= difference["high"]:
        said = "no difference seen"
    elif abs(part) < NEGLIGIBLE:
        said = "negligible"
    else:
        said = "holds" if (difference["mean"] > 0) == CLAIMED_LARGER[name] else "the opposite"
    return f"{said}: {100 * part:+.1f}%"


def over_pairs(found: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Returns, for each measure of the data sets with several pairs of one epsilon, the mean of the differences and their range.

    The ends of the range stand where those of an interval over points do: if all trainings agree on the sign, the claim is decided.
    """
    rows = []
    for (dataset, epsilon), every in _groups(found).items():
        for name in CLAIMED_LARGER if len(every) > 1 else ():
            differences = [measures[name]["difference"]["mean"] for measures in every]
            summary = {"mean": float(np.mean(differences)), "low": min(differences), "high": max(differences)}
            clean = float(np.mean([measures[name]["clean"]["mean"] for measures in every]))
            rows.append(
                {
                    "dataset": dataset,
                    "epsilon": epsilon,
                    "pairs": len(every),
                    "measure": name,
                    "clean": clean,
                    **summary,
                }
            )
    return rows


def ratios(found: list[dict[str, Any]]) -> dict[str, float]:
    """Returns, for each data set, epsilon and measure, the mean of the adversarial models divided by that of the clean ones, if this is not 0."""
    result = {}
    for (dataset, epsilon), every in _groups(found).items():
        for name in CLAIMED_LARGER:
            clean, adversarial = (
                sum(measures[name][kind]["mean"] for measures in every) for kind in ("clean", "adversarial")
            )
            if clean:
                key = f"{os.path.basename(dataset)}, epsilon {epsilon:g}: {name}: adversarial/clean"
                result[key] = round(adversarial / clean, 4)
    return result


def _groups(found: list[dict[str, Any]]) -> dict[tuple[str, float], list[dict[str, Any]]]:
    """Returns the measures of the pairs of each data set and epsilon."""
    groups: dict[tuple[str, float], list[dict[str, Any]]] = {}
    for pair in found:
        groups.setdefault((pair["dataset"], pair["epsilon"]), []).append(pair["measures"])
    return groups


def _table(found: list[dict[str, Any]]) -> str:
    rows = []
    for pair in found:
        for name, values in pair["measures"].items():
            difference = values["difference"]
            shown = "{mean:+.4f} ({low:+.4f} to {high:+.4f})".format(**difference)
            means = (f"{values[key]['mean']:.4f}" for key in ("clean", "adversarial"))
            said = verdict(name, values["clean"]["mean"], difference)
            rows.append([os.path.basename(pair["adversarial"]), pair["points"], name, *means, shown, said])
    head = ["adversarial model", "points", "measure", "clean", "adversarial", "difference", "the claim"]
    return str(tabulate.tabulate(rows, head, tablefmt="github", disable_numparse=True))


def _repeated_table(rows: list[dict[str, Any]]) -> str:
    cells = [
        [
            os.path.basename(row["dataset"]),
            f"{row['epsilon']:g}",
            row["pairs"],
            row["measure"],
            "{mean:+.4f} ({low:+.4f} to {high:+.4f})".format(**row),
            verdict(row["measure"], row["clean"], row),
        ]
        for row in rows
    ]
    head = ["data set", "epsilon", "pairs", "measure", "mean difference (range over pairs)", "the claim"]
    return str(tabulate.tabulate(cells, head, tablefmt="github", disable_numparse=True))


if __name__ == "__main__":
    program.run(main)
