"""Trains without the training points that support a label: how much of its score is lost, against other training points with the label?

    python -m benchmarks.supporting_points --dataset_dir=data/bibtex --preset=bibtex --train_points=1000 --repetitions=4

Trains the preset, clean and without a ranker, on the first --train_points. For each of --points test points and its best label the training is
repeated with the same seed without --removed training points: those that `mach_tf.supporting_points` names; the nearest ones by cosine
that have the label; as many at random that have it; and as many at random of all, which shows how much a score changes by training anew.

Prints a table of the score lost, its mean over points with a 95% interval, and how much more is lost without the supporting points than
without the others, point by point. The last line is a JSON object; "ratios" holds the mean score lost in each other arm over that without the supporting
points. With --output_dir a run that was stopped goes on where it was.
"""

from __future__ import annotations

import json
import os
import tempfile
from typing import TYPE_CHECKING, Any

import numpy as np
import scipy.sparse
import tabulate
from absl import flags

import mach_tf
from mach_tf import files, progress_bars, run_parts, startup
from mach_tf.errors import InputError
from mach_tf.hashing import FeatureSpec
from mach_tf.programs import program
from mach_tf.training import settings

if TYPE_CHECKING:
    from mach_tf.explanations.trials.trial_results import Interval
    from mach_tf.network import Network
    from mach_tf.points import Points

FLAGS = flags.FLAGS

flags.DEFINE_string("dataset_dir", None, "Takes training and test points from this dataset directory.")
flags.DEFINE_string("preset", None, "Trains with the settings of this preset.")
flags.DEFINE_integer("train_points", 1000, "Trains on the first N training points.", lower_bound=2)
flags.DEFINE_integer("repetitions", 4, "Trains this many repetitions.", lower_bound=1)
flags.DEFINE_integer("epochs", None, "Trains for this many epochs. By default as many as the preset.", lower_bound=1)
flags.DEFINE_integer("points", 20, "Explains this many test points, drawn at random.", lower_bound=2)
flags.DEFINE_integer("removed", 10, "Leaves out this many training points.", lower_bound=1)
flags.DEFINE_integer("seed", 0, "Seeds the training, the test points and the random removals.", lower_bound=0)
flags.DEFINE_string(
    "output_dir",
    None,
    "Writes supporting_points.json into this directory, and keeps the scores of each test point there until then, so that the same command "
    "goes on after an interruption. By default nothing is kept.",
)
flags.mark_flags_as_required(["dataset_dir", "preset"])

SUPPORTING, NEAREST, WITH_LABEL, ANY = ARMS = "supporting", "nearest with the label", "random with the label", "random"


def main(_: list[str]) -> None:
    """Runs the program."""
    startup.prepare()
    from mach_tf.data.dataset_reader import DatasetReader

    data = DatasetReader.open(FLAGS.dataset_dir)
    training = data.read_points("train", FLAGS.train_points)
    with (
        run_parts.run_parts(FLAGS.output_dir, "supporting", lambda: _run(data), title="supporting points") as parts,
        tempfile.TemporaryDirectory() as directory,
    ):
        whole = parts.kept("whole", lambda: _of_all(data, training, directory))
        rows = list(range(len(whole["labels"])))
        lost = np.array(
            [
                parts.kept(f"point-{row}", lambda row=row: _lost(data, training, whole, row, directory))["lost"]  # type: ignore[misc]
                for row in progress_bars.each(rows, "retraining", "point")
            ]
        )
        found = _summary(dict(zip(ARMS, lost.T)))
        print(_table(found))
        written = {
            name: {key: interval.to_json() for key, interval in intervals.items()} for name, intervals in found.items()
        }
        result = {"points": len(rows), "removed": FLAGS.removed, "lost": written, "ratios": _ratios(found)}
        if FLAGS.output_dir:
            files.write_json(os.path.join(FLAGS.output_dir, "supporting_points.json"), result)
    print(json.dumps(result))


def _run(data: Any) -> dict[str, Any]:
    """Returns everything that the scores depend on."""
    names = ("preset", "train_points", "repetitions", "epochs", "points", "removed", "seed")
    return {"dataset": data.manifest.fingerprint, "settings": {name: FLAGS[name].value for name in names}}


def _of_all(data: Any, training: Points, directory: str) -> dict[str, np.ndarray]:
    """Trains on all training points, and decides what is explained and left out.

    Returns:
      Of the n test points that are explained: their positions in the sample, `test`, and their best `labels`, int64 [n], the `scores` of these, and by
      arm the positions of the training points to leave out, int64 [n, removed].
    """
    from mach_tf.explanations.trials.best_label import best_labels
    from mach_tf.explanations.trials.faithfulness_trial import TrialOptions, sample_points

    whole = _trained(data, training, os.path.join(directory, "whole"))
    test = sample_points(data, TrialOptions(sample_points=10 * FLAGS.points, seed=FLAGS.seed))
    labels = best_labels(whole, test, TrialOptions.estimator)
    # Enough other points have the label that the arms may differ.
    counts = np.bincount(training.label_ids, minlength=whole.labels)
    usable = np.flatnonzero(counts[labels] >= 2 * FLAGS.removed)[: FLAGS.points]
    if len(usable) < 2:
        raise InputError(
            f"At least 2 test points must have a best label with {2 * FLAGS.removed} training points (got {len(usable)}). Raise "
            "--train_points or lower --removed."
        )
    test, labels = test[usable], labels[usable]
    removals = _removals(whole, training, test, labels, np.random.default_rng(FLAGS.seed))
    by_arm = {arm: np.array([each[arm] for each in removals], np.int64) for arm in ARMS}
    return {"test": usable, "labels": labels, "scores": _scores(whole, test, labels), **by_arm}


def _lost(data: Any, training: Points, whole: dict[str, np.ndarray], row: int, directory: str) -> dict[str, np.ndarray]:
    """Returns the score that a test point loses in each arm, float64 [arms], by training anew."""
    from mach_tf.explanations.trials.faithfulness_trial import TrialOptions, sample_points

    test = sample_points(data, TrialOptions(sample_points=10 * FLAGS.points, seed=FLAGS.seed))[whole["test"][[row]]]
    lost = []
    for arm in ARMS:
        kept = training[np.setdiff1d(np.arange(len(training)), whole[arm][row])]
        with tempfile.TemporaryDirectory(dir=directory) as each:
            model = _trained(data, kept, os.path.join(each, "part"))
            lost.append(float(whole["scores"][row] - _scores(model, test, whole["labels"][[row]])[0]))
    return {"lost": np.array(lost)}


def _trained(data: Any, training: Points, directory: str) -> Network:
    """Returns a model of some training points; the dataset stays in `directory` too."""
    columns, labels = data.manifest.columns, data.manifest.labels
    dataset = os.path.join(directory, "dataset")
    # The points are hashed and normalised already.
    mach_tf.write_dataset(
        training.features(columns), training.labels(labels), dataset, spec=FeatureSpec(dim=0, norm="none")
    )
    chosen = settings.read_preset(FLAGS.preset)
    chosen.update(repetitions=FLAGS.repetitions, adversarial_weight=0.0, ranker=False, seed=FLAGS.seed)
    if FLAGS.epochs is not None:
        chosen["epochs"] = FLAGS.epochs
    model_dir = os.path.join(directory, "model")
    return mach_tf.fit(dataset, model_dir, plan=None, curves=False, progress=False, validation_points=0, **chosen)


def _scores(model: Network, points: Points, labels: np.ndarray) -> np.ndarray:
    from mach_tf.estimators import DEFAULT_ESTIMATOR
    from mach_tf.explanations.label_scores import label_scores

    return label_scores(model, points, labels, DEFAULT_ESTIMATOR)


def _removals(
    model: Network, training: Points, test: Points, labels: np.ndarray, generator: np.random.Generator
) -> list[dict[str, np.ndarray]]:
    """Returns for each test point the positions of the training points that each arm leaves out."""
    from mach_tf.explanations.integrated_gradients.paths import Pairs
    from mach_tf.explanations.supporting_points import find

    columns, size = model.manifest.columns, FLAGS.removed
    features, pairs = test.features(columns), Pairs.of_matrix(labels)
    supporting = find(model, [training], features, pairs, size)
    cosine = _normalised(features) @ _normalised(training.features(columns)).T
    has = training.labels(model.labels).tocsc()
    found = []
    for i, label in enumerate(labels):
        own = has.indices[has.indptr[label] : has.indptr[label + 1]]
        near = np.asarray(cosine[i, own].todense()).reshape(-1)
        found.append(
            {
                SUPPORTING: np.array([one.point for one in supporting[i]], np.int64),
                NEAREST: own[np.argsort(-near, kind="stable")[:size]],
                WITH_LABEL: generator.choice(own, size, replace=False),
                ANY: generator.choice(len(training), size, replace=False),
            }
        )
    return found


def _normalised(features: scipy.sparse.csr_matrix) -> scipy.sparse.csr_matrix:
    norms = np.sqrt(np.asarray(features.multiply(features).sum(axis=1)).reshape(-1))
    return scipy.sparse.diags(1 / np.maximum(norms, 1e-12)) @ features


def _summary(lost: dict[str, np.ndarray]) -> dict[str, dict[str, Interval]]:
    from mach_tf.explanations.trials.trial_results import Interval

    return {
        name: {
            "lost": Interval.of(values, FLAGS.seed),
            "more_without_supporting": Interval.of(lost[SUPPORTING] - values, FLAGS.seed),
        }
        for name, values in lost.items()
    }


def _ratios(found: dict[str, dict[str, Interval]]) -> dict[str, float]:
    means = {name: each["lost"].mean for name, each in found.items()}
    of = means.pop(SUPPORTING)
    return {f"score lost: {name}/{SUPPORTING}": round(mean / of, 3) for name, mean in means.items()} if of else {}


def _table(found: dict[str, dict[str, Interval]]) -> str:
    rows = [
        [name, str(each["lost"]), "" if name == SUPPORTING else str(each["more_without_supporting"])]
        for name, each in found.items()
    ]
    head = ["left out", "score lost", "more is lost without the supporting points by"]
    return str(tabulate.tabulate(rows, head, tablefmt="github", disable_numparse=True))


if __name__ == "__main__":
    program.run(main)
