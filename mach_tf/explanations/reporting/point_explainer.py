"""Explains a chunk of points: predictions, attributions, the buckets behind them, and the labels under an FGSM step."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from typing import NamedTuple, Optional, Union

import numpy as np

from mach_tf import estimators
from mach_tf.attacks.gradient_attacks import fgsm_step
from mach_tf.certificates.proved_epsilon import proved_epsilons
from mach_tf.data.dataset_reader import DatasetReader
from mach_tf.explanations import explainer, supporting_points
from mach_tf.explanations.counterfactuals import Counterfactual, counterfactual
from mach_tf.explanations.explainer import Baseline
from mach_tf.explanations.explanation import Explanation
from mach_tf.explanations.integrated_gradients.attribution import AttributionConfig
from mach_tf.explanations.integrated_gradients.paths import Pairs
from mach_tf.explanations.reporting import label_support, selection
from mach_tf.explanations.reporting.point_explanation import AttackedLabel, ExplainedLabel, PointExplanation
from mach_tf.explanations.reporting.prior_baseline import PriorBaseline
from mach_tf.explanations.supporting_points import SupportingPoint
from mach_tf.explanations.words.explained_text import ExplainedText
from mach_tf.network import Network
from mach_tf.points import Points
from mach_tf.ranker.added_part import AddedPart

# Ranks are computed down to RANKED; PREDICTED labels are listed for each point.
RANKED = 50
PREDICTED = 5
_NEIGHBOURS = 5
LARGEST_PROVED, _SMALLEST_SHARE = 0.25, 1 / 1024
# The best of a point's other labels, as the label to explain against.
BEST_OTHER = -1


@dataclasses.dataclass(frozen=True)
class ExplanationRequest:
    """The computations to do for every point.

    Attributes:
      network: the model.
      config: the method of attribution, and the estimator whose scores are explained.
      labels: the labels to explain.
      baseline: where the paths begin.
      epsilon: size of the FGSM step; 0 for no step.
      known_truth: whether the labels of the points are known.
      feature_names, label_names: by raw id; None if there are no names.
      against: a label whose score is subtracted, or `BEST_OTHER`; None to explain scores alone.
      certified: whether the size below which the top label is proved not to change is computed, up to LARGEST_PROVED.
      counterfactual_k: the k of counterfactuals; None for none.
      training: the dataset that the model was trained on; None if it is not known.
      supporting_points: the number of its points that support a label most; None for none.
    """

    network: Network
    config: AttributionConfig
    labels: selection.LabelChoice
    baseline: Union[Baseline, PriorBaseline]
    epsilon: float
    known_truth: bool
    feature_names: Optional[Sequence[str]]
    label_names: Optional[Sequence[str]]
    against: Optional[int] = None
    certified: bool = False
    counterfactual_k: Optional[int] = None
    training: Optional[DatasetReader] = None
    supporting_points: Optional[int] = None


class _Ranking(NamedTuple):
    """Bucket scores [n, R, B], what a ranker adds, and the labels [n, k] and scores [n, k] of the first k ranks."""

    bucket_scores: np.ndarray
    added: AddedPart
    labels: np.ndarray
    scores: np.ndarray

    def rank(self, point: int, label: int) -> Optional[int]:
        """Returns a label's rank from 1; None below rank k."""
        found = np.flatnonzero(self.labels[point] == label)
        return int(found[0]) + 1 if len(found) else None


def explain_points(
    request: ExplanationRequest, raw: Points, point_ids: np.ndarray, texts: Optional[Sequence[ExplainedText]] = None
) -> list[PointExplanation]:
    """Explains a chunk of points.

    Args:
      request: what to compute.
      raw: n raw points.
      point_ids: int64 [n], their numbers in the input.
      texts: the texts that they were made from; None if they were not made from texts.

    Raises:
      InputError: the attributions of a point and label do not add up.
    """
    network = request.network
    hashed = network.manifest.feature_spec.apply(raw)
    n_predicted = min(max(PREDICTED, request.labels.top), network.labels)
    clean = _rank(request, hashed, max(n_predicted, min(RANKED, network.labels)))
    pairs = request.labels.pairs(raw, clean.labels)
    explained = _explain(request, raw, hashed, pairs, point_ids, clean, texts)
    attacked = _attack(request, hashed, clean, n_predicted) if request.epsilon else None
    proved = None
    if request.certified:
        proved = proved_epsilons(network, hashed, clean.labels[:, 0], LARGEST_PROVED, _SMALLEST_SHARE)
    truth = selection.label_sets(raw)
    return [
        PointExplanation(
            int(point_ids[i]),
            truth[i].tolist() if request.known_truth else None,
            list(zip(clean.labels[i, :n_predicted].tolist(), clean.scores[i, :n_predicted].tolist())),
            explained[pairs.splits[i] : pairs.splits[i + 1]],
            None if attacked is None else attacked[i],
            request.label_names,
            None if texts is None else texts[i],
            None if proved is None else float(proved[i]),
        )
        for i in range(len(raw))
    ]


def _rank(request: ExplanationRequest, hashed: Points, k: int) -> _Ranking:
    network, estimator = request.network, request.config.estimator
    features = hashed.features(network.manifest.columns)
    scores = estimators.bucket_scores(network.bucket_logits(features), estimator)
    added = AddedPart(network.ranker_of(estimator), features)
    decoded = added.over(network.decoder).top_k(scores, k, estimator)
    return _Ranking(scores, added, decoded.labels, decoded.scores)


def _explain(
    request: ExplanationRequest,
    raw: Points,
    hashed: Points,
    pairs: Pairs,
    point_ids: np.ndarray,
    clean: _Ranking,
    texts: Optional[Sequence[ExplainedText]],
) -> list[ExplainedLabel]:
    network = request.network
    table = network.bucket_table
    near = {
        int(label): label_support.neighbours(table, network.members, label, _NEIGHBOURS)
        for label in np.unique(pairs.labels)
    }
    repetitions = np.arange(len(table))
    against = None if request.against is None else _against(request.against, pairs, clean.labels)
    supporting = _supporting(request, hashed, pairs, against)
    points, owners, baseline = raw, np.arange(len(raw)), request.baseline
    if isinstance(baseline, PriorBaseline):
        # A path for each label: points are repeated, with one label each.
        owners, labels = pairs.points(), pairs.labels
        pairs, raw = Pairs.of_matrix(labels), raw[owners]
        baseline = baseline.starts(network, hashed[owners], labels, request.config.estimator)
    found: list[ExplainedLabel] = []
    first = 0
    for part in explainer.explain(network, raw, pairs, request.config, baseline, point_ids[owners], against):
        here = owners[first : first + len(part.pairs.splits) - 1]
        names = request.feature_names, request.label_names
        own = None if texts is None else [texts[owner] for owner in here]
        explanations = part.explanations(point_ids[here], *names, own)
        for point, one in zip(here[part.pairs.points()], explanations):
            buckets = table[:, one.label]
            scores = clean.bucket_scores[point, repetitions, buckets]
            rank, without = clean.rank(point, one.label), _counterfactual(request, points[point : point + 1], one)
            support = None if supporting is None else supporting[len(found)]
            found.append(ExplainedLabel(one, rank, buckets, scores, near[one.label], without, support))
        first += len(here)
    return found


def _supporting(
    request: ExplanationRequest, hashed: Points, pairs: Pairs, against: Optional[np.ndarray]
) -> Optional[list[list[SupportingPoint]]]:
    """Returns the training points that support each pair; None if they were not asked for."""
    if request.training is None or request.supporting_points is None:
        return None
    training, features = request.training.iterate_points("train"), hashed.features(request.network.manifest.columns)
    return supporting_points.find(request.network, training, features, pairs, request.supporting_points, against)


def _counterfactual(request: ExplanationRequest, raw: Points, one: Explanation) -> Optional[Counterfactual]:
    if request.counterfactual_k is None:
        return None
    values = {feature.feature: feature.attribution for feature in one.attributions}
    order = np.argsort([-values.get(feature, 0.0) for feature in raw.feature_ids.tolist()], kind="stable")
    estimator = request.config.estimator
    return counterfactual(request.network, raw, one.label, request.counterfactual_k, order, estimator)


def _against(label: int, pairs: Pairs, top_labels: np.ndarray) -> np.ndarray:
    """Returns for each pair the label, or the best other one where it is the pair's own; int64 [pairs]."""
    first, second = (top_labels[pairs.points(), rank].astype(np.int64) for rank in (0, 1))
    best = np.where(first == pairs.labels, second, first)
    return best if label == BEST_OTHER else np.where(pairs.labels == label, best, label)


def _attack(
    request: ExplanationRequest, hashed: Points, clean: _Ranking, n_predicted: int
) -> list[list[AttackedLabel]]:
    """Returns the first labels before and after an FGSM step on the loss of the true labels, or else of the predicted one."""
    if not request.known_truth:
        hashed = dataclasses.replace(
            hashed, label_splits=np.arange(len(hashed) + 1), label_ids=clean.labels[:, 0].astype(np.int64)
        )
    network, estimator = request.network, request.config.estimator
    moved = fgsm_step(network, hashed, estimator, request.epsilon)
    after = _rank(request, moved, clean.labels.shape[1])
    rows = []
    for i in range(len(hashed)):
        before_labels, after_labels = clean.labels[i, :n_predicted], after.labels[i, :n_predicted]
        labels = [*before_labels, *(label for label in after_labels if label not in before_labels)]
        scores = [_scores(request, ranking, i, labels) for ranking in (clean, after)]
        rows.append(
            [
                AttackedLabel(int(label), float(b), float(a), clean.rank(i, label), after.rank(i, label))
                for label, b, a in zip(labels, *scores)
            ]
        )
    return rows


def _scores(request: ExplanationRequest, ranking: _Ranking, point: int, labels: list[int]) -> np.ndarray:
    """Returns the scores of some labels of a point, float32 [labels]."""
    table, estimator, wanted = request.network.bucket_table, request.config.estimator, np.array([labels])
    part, added = slice(point, point + 1), ranking.added
    of_ensemble = estimators.label_scores(ranking.bucket_scores[part], table, wanted, estimator)
    return (of_ensemble + AddedPart(added.ranker, added.features[part]).to(wanted))[0]
