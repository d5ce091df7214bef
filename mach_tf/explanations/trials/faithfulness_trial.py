"""Puts a model's attributions to the test: curves against other orders, and how far FGSM moves them."""

from __future__ import annotations

from typing import Any

import numpy as np

from mach_tf import estimators
from mach_tf.attacks.gradient_attacks import fgsm_step
from mach_tf.errors import InputError
from mach_tf.explanations.integrated_gradients import attribution, paths
from mach_tf.explanations.integrated_gradients.attribution import Attribution
from mach_tf.explanations.integrated_gradients.paths import Pairs, Paths
from mach_tf.explanations.trials import feature_removal, stability
from mach_tf.metrics import bootstrap
from mach_tf.network import Network
from mach_tf.points import Points

OURS = "integrated_gradients"
OTHERS = ("gradient_x_input", "random")
FRACTIONS = (0.0, 0.01, 0.05, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 1.0)
_AT = (0.01, 0.05, 0.1, 0.2)
_RANDOM_ORDERS = 3
_CHUNK_POINTS = 128


def best_labels(ensemble: Network, points: Points, estimator: str) -> np.ndarray:
    """Each hashed point's best label, int64 [n]."""
    found = ensemble.top_k(points.features(ensemble.manifest.columns), 1, estimator)
    return found.labels[:, 0].astype(np.int64)


def integrated_gradients(ensemble: Network, points: Points, labels: np.ndarray, settings: Attribution) -> np.ndarray:
    """Attributions from zero of one label of each hashed point, float64 [nonzeros]."""
    whole = paths.from_zero(points.features(ensemble.manifest.columns))
    return _gradients(ensemble, whole, labels, settings) * whole.difference


def gradient_x_input(ensemble: Network, points: Points, labels: np.ndarray, settings: Attribution) -> np.ndarray:
    """The gradient at the point times its values, float64 [nonzeros]: a path of no length has its gradient as the mean."""
    whole = paths.from_zero(points.features(ensemble.manifest.columns))
    still = whole._replace(start=whole.difference, difference=np.zeros_like(whole.difference))
    return _gradients(ensemble, still, labels, settings) * whole.difference


def _gradients(ensemble: Network, there: Paths, labels: np.ndarray, settings: Attribution) -> np.ndarray:
    parts = []
    for begin in range(0, there.points, _CHUNK_POINTS):
        end = min(begin + _CHUNK_POINTS, there.points)
        pairs = Pairs(np.arange(end - begin + 1, dtype=np.int64), labels[begin:end])
        piece = there.slice(begin, end)
        integrals = attribution.integrate(
            ensemble.repetitions, ensemble.bucket_table, piece, pairs, settings, np.arange(begin, end)
        )
        parts.append(integrals.gradients)
    return np.concatenate(parts)


def label_scores(ensemble: Network, points: Points, labels: np.ndarray, estimator: str) -> np.ndarray:
    """F of one label of each hashed point, float64 [n]."""
    parts = [np.zeros(0, np.float32)]
    for rows, logits in ensemble.sketches(points.features(ensemble.manifest.columns)):
        scores = estimators.bucket_scores(logits, estimator)
        wanted = labels[rows.start : rows.stop, None]
        parts.append(estimators.label_scores(scores, ensemble.bucket_table, wanted, estimator)[:, 0])
    return np.concatenate(parts).astype(np.float64)


def faithfulness_of(ensemble: Network, points: Points, settings: Attribution, seed: int) -> dict[str, Any]:
    """Curves by attribution, by gradient x input and in random order; areas between them with intervals.

    Args:
      ensemble: the model.
      points: n hashed points.
      settings: how to attribute; the exact method.
      seed: of the random orders.

    Returns:
      "fractions"; "curves": for each order the mean score at each fraction; "areas": for each other order how much faster
      ours deletes and inserts, with 95% intervals; "comprehensiveness" (score lost without the first features) and
      "sufficiency" (score lost with the first features only) by order and fraction, with 95% intervals.
    """
    labels = best_labels(ensemble, points, settings.estimator)
    generator = np.random.default_rng(seed)
    importances = {
        OURS: [integrated_gradients(ensemble, points, labels, settings)],
        "gradient_x_input": [gradient_x_input(ensemble, points, labels, settings)],
        "random": [generator.random(len(points.feature_ids)) for _ in range(_RANDOM_ORDERS)],
    }

    def score(some: Points) -> np.ndarray:
        return label_scores(ensemble, some, labels, settings.estimator)

    found = {}
    for name, orders in importances.items():
        runs = [feature_removal.curves(points, importance, FRACTIONS, score) for importance in orders]
        found[name] = feature_removal.Curves(*(np.mean(arrays, axis=0) for arrays in zip(*runs)))
    whole = found[OURS].insertion[:, -1]
    result: dict[str, Any] = {
        "fractions": list(FRACTIONS),
        "curves": {
            name: {kind: getattr(each, kind).mean(axis=0).tolist() for kind in each._fields}
            for name, each in found.items()
        },
        "areas": {
            f"{OURS} over {name}": {
                "deletion": _interval(_area(found[name].deletion) - _area(found[OURS].deletion), seed),
                "insertion": _interval(_area(found[OURS].insertion) - _area(found[name].insertion), seed),
            }
            for name in OTHERS
        },
    }
    for measure, kind in (("comprehensiveness", "deletion"), ("sufficiency", "insertion")):
        result[measure] = {
            name: {
                f"{fraction:.0%}": _interval(whole - getattr(each, kind)[:, FRACTIONS.index(fraction)], seed)
                for fraction in _AT
            }
            for name, each in found.items()
        }
    return result


def stability_of(ensemble: Network, points: Points, settings: Attribution, epsilon: float, seed: int) -> dict[str, Any]:
    """How far one FGSM step moves the attributions of each point's best label; means with 95% intervals.

    Args:
      ensemble: attacked with its own gradient.
      points: n hashed points with labels.
      settings: how to attribute.
      epsilon: size of the step.
      seed: of the intervals.

    Raises:
      InputError: no point's attributions have an order.
    """
    labels = best_labels(ensemble, points, settings.estimator)
    moved = fgsm_step(ensemble, points, settings.estimator, epsilon)
    before, after = (integrated_gradients(ensemble, some, labels, settings) for some in (points, moved))
    correlation = stability.rank_correlation(points, before, after)
    overlap = stability.top_overlap(points, before, after)
    if not np.isfinite(correlation).any():
        raise InputError(
            f"Attributions must differ within some point to have an order (in {ensemble.model_dir} they are all alike): the "
            "model's scores hardly depend on the features. Train it longer."
        )
    return {
        "epsilon": epsilon,
        "rank_correlation": _interval(correlation[np.isfinite(correlation)], seed),
        "top_10_overlap": _interval(overlap[np.isfinite(overlap)], seed),
        "label_kept": _interval((best_labels(ensemble, moved, settings.estimator) == labels).astype(float), seed),
    }


def _area(scores: np.ndarray) -> np.ndarray:
    return feature_removal.area(scores, FRACTIONS)


def _interval(values: np.ndarray, seed: int) -> dict[str, float]:
    low, high = bootstrap.mean_interval(values, seed=seed)
    return {"mean": float(values.mean()), "low": low, "high": high}
