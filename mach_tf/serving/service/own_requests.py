"""Requests and answers in the words of this project: POST /predict and /explain."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from typing import Any, Optional

import numpy as np

from mach_tf.serving.service.jobs import WORD_ATTRIBUTIONS, Arrays, Job
from mach_tf.serving.service.problems import invalid, shown, too_large
from mach_tf.signature_names import (
    EXPLAIN_SIGNATURE,
    EXPLAIN_TEXT_SIGNATURE,
    IDS,
    KNOWN_TERMS,
    SPARSE_SIGNATURE,
    SPLITS,
    TEXT_SIGNATURE,
    VALUES,
)
from mach_tf.top_labels import default_k

_MOST_ID = 2**63 - 1


@dataclasses.dataclass(frozen=True)
class RequestLimits:
    """What a request may ask for.

    Attributes:
      points: most points, texts or others.
      text_length: most characters of the texts of one point.
      k: most labels per point, asked for or given as true ones.
      body_bytes: most bytes of a request's body.
      explained: most pairs of a point and a label of a request for reasons, whose memory grows with them.
      attributions: most pairs of a feature and a label of a request for reasons, whose time grows with them.
    """

    points: int = 64
    text_length: int = 100_000
    k: int = 100
    body_bytes: int = 4 << 20
    explained: int = 640
    attributions: int = 2_000_000

    def check_points(self, points: int) -> None:
        """Raises RequestError for too many points."""
        if points > self.points:
            raise too_large(f"A request must have at most {self.points} points (got {points}). Send several requests.")

    def check_explained(self, job: Job) -> None:
        """Raises RequestError for a job that asks for the reasons of too many labels, or of labels for too many features."""
        if not job.explained():
            return
        pairs, attributions = job.points * job.k, job.features() * job.k
        if attributions > self.attributions:
            counted = "characters, divided by 2," if "texts" in job.inputs else "features of all points"
            raise too_large(
                f"The number of {counted} times k must be at most {self.attributions} for explanations (got {attributions}). "
                "Send fewer points at once, or shorter ones, or lower k."
            )
        if pairs > self.explained:
            raise too_large(
                f"The number of points times k must be at most {self.explained} for explanations (got {pairs}). Send fewer "
                "points at once, or lower k."
            )

    def check_text(self, length: int) -> None:
        """Raises RequestError for a text that is too long."""
        if length > self.text_length:
            raise too_large(f"A text must have at most {self.text_length} characters (got {length}).")

    def check_true_labels(self, per_point: int, place: str = "") -> None:
        """Raises RequestError for too many true labels of a point: those of all points of a batch get the width of the widest."""
        if per_point > self.k:
            raise invalid(f"true_labels must have at most {self.k} labels per point (got {per_point}{place}).")

    def check_k(self, k: Any, labels: int) -> int:
        """Returns k; raises RequestError unless it is a whole number that is allowed."""
        most = min(self.k, labels)
        if isinstance(k, bool) or not isinstance(k, int) or not 1 <= k <= most:
            raise invalid(f"k must be a whole number in [1, {most}] (got {shown(k)}).")
        return k


def job(body: Any, explain: bool, fields: Optional[Sequence[str]], labels: int, limits: RequestLimits) -> Job:
    """Reads a request.

    Args:
      body: the parsed JSON: `texts` or `points`, and `k`.
      explain: whether reasons are asked for.
      fields: the names of the text fields; None if the model takes no texts.
      labels: K.
      limits: what a request may ask for.

    Raises:
      RequestError: the content breaks a rule or a limit.
    """
    if not isinstance(body, dict):
        raise invalid(f"The body must be a JSON object (got {type(body).__name__}).")
    unknown = sorted(set(body) - {"texts", "points", "k"})
    if unknown:
        raise invalid(f"The body must have the keys texts or points, and k (got {shown(unknown[0])} too).")
    if ("texts" in body) == ("points" in body):
        raise invalid("The body must have either texts or points.")
    k = limits.check_k(body.get("k", min(default_k(labels), limits.k)), labels)
    given = body.get("texts", body.get("points"))
    if not isinstance(given, list):
        raise invalid(f"texts and points must be lists (got {type(given).__name__}).")
    limits.check_points(len(given))
    if "points" in body:
        return Job(EXPLAIN_SIGNATURE if explain else SPARSE_SIGNATURE, _points(given), len(given), k)
    if fields is None:
        raise invalid("This model takes points, not texts: it was trained on bags of words.")
    rows = [_text(text, place, fields, limits) for place, text in enumerate(given)]
    texts = np.empty((len(rows), len(fields)), object)
    texts[:] = rows if rows else texts
    inputs = {"texts": texts[:, 0] if len(fields) == 1 else texts}
    return Job(EXPLAIN_TEXT_SIGNATURE if explain else TEXT_SIGNATURE, inputs, len(given), k)


def answer(found: Arrays, texts: Optional[np.ndarray]) -> list[dict[str, Any]]:
    """Returns the answer of each point as JSON values.

    Args:
      found: the outputs of the signature.
      texts: the texts of the points, object [n, fields], for the places of words; None without texts.
    """
    return [_point(found, row, None if texts is None else texts[row]) for row in range(len(found["labels"]))]


def _point(found: Arrays, row: int, texts: Optional[np.ndarray]) -> dict[str, Any]:
    labels = []
    for rank, label in enumerate(found["labels"][row].tolist()):
        entry: dict[str, Any] = {
            "label": label,
            "name": found["label_names"][row, rank].decode(),
            "score": float(found["scores"][row, rank]),
            "probability": float(found["probabilities"][row, rank]),
        }
        if "attributions" in found:
            entry["baseline_score"] = float(found["baseline_scores"][row, rank])
            entry["reasons"] = _reasons(found, row, rank)
        if WORD_ATTRIBUTIONS in found:
            entry[WORD_ATTRIBUTIONS] = [float(each) for each in found[WORD_ATTRIBUTIONS][row, rank]]
        labels.append(entry)
    point: dict[str, Any] = {"labels": labels, **known_terms(found, row)}
    if WORD_ATTRIBUTIONS in found and texts is not None:
        point["words"] = _words(found, row, texts)
        for entry in labels:
            entry[WORD_ATTRIBUTIONS] = entry[WORD_ATTRIBUTIONS][: len(point["words"])]
    return point


def known_terms(found: Arrays, row: int) -> dict[str, int]:
    """Returns how many terms of the vocabulary a text has, for its answer; nothing for points, and for servables that do not say."""
    return {KNOWN_TERMS: int(found[KNOWN_TERMS][row])} if KNOWN_TERMS in found else {}


def _reasons(found: Arrays, row: int, rank: int) -> list[dict[str, Any]]:
    names = found["feature_names"][row, rank] if "feature_names" in found else None
    reasons = []
    for place, feature in enumerate(found["features"][row, rank].tolist()):
        if feature >= 0:
            named = {} if names is None else {"name": names[place].decode()}
            reasons.append({"feature": feature, **named, "attribution": float(found["attributions"][row, rank, place])})
    return reasons


def _words(found: Arrays, row: int, texts: np.ndarray) -> list[dict[str, Any]]:
    """Returns the words of a point with their places in characters, where the graph counts bytes."""
    places = [_character_places(text) for text in texts]
    words = []
    for begin, end, field in zip(found["word_begins"][row], found["word_ends"][row], found["word_fields"][row]):
        if begin >= 0:
            at = places[field]
            words.append({"field": int(field), "begin": int(at[begin]), "end": int(at[end])})
    return words


def _character_places(text: str) -> np.ndarray:
    """Returns the number of characters before each byte of a text's UTF-8, and before its end."""
    data = np.frombuffer(text.encode(), np.uint8)
    return np.concatenate([np.cumsum((data & 0xC0) != 0x80) - 1, [len(text)]])


def _text(text: Any, place: int, fields: Sequence[str], limits: RequestLimits) -> list[str]:
    if isinstance(text, str):
        row = [text, *[""] * (len(fields) - 1)]
    elif (
        isinstance(text, Mapping) and set(text) <= set(fields) and all(isinstance(each, str) for each in text.values())
    ):
        row = [text.get(field, "") for field in fields]
    else:
        unknown = sorted(set(text) - set(fields)) if isinstance(text, Mapping) else []
        got = f"has the field {unknown[0]!r:.100}" if unknown else "is neither"
        raise invalid(f"texts must hold texts, or objects of the fields {', '.join(fields)} (point {place} {got}).")
    limits.check_text(sum(map(len, row)))
    # Half a surrogate pair has no UTF-8.
    return [each.encode("utf-8", "replace").decode() for each in row]


def _points(given: list[Any]) -> Arrays:
    ids: list[int] = []
    values: list[float] = []
    splits = [0]
    for place, point in enumerate(given):
        if not isinstance(point, dict) or set(point) != {"feature_ids", "feature_values"}:
            raise invalid(f"points must be objects with feature_ids and feature_values (point {place} is not).")
        own_ids, own_values = point["feature_ids"], point["feature_values"]
        if not isinstance(own_ids, list) or not isinstance(own_values, list) or len(own_ids) != len(own_values):
            raise invalid(
                f"feature_ids and feature_values must be lists of one length (those of point {place} are not)."
            )
        for number in own_ids:
            if isinstance(number, bool) or not isinstance(number, int) or not 0 <= number <= _MOST_ID:
                raise invalid(f"feature_ids must be whole numbers from 0 on (got {shown(number)} in point {place}).")
        for number in own_values:
            if isinstance(number, bool) or not isinstance(number, (int, float)) or not abs(number) < 1e38:
                raise invalid(f"feature_values must be finite numbers (got {shown(number)} in point {place}).")
        ids += own_ids
        values += map(float, own_values)
        splits.append(len(ids))
    return {
        SPLITS: np.array(splits, np.int64),
        IDS: np.array(ids, np.int64),
        VALUES: np.array(values, np.float32),
    }
