"""Runs a trial of attributions: curves against other orders of the features, measures, and how much perturbations change them."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Sequence
from typing import Optional, Union

import numpy as np
import scipy.sparse

from mach_tf import progress_bars
from mach_tf.attacks.gradient_attacks import fgsm_step
from mach_tf.choices import EXPECTED_GRADIENTS, GRADIENT_X_INPUT, SHAPLEY
from mach_tf.data.dataset_reader import DatasetReader
from mach_tf.data.model_dataset import check_dataset
from mach_tf.errors import InputError
from mach_tf.estimators import DEFAULT_ESTIMATOR
from mach_tf.explanations.integrated_gradients.attribution import NOT_EXACT, AttributionConfig
from mach_tf.explanations.label_scores import label_scores
from mach_tf.explanations.reporting.baselines import training_sample
from mach_tf.explanations.trials import attribution_measures, feature_removal, stability
from mach_tf.explanations.trials.best_label import attributions, best_labels
from mach_tf.explanations.trials.feature_removal import Curves
from mach_tf.explanations.trials.randomisation import measure_randomisation
from mach_tf.explanations.trials.trial_results import (
    AreaBetween,
    Faithfulness,
    FaithfulnessTrial,
    Interval,
    MeanCurves,
    MethodMeasures,
    Stability,
    defined_interval,
    ranking,
)
from mach_tf.network import Network
from mach_tf.points import Points

OURS = "integrated_gradients"
OTHERS = (GRADIENT_X_INPUT, SHAPLEY, "random")
FRACTIONS = (0.0, 0.01, 0.05, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 1.0)
_LOST_AT = (0.01, 0.05, 0.1, 0.2)
_RANDOM_ORDERS = 3
_SHAPLEY_ORDERS = 32
_REMOVED, _REMOVALS, _DRAWS = 0.2, 30, 10
_TRAINING_POINTS = 32


@dataclasses.dataclass(frozen=True)
class TrialOptions:
    """The sample and the attack of a trial.

    Attributes:
      split: the split to sample from.
      sample_points: number of points in the sample.
      seed: seed of the sample, of the random orders and of the intervals.
      estimator: the estimator whose scores are explained; one that has a closed form.
      epsilon: sizes of the FGSM step, as numbers or as text; empty for the epsilon that the first model was trained with.
      force: use a dataset whose label names are not those of the training data, with a warning.

    Raises:
      InputError: an epsilon that is not a positive number.
    """

    split: str = "test"
    sample_points: int = 500
    seed: int = 0
    estimator: str = DEFAULT_ESTIMATOR
    epsilon: Sequence[Union[float, str]] = ()
    force: bool = False

    def __post_init__(self) -> None:
        object.__setattr__(self, "epsilon", _positive(self.epsilon))


def run_trial(dataset_dir: str, model_dirs: Sequence[str], options: TrialOptions) -> FaithfulnessTrial:
    """Runs a trial on a sample of a split.

    Args:
      dataset_dir: the dataset.
      model_dirs: the models. The faithfulness is that of the first one, the stability that of each.
      options: the sample and the attack.

    Raises:
      InputError: no dataset or model there, models of other features, a split without enough points, no epsilon, or
        attributions that do not add up or have no order.
    """
    data = DatasetReader.open(dataset_dir)
    models = [Network.load(path) for path in model_dirs]
    for network in models:
        check_dataset(network.manifest, data.manifest, network.model_dir, dataset_dir, options.force)
        network.manifest.training.require_multilabel("Trials of faithfulness", NOT_EXACT)
    config = AttributionConfig(options.estimator)
    epsilons = options.epsilon or [models[0].manifest.training.epsilon]
    if not all(epsilons):
        raise InputError(
            f"epsilon must be positive numbers (got none, and {model_dirs[0]} was trained with 0). Give some."
        )
    sample = sample_points(data, options)
    starts = training_sample(data, _TRAINING_POINTS, options.seed)
    faithfulness = measure_faithfulness(models[0], sample, config, options.seed, starts)
    cases = progress_bars.each(
        [(network, float(epsilon)) for epsilon in epsilons for network in models], "stability", "case"
    )
    stable = tuple(measure_stability(network, sample, config, epsilon, options.seed) for network, epsilon in cases)
    randomisation = measure_randomisation(models[0], sample, config, options.seed)
    return FaithfulnessTrial(
        len(sample), options.split, "each point's best", options.estimator, faithfulness, stable, randomisation
    )


def sample_points(data: DatasetReader, options: TrialOptions) -> Points:
    """Returns a random sample of the hashed points that have at least two features.

    Raises:
      InputError: fewer than two points of the split have two features or more.
    """
    everything = data.read_points(options.split)
    usable = np.flatnonzero(np.diff(everything.row_splits) > 1)  # a single feature has no order
    if len(usable) < 2:
        raise InputError(
            f"The {options.split} split must have at least 2 points with two features or more (got {len(usable)})."
        )
    size = min(options.sample_points, len(usable))
    return everything[np.sort(np.random.default_rng(options.seed).choice(usable, size, replace=False))]


def measure_faithfulness(
    network: Network,
    points: Points,
    config: AttributionConfig,
    seed: int,
    starts: Optional[scipy.sparse.csr_matrix] = None,
) -> Faithfulness:
    """Measures curves by Integrated Gradients, by each other method and in random order, and ranks the methods.

    Args:
      network: the model.
      points: n hashed points.
      config: the exact method, and the estimator.
      seed: seed of the random orders and of the intervals.
      starts: training points for expected gradients, CSR [m, D]; None leaves that method out.

    Returns:
      The mean curves of each order; how much faster Integrated Gradients delete and insert than each other order; the score
      lost without the first features (comprehensiveness) and with the first features only (sufficiency); the ranking; and measures of
      the attributions of each method.
    """
    labels = best_labels(network, points, config.estimator)
    generator = np.random.default_rng(seed)
    methods = {OURS: config, GRADIENT_X_INPUT: dataclasses.replace(config, method=GRADIENT_X_INPUT)}
    methods[SHAPLEY] = dataclasses.replace(config, method=SHAPLEY, steps=_SHAPLEY_ORDERS)
    if starts is not None:
        methods[EXPECTED_GRADIENTS] = dataclasses.replace(config, method=EXPECTED_GRADIENTS)
    values = {
        name: attributions(network, points, labels, each, starts if name == EXPECTED_GRADIENTS else None)
        for name, each in progress_bars.each(list(methods.items()), "attributions", "method")
    }
    importances = {name: [each] for name, each in values.items()}
    importances["random"] = [generator.random(len(points.feature_ids)) for _ in range(_RANDOM_ORDERS)]

    def score(some: Points) -> np.ndarray:
        return label_scores(network, some, labels, config.estimator)

    found: dict[str, Curves] = {}
    for name, orders in importances.items():
        runs = [feature_removal.curves(points, importance, FRACTIONS, score) for importance in orders]
        found[name] = Curves(*(np.mean(arrays, axis=0) for arrays in zip(*runs)))
    whole, ours = found[OURS].insertion[:, -1], found[OURS]
    return Faithfulness(
        list(FRACTIONS),
        {
            name: MeanCurves(each.deletion.mean(axis=0).tolist(), each.insertion.mean(axis=0).tolist())
            for name, each in found.items()
        },
        {
            f"{OURS} over {name}": AreaBetween(
                Interval.of(_area(each.deletion) - _area(ours.deletion), seed),
                Interval.of(_area(ours.insertion) - _area(each.insertion), seed),
            )
            for name, each in found.items()
            if name != OURS
        },
        {name: _lost(whole, each.deletion, seed) for name, each in found.items()},
        {name: _lost(whole, each.insertion, seed) for name, each in found.items()},
        ranking({name: _area(each.insertion) - _area(each.deletion) for name, each in found.items()}, seed),
        _measures(points, values, score, network.model_dir, seed),
    )


def _measures(
    points: Points,
    attributions: dict[str, np.ndarray],
    score: feature_removal.ScoreFunction,
    model_dir: str,
    seed: int,
) -> dict[str, MethodMeasures]:
    """Returns the measures of each method's attributions, float64 [nonzeros] by method."""
    removals = attribution_measures.random_removals(points, _REMOVED, _REMOVALS, np.random.default_rng(seed))
    changes, found = attribution_measures.score_changes(points, removals, score), {}
    for name, values in attributions.items():
        sums = attribution_measures.removed_sums(points, values, removals)
        each = (
            attribution_measures.gini(points, values),
            attribution_measures.infidelity(sums, changes),
            attribution_measures.faithfulness_correlation(sums, changes),
        )
        found[name] = MethodMeasures(*(defined_interval(measured, model_dir, seed) for measured in each))
    return found


def measure_stability(
    network: Network, points: Points, config: AttributionConfig, epsilon: float, seed: int
) -> Stability:
    """Measures how much one FGSM step changes the attributions of each point's best label.

    Args:
      network: the model, attacked with its own gradient.
      points: n hashed points with labels.
      config: the exact method, and the estimator.
      epsilon: size of the step.
      seed: seed of the intervals.

    Raises:
      InputError: the attributions of no point have an order.
    """
    labels = best_labels(network, points, config.estimator)
    moved = fgsm_step(network, points, config.estimator, epsilon)
    before, after = (attributions(network, some, labels, config) for some in (points, moved))
    sensitivity = attribution_measures.max_sensitivity(
        points,
        before,
        lambda some: attributions(network, some, labels, config),
        epsilon,
        _DRAWS,
        np.random.default_rng(seed),
    )
    measured = (
        stability.rank_correlation(points, before, after),
        stability.top_overlap(points, before, after),
        (best_labels(network, moved, config.estimator) == labels).astype(float),
        sensitivity,
    )
    return Stability(
        network.model_dir, epsilon, *(defined_interval(each, network.model_dir, seed) for each in measured)
    )


def _positive(epsilon: Sequence[Union[float, str]]) -> tuple[float, ...]:
    try:
        sizes = tuple(float(size) for size in epsilon)
    except ValueError:
        sizes = (math.nan,)
    if not all(0 < size < math.inf for size in sizes):
        raise InputError(f"epsilon must be positive numbers (got {', '.join(map(str, epsilon))}).")
    return sizes


def _area(scores: np.ndarray) -> np.ndarray:
    return feature_removal.area(scores, FRACTIONS)


def _lost(whole: np.ndarray, scores: np.ndarray, seed: int) -> dict[str, Interval]:
    """Returns the score lost at some fractions: whole [n] less scores [n, fractions]."""
    return {f"{at:.0%}": Interval.of(whole - scores[:, FRACTIONS.index(at)], seed) for at in _LOST_AT}
