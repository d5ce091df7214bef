"""Puts explanations to the test: are they true of the model, and do they hold under attack?

    python -m explain.faithfulness --dataset_dir=data/bibtex --model_dir=models/adversarial \\
        --compare_model_dir=models/clean --output_dir=faithfulness

Faithfulness: features of a sample of points are removed (deletion) or put in (insertion) by attribution, by gradient x
input and in random order, and the score of the point's best label is watched. Stability: how far one FGSM step moves the
attributions, for both models side by side. Writes faithfulness.json and faithfulness.png and prints both tables.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any

from absl import flags

from mach_tf import startup
from mach_tf.estimators import EXACT_ESTIMATORS
from mach_tf.programs import program, shared_flags

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from mach_tf.ensemble import Ensemble
    from mach_tf.points import Points

FLAGS = flags.FLAGS

# What is read and written
shared_flags.define_dataset_dir()
shared_flags.define_model_dir()
flags.DEFINE_string(
    "compare_model_dir", None, "Another model, for stability side by side: one trained without attacks."
)
shared_flags.define_output_dir("faithfulness.json and faithfulness.png")

# The trial
shared_flags.define_split()
flags.DEFINE_integer(
    "sample_points", 500, "Points in the sample; those with fewer than two features are left out.", lower_bound=2
)
flags.DEFINE_integer("seed", 0, "Of the sample, the random orders and the intervals.", lower_bound=0)
shared_flags.define_estimator(EXACT_ESTIMATORS)
flags.DEFINE_list("epsilon", [], "Sizes of the FGSM step; the model's own by default.")


def main(_: list[str]) -> None:
    """Runs the program."""
    startup.prepare()
    startup.check_versions()
    # Imported here so that --help does not wait for TensorFlow.
    import tqdm

    from mach_tf import files
    from mach_tf.ensemble import Ensemble
    from mach_tf.explanations.integrated_gradients.attribution import Attribution
    from mach_tf.explanations.trials import faithfulness_trial
    from mach_tf.manifest import DatasetManifest, check_same_features

    dataset = DatasetManifest.read(FLAGS.dataset_dir)
    ensembles = [Ensemble.load(path) for path in (FLAGS.model_dir, FLAGS.compare_model_dir) if path]
    for ensemble in ensembles:
        check_same_features(ensemble.manifest, dataset)
    settings = Attribution(FLAGS.estimator)
    epsilons = _epsilons(ensembles[0])
    sample = _sample(dataset)
    os.makedirs(FLAGS.output_dir, exist_ok=True)

    result: dict[str, Any] = {
        "points": len(sample),
        "split": FLAGS.split,
        "label": "each point's best",
        "estimator": FLAGS.estimator,
        **faithfulness_trial.faithfulness_of(ensembles[0], sample, settings, FLAGS.seed),
        "stability": [
            {
                "model": ensemble.model_dir,
                **faithfulness_trial.stability_of(ensemble, sample, settings, epsilon, FLAGS.seed),
            }
            for ensemble, epsilon in tqdm.tqdm([(e, size) for size in epsilons for e in ensembles], desc="stability")
        ],
    }
    files.write_json(os.path.join(FLAGS.output_dir, "faithfulness.json"), result)
    with files.atomic_write(os.path.join(FLAGS.output_dir, "faithfulness.png")) as file:
        _figure(result).savefig(file, format="png", dpi=110)
    print(_tables(result))
    print(f"curves in {os.path.join(FLAGS.output_dir, 'faithfulness.png')}, numbers in faithfulness.json beside it")


def _epsilons(ensemble: Ensemble) -> list[float]:
    from mach_tf.errors import InputError

    try:
        sizes = [float(size) for size in FLAGS.epsilon] or [ensemble.manifest.training.epsilon]
    except ValueError:
        sizes = []
    if not sizes or not all(0 < size < float("inf") for size in sizes):
        raise InputError(
            f"--epsilon must be positive numbers (got {','.join(FLAGS.epsilon) or 'none, and the model was trained with 0'})."
        )
    return sizes


def _sample(dataset: Any) -> Points:
    import numpy as np

    from mach_tf.data import records
    from mach_tf.errors import InputError

    everything = records.read_points(FLAGS.dataset_dir, dataset, FLAGS.split)
    usable = np.flatnonzero(np.diff(everything.row_splits) > 1)  # one feature alone has no order
    if len(usable) < 2:
        raise InputError(
            f"The {FLAGS.split} split must have at least 2 points with two features or more (got {len(usable)})."
        )
    chosen = np.random.default_rng(FLAGS.seed).choice(usable, min(FLAGS.sample_points, len(usable)), replace=False)
    return everything[np.sort(chosen)]


def _tables(result: dict[str, Any]) -> str:
    import tabulate

    areas = [
        [name, kind, value["mean"], value["low"], value["high"]]
        for name, kinds in result["areas"].items()
        for kind, value in kinds.items()
    ]
    fractions = list(result["comprehensiveness"]["random"])
    at = [
        [measure, name, *(value["mean"] for value in values.values())]
        for measure in ("comprehensiveness", "sufficiency")
        for name, values in result[measure].items()
    ]
    stable = [
        [os.path.basename(os.path.normpath(row["model"])), row["epsilon"]]
        + [
            f"{row[key]['mean']:.3f} ({row[key]['low']:.3f} to {row[key]['high']:.3f})"
            for key in ("rank_correlation", "top_10_overlap", "label_kept")
        ]
        for row in result["stability"]
    ]
    return "\n\n".join(
        [
            tabulate.tabulate(areas, ["area between curves", "", "mean", "95% from", "to"], floatfmt=".3f"),
            tabulate.tabulate(at, ["score lost", "order", *fractions], floatfmt=".3f"),
            tabulate.tabulate(
                stable,
                ["under one FGSM step", "epsilon", "rank correlation", "top-10 overlap", "best label kept"],
                disable_numparse=[2, 3, 4],
            ),
        ]
    )


def _figure(result: dict[str, Any]) -> Figure:
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure(figsize=(10, 4), layout="constrained")
    FigureCanvasAgg(figure)
    panels = figure.subplots(1, 2, sharey=True)
    titles = {"deletion": "without the first features", "insertion": "with the first features only"}
    for panel, (kind, title) in zip(panels, titles.items()):
        for name, kinds in result["curves"].items():
            panel.plot(result["fractions"], kinds[kind], marker="o", markersize=3, label=name.replace("_", " "))
        panel.set(title=f"{kind.capitalize()}: {title}", xlabel="fraction of the point's features")
        panel.grid(alpha=0.3)
    panels[0].set_ylabel(f"mean score of the best label ({result['estimator']})")
    panels[0].legend()
    return figure


if __name__ == "__main__":
    program.run(main)
