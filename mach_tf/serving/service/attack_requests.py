"""POST /attack: what an FGSM step against the answer would change, in the words of this project."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Optional

import numpy as np

from mach_tf.serving.service import own_requests
from mach_tf.serving.service.jobs import Arrays, Job
from mach_tf.serving.service.own_requests import RequestLimits
from mach_tf.serving.service.problems import invalid, shown
from mach_tf.signature_names import ATTACK_SIGNATURE, ATTACK_TEXT_SIGNATURE, EPSILON, TRUE_LABELS

DEFAULT_EPSILON = 0.01
MOST_EPSILON = 1e6
# In place of true labels that are not given; null is none of the request's.
_PREDICTED = object()


def job(body: Any, fields: Optional[Sequence[str]], labels: int, limits: RequestLimits) -> Job:
    """Reads a request.

    Args:
      body: the parsed JSON: what /predict takes, `epsilon`, and `true_labels`, a list of label ids per point.
      fields: the names of the text fields; None if the model takes no texts.
      labels: K.
      limits: what a request may ask for.

    Raises:
      RequestError: the content breaks a rule or a limit.
    """
    rest = body
    if isinstance(body, dict):
        rest = {key: value for key, value in body.items() if key not in (EPSILON, TRUE_LABELS)}
    points = own_requests.job(rest, False, fields, labels, limits)
    epsilon = body.get(EPSILON, DEFAULT_EPSILON)
    if isinstance(epsilon, bool) or not isinstance(epsilon, (int, float)) or not 0 <= epsilon <= MOST_EPSILON:
        raise invalid(f"epsilon must be a number in [0, {MOST_EPSILON:g}] (got {shown(epsilon)}).")
    attack = {
        EPSILON: np.full(points.points, epsilon, np.float32),
        TRUE_LABELS: _true_labels(body.get(TRUE_LABELS, _PREDICTED), points.points, labels, limits),
    }
    signature = ATTACK_TEXT_SIGNATURE if "texts" in points.inputs else ATTACK_SIGNATURE
    return Job(signature, {**points.inputs, **attack}, points.points, points.k)


def answer(found: Arrays) -> list[dict[str, Any]]:
    """Returns the answer of each point as JSON values; `found` are the outputs of the signature."""
    return [_point(found, row) for row in range(len(found["labels"]))]


def _point(found: Arrays, row: int) -> dict[str, Any]:
    return {
        "labels": _labels(found, row, "", ("scores", "probabilities"), ("scores_after", "probabilities_after")),
        "attacked_labels": _labels(
            found,
            row,
            "attacked_",
            ("scores_before", "probabilities_before"),
            ("attacked_scores", "attacked_probabilities"),
        ),
        "loss": float(found["loss"][row]),
        "attacked_loss": float(found["attacked_loss"][row]),
        "relative_norm": float(found["relative_norm"][row]),
        "moves": _moves(found, row),
        **own_requests.known_terms(found, row),
    }


def _labels(
    found: Arrays, row: int, prefix: str, before: tuple[str, str], after: tuple[str, str]
) -> list[dict[str, Any]]:
    """Returns labels, best first, with their scores and probabilities before and after the step."""
    columns = [found[f"{prefix}labels"], found[f"{prefix}label_names"], *(found[name] for name in (*before, *after))]
    keys = ("label", "name", "score", "probability", "attacked_score", "attacked_probability")
    rows = zip(*(column[row].tolist() for column in columns))
    return [{**dict(zip(keys, each)), "name": each[1].decode()} for each in rows]


def _moves(found: Arrays, row: int) -> list[dict[str, Any]]:
    moves = []
    for place, (feature, move) in enumerate(zip(found["moved_features"][row].tolist(), found["moves"][row].tolist())):
        if feature >= 0 and move:
            entry = {"feature": feature, "move": move}
            if "moved_feature_names" in found:
                entry["name"] = found["moved_feature_names"][row, place].decode()
            moves.append(entry)
    return moves


def _true_labels(given: Any, points: int, labels: int, limits: RequestLimits) -> np.ndarray:
    """Returns int64 [points, limits.k], padded with -1: requests that are answered together have one width."""
    padded = np.full((points, limits.k), -1, np.int64)
    if given is _PREDICTED:
        return padded
    if not isinstance(given, list) or len(given) != points or not all(isinstance(row, list) for row in given):
        raise invalid(f"true_labels must be a list of label ids for each of the {points} points.")
    for place, row in enumerate(given):
        limits.check_true_labels(len(row), f" for point {place}")
        for label in row:
            if isinstance(label, bool) or not isinstance(label, int) or not 0 <= label < labels:
                raise invalid(f"true_labels must be in [0, {labels}) (got {shown(label)} for point {place}).")
        padded[place, : len(row)] = row
    return padded
