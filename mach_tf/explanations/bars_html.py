"""Signed bars as a small piece of HTML that needs no style sheet and no script, for notebooks."""

from __future__ import annotations

import html
from collections.abc import Sequence
from typing import Optional

from mach_tf.explanations.shown_part import shown_part
from mach_tf.visible_text import shown_name

_SHOWN_FEATURES = 10
# Both colours are readable on the light and on the dark background of a notebook.
_FOR, _AGAINST = "#3d85c6", "#d9692c"
_CELL = "border:none;background:none;padding:1px 6px;font-weight:normal;vertical-align:middle"


def bars_html(
    title: str, score: Optional[float], baseline_score: Optional[float], bars: Sequence[tuple[str, float]]
) -> str:
    """Returns a table of features with bars to the right (they raise the score) and to the left (they lower it).

    Args:
      title: the caption.
      score, baseline_score: shown in the caption; None to leave them out.
      bars: names and attributions in any order. The largest are shown, the others as two sums, and the caption says how much is shown.

    Returns:
      HTML in which every name is escaped.

    Example:
      >>> "width:25.0%" in bars_html("cats", 3.0, 0.0, [("whiskers", 4.0), ("barks", -1.0)])
      True
    """
    ordered = sorted(bars, key=lambda bar: -abs(bar[1]))
    part = shown_part([value for _, value in ordered], _SHOWN_FEATURES)
    rows = ordered[:_SHOWN_FEATURES] + part.others()
    largest = max((abs(value) for _, value in rows), default=0.0) or 1.0
    caption = f"<b>{html.escape(shown_name(title))}</b>"
    if score is not None and baseline_score is not None:
        caption += f"<br>score {score:.4g}, baseline {baseline_score:.4g}"
    if part.others():
        caption += f"<br>{part.sentence()}"
    body = "".join(_row_html(name, value, largest) for name, value in rows)
    style = "border-collapse:collapse;border:none;margin:0.5em 0"
    return f"<table style='{style}'><caption style='{_CELL};text-align:left'>{caption}</caption>{body}</table>"


def _row_html(name: str, value: float, largest: float) -> str:
    width = 100.0 * abs(value) / largest
    colour = _FOR if value >= 0 else _AGAINST
    bar = f"<div style='background:{colour};height:0.8em;width:{width:.1f}%'></div>"
    against, towards = ("", bar) if value >= 0 else (bar, "")
    half = f"{_CELL};width:8em;min-width:8em;padding:1px 0"
    return (
        f"<tr style='background:none'><td style='{_CELL};text-align:right;max-width:20em;overflow-wrap:anywhere'>"
        f"{html.escape(shown_name(name))}</td>"
        f"<td style='{_CELL};text-align:right;font-variant-numeric:tabular-nums'>{value:+.4f}</td>"
        f"<td style='{half};border-right:1px solid #9996'><div style='display:flex;justify-content:flex-end'>{against}</div></td>"
        f"<td style='{half}'>{towards}</td></tr>"
    )
