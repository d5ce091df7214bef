"""Objectives: the metric that labels are ranked for."""

from __future__ import annotations

from typing import Any, Optional

import numpy as np

from mach_tf import arguments, estimators, kept_files, logit_scale
from mach_tf.choices import OBJECTIVES
from mach_tf.decoding.best_labels import AnyDecoder
from mach_tf.decoding.decode import Decoder
from mach_tf.decoding.utility import Utility
from mach_tf.errors import InputError
from mach_tf.label_titles import LabelTitles
from mach_tf.logit_scale import FrequencyLine
from mach_tf.metrics import label_weights
from mach_tf.network import Network

PRECISION = OBJECTIVES[0]


def check(objective: str, estimator: str) -> None:
    """Raises InputError for an unknown objective, or an estimator whose scores are not brought to probabilities by a logistic function."""
    arguments.choice(objective, "objective", OBJECTIVES)
    if objective != PRECISION and not estimators.get(estimator).takes_logits:
        raise InputError(
            f"objective={objective} needs the estimator {estimators.DEFAULT_ESTIMATOR}, by whose probabilities it ranks (got {estimator}). "
            "Leave one of them out."
        )


def ranking(network: Network, objective: str, weights: Optional[np.ndarray] = None) -> Decoder:
    """Returns what ranks all labels for an objective.

    Args:
      network: the model.
      objective: one of choices.OBJECTIVES.
      weights: float64 [K], the logarithms of the labels' weights; None for those of the model's own training data, with the default
        constants of the propensity model.

    Raises:
      InputError: the model keeps no frequencies of labels, as models of earlier versions.
    """
    if objective == PRECISION:
        return network.decoder
    if weights is not None:
        return _weighted(network, objective, weights)
    known = network.objective_decoders
    if objective not in known:
        known[objective] = _weighted(network, objective, _own_weights(network, objective))
    return known[objective]


def decoder_for(
    network: Network, objective: str, only_labels: Any = None, titles: Optional[LabelTitles] = None
) -> AnyDecoder:
    """Returns what ranks labels for an objective, all or some; arguments and errors as for `ranking` and `select_labels`.

    Args:
      network: the model.
      objective: one of choices.OBJECTIVES.
      only_labels: chooses from these labels only; None for all labels.
      titles: the names and keys of the labels; None for the model's own.
    """
    decoder = ranking(network, objective)
    return decoder if only_labels is None else network.among(only_labels, titles, decoder)


def _weighted(network: Network, objective: str, log_weights: np.ndarray) -> Decoder:
    fitted = logit_scale.used(network.manifest.calibration, network.manifest.ranker_sha256)
    line = (fitted and fitted.by_frequency) or FrequencyLine(*network.logit_scale)
    if line.power:
        log_weights = log_weights + line.power * np.log(np.maximum(_label_counts(network, objective), 1))
    return network.decoder.by(Utility(log_weights, line.shift, line.scale))


def _own_weights(network: Network, objective: str) -> np.ndarray:
    return label_weights.log_weights(objective, _label_counts(network, objective), network.manifest.training_points)


def _label_counts(network: Network, objective: str) -> np.ndarray:
    counts = kept_files.read_label_counts(network.model_dir, network.manifest)
    if counts is None:
        raise InputError(
            f"objective={objective} needs the training frequencies of the labels, which {network.model_dir} lacks, as models of earlier "
            "versions do. Run the training's command again, which adds them."
        )
    return counts
