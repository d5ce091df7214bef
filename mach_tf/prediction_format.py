"""The formats that predictions are written in: score matrices as the repository has them, JSON Lines, or a table of labels.

Scores have nine digits, which distinguish every float32.
"""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Iterable, Sequence
from typing import Any, Optional

from mach_tf import arguments
from mach_tf.choices import PREDICTION_FORMATS, SCORES
from mach_tf.errors import InputError
from mach_tf.label_titles import LabelTitles
from mach_tf.top_labels import TopLabels

TEXT, JSON_LINES, TSV = PREDICTION_FORMATS
_OF_SUFFIX = {".jsonl": JSON_LINES, ".tsv": TSV}
# What names promise that no format here keeps.
_OTHER_SUFFIXES = (".csv", ".json", ".parquet", ".gz", ".bz2", ".xz", ".zst")


def chosen(format: Optional[str], output_path: str = "") -> str:
    """Returns the format of an output.

    Args:
      format: one of choices.PREDICTION_FORMATS; None for the one that the name of the output says: .jsonl, .tsv, or else text.
      output_path: the output.

    Raises:
      InputError: an unknown format, or none for a name that promises another one, such as top.csv.

    Example:
      >>> chosen(None, "top.tsv"), chosen(None, "top"), chosen("jsonl", "top.tsv")
      ('tsv', 'text', 'jsonl')
    """
    if format is None:
        other = next((suffix for suffix in _OTHER_SUFFIXES if output_path.lower().endswith(suffix)), None)
        if other is not None:
            raise InputError(
                f"The output's name must not end in {other}, as predictions are written in no such form (got {output_path}). "
                "Name it .tsv for a table or .jsonl for JSON Lines; or say what it is to hold, as with format=tsv."
            )
        return next((one for suffix, one in _OF_SUFFIX.items() if output_path.lower().endswith(suffix)), TEXT)
    return arguments.choice(format, "format", PREDICTION_FORMATS)


def header(format: str, points: int, labels: int, scale: str = SCORES[0]) -> bytes:
    """Returns what comes before the first point.

    Args:
      format: one of choices.PREDICTION_FORMATS.
      points, labels: their numbers, which a score matrix begins with.
      scale: what the scores are, one of choices.SCORES: the last column of a table.
    """
    if format == TSV:
        return _table([("point", "label", "key", "name", scale)])
    return f"{points} {labels}\n".encode() if format == TEXT else b""


def lines(
    format: str,
    top: TopLabels,
    first_point: int,
    scale: str,
    names: Optional[Sequence[str]] = None,
    keys: Optional[Sequence[str]] = None,
) -> bytes:
    """Returns the lines of points: one for each label in a table, otherwise one for each point.

    Args:
      format: one of choices.PREDICTION_FORMATS.
      top: the labels of n points; a place with label -1 is left out.
      first_point: number of points before these.
      scale: what the scores are, one of choices.SCORES: their key in JSON Lines.
      names, keys: the name and the key of each label, for JSON Lines and tables; None leaves them out.

    Example:
      >>> import numpy as np
      >>> top = TopLabels(np.array([[1, 0]]), np.array([[0.9, 0.25]], np.float32))
      >>> lines("text", top, 0, "probability")
      b'1:0.899999976 0:0.25\\n'
      >>> lines("jsonl", top, 0, "probability", ["cat", "dog"])[:68]
      b'{"point": 0, "labels": [{"label": 1, "name": "dog", "probability": 0'
      >>> lines("tsv", top, 0, "probability", ["cat", "dog"])
      b'0\\t1\\tdog\\tdog\\t0.899999976\\n0\\t0\\tcat\\tcat\\t0.25\\n'
    """
    titles = LabelTitles(names, keys)
    rows = [
        [(label, score) for label, score in zip(labels, scores) if label >= 0]
        for labels, scores in zip(top.labels.tolist(), top.scores.tolist())
    ]
    if format == TEXT:
        return b"".join(" ".join(f"{label}:{score:.9g}" for label, score in row).encode() + b"\n" for row in rows)
    if format == TSV:
        return _table(
            (first_point + place, label, titles.key(label), titles.name(label), f"{score:.9g}")
            for place, row in enumerate(rows)
            for label, score in row
        )
    objects = (json_object(first_point + place, row, scale, titles) for place, row in enumerate(rows))
    return b"".join(json.dumps(one, ensure_ascii=False, allow_nan=False).encode() + b"\n" for one in objects)


def json_object(point: int, row: Sequence[tuple[int, float]], scale: str, titles: LabelTitles) -> dict[str, Any]:
    """Returns the predictions of a point as JSON values.

    Args:
      point: its number.
      row: label ids and their scores, best first.
      scale: what the scores are: their key.
      titles: the keys and names of labels.
    """
    labels = [{"label": label, **titles.parts(label), scale: float(f"{score:.9g}")} for label, score in row]
    return {"point": point, "labels": labels}


def _table(rows: Iterable[Sequence[Any]]) -> bytes:
    """Returns lines of a table with tabs; a text with a tab or a quotation mark is quoted, as in CSV."""
    text = io.StringIO()
    csv.writer(text, delimiter="\t", lineterminator="\n").writerows(rows)
    return text.getvalue().encode()
