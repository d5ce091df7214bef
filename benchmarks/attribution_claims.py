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
interval over points, then a JSON object on the last line.
"""

from __future__ import annotations

import json
import os
from typing import TYPE_CHECKING, Any

import numpy as np
import tabulate
from absl import flags

from mach_tf import startup
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
flags.DEFINE_string("output_dir", None, "Writes attribution_claims.json into this directory; none by default.")
flags.mark_flags_as_required(["dataset_dir", "clean", "adversarial"])

# By measure, whether the claim is that adversarial training makes it larger.
CLAIMED_LARGER = {
    "Gini index": True,
    "max-sensitivity": False,
    "rank correlation": True,
    "top-10 overlap": True,
}


def main(_: list[str]) -> None:
    """Runs the program."""
    startup.prepare()
    from mach_tf import files

    pairs = FLAGS.dataset_dir, FLAGS.clean, FLAGS.adversarial
    if len({len(paths) for paths in pairs}) > 1:
        raise InputError(
            f"--dataset_dir, --clean and --adversarial must have one entry for each pair (got {', '.join(str(len(p)) for p in pairs)})."
        )
    found = []
    for paths in zip(*pairs):
        found.append(_compare(*paths))
        print(_table(found[-1:]), "\n", flush=True)
    print(_table(found))
    if FLAGS.output_dir:
        os.makedirs(FLAGS.output_dir, exist_ok=True)
        files.write_json(os.path.join(FLAGS.output_dir, "attribution_claims.json"), found)
    print(json.dumps(found))


def _compare(dataset_dir: str, clean: str, adversarial: str) -> dict[str, Any]:
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
    epsilon = FLAGS.epsilon or models[1].manifest.training.epsilon
    options = TrialOptions(sample_points=FLAGS.sample_points, seed=FLAGS.seed, epsilon=[epsilon])
    sample = sample_points(data, options)
    labels, others = (best_labels(model, sample, options.estimator) for model in models)
    agreed = labels == others
    if not agreed.any():
        raise InputError(f"{clean} and {adversarial} must have the same best label for some points (got none).")
    points, labels = sample[agreed], labels[agreed]
    measured = [_measures(model, points, labels, epsilon) for model in models]
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


def verdict(name: str, difference: dict[str, float]) -> str:
    """Returns what the interval of a difference says of a claim.

    Example:
      >>> verdict("Gini index", {"low": 0.1, "high": 0.2}), verdict("max-sensitivity", {"low": 0.1, "high": 0.2})
      ('holds', 'does not hold')
    """
    if difference["low"] <= 0 <= difference["high"]:
        return "undecided"
    return "holds" if (difference["low"] > 0) == CLAIMED_LARGER[name] else "does not hold"


def _table(found: list[dict[str, Any]]) -> str:
    rows = []
    for pair in found:
        for name, values in pair["measures"].items():
            difference = values["difference"]
            shown = "{mean:+.4f} ({low:+.4f} to {high:+.4f})".format(**difference)
            means = (f"{values[key]['mean']:.4f}" for key in ("clean", "adversarial"))
            rows.append(
                [os.path.basename(pair["adversarial"]), pair["points"], name, *means, shown, verdict(name, difference)]
            )
    head = ["adversarial model", "points", "measure", "clean", "adversarial", "difference", "the claim"]
    return str(tabulate.tabulate(rows, head, tablefmt="github", disable_numparse=True))


if __name__ == "__main__":
    program.run(main)
