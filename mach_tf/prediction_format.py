"""The formats that predictions are written in: score matrices as the repository has them, or JSON Lines."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any, Optional

from mach_tf import arguments
from mach_tf.choices import PREDICTION_FORMATS
from mach_tf.top_labels import TopLabels

TEXT, JSON_LINES = PREDICTION_FORMATS


def check_format(format: str) -> None:
    """Raises InputError unless `format` is one of choices.PREDICTION_FORMATS."""
    arguments.choice(format, "format", PREDICTION_FORMATS)


def header(format: str, points: int, labels: int) -> bytes:
    """Returns what comes before the first point: the first line of a score matrix; JSON Lines have none."""
    return f"{points} {labels}\n".encode() if format == TEXT else b""


def lines(format: str, top: TopLabels, first_point: int, scale: str, names: Optional[Sequence[str]] = None) -> bytes:
    """Returns one line per point.

    Args:
      format: one of choices.PREDICTION_FORMATS.
      top: the labels of n points; a place with label -1 is left out.
      first_point: number of points before these.
      scale: what the scores are, one of choices.SCORES: their key in JSON Lines.
      names: the name of each label, for JSON Lines; None leaves them out.

    Example:
      >>> import numpy as np
      >>> top = TopLabels(np.array([[3, 1]]), np.array([[0.9, 0.25]], np.float32))
      >>> lines("text", top, 0, "probability")
      b'3:0.899999976 1:0.25\\n'
      >>> lines("jsonl", top, 0, "probability")
      b'{"point": 0, "labels": [{"label": 3, "probability": 0.899999976}, {"label": 1, "probability": 0.25}]}\\n'
    """
    rows = [
        [(label, f"{score:.9g}") for label, score in zip(labels, scores) if label >= 0]  # 9 digits distinguish float32
        for labels, scores in zip(top.labels.tolist(), top.scores.tolist())
    ]
    if format == TEXT:
        return b"".join(" ".join(f"{label}:{score}" for label, score in row).encode() + b"\n" for row in rows)
    return b"".join(_json_line(first_point + place, row, scale, names) for place, row in enumerate(rows))


def _json_line(point: int, row: Sequence[tuple[int, str]], scale: str, names: Optional[Sequence[str]]) -> bytes:
    labels: list[dict[str, Any]] = []
    for label, score in row:
        named = {} if names is None else {"name": names[label]}
        labels.append({"label": label, **named, scale: float(score)})
    return json.dumps({"point": point, "labels": labels}, ensure_ascii=False, allow_nan=False).encode() + b"\n"
