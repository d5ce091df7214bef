"""Signed bars as a small piece of HTML that needs no style sheet and no script, for notebooks."""

from __future__ import annotations

import html
from collections.abc import Sequence
from typing import Optional

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
      bars: names and attributions in any order. The largest are shown, the others as their sum, without a bar.

    Returns:
      HTML in which every name is escaped.

    Example:
      >>> "width:25.0%" in bars_html("cats", 3.0, 0.0, [("whiskers", 4.0), ("barks", -1.0)])
      True
    """
    ordered = sorted(bars, key=lambda bar: -abs(bar[1]))
    shown, rest = ordered[:_SHOWN_FEATURES], ordered[_SHOWN_FEATURES:]
    largest = max((abs(value) for _, value in shown), default=0.0) or 1.0
    rows = [_row_html(name, value, largest) for name, value in shown]
    if rest:
        # Their sum has no bar: it may be longer than every other.
        rows.append(_row_html(f"{len(rest)} other features", sum(value for _, value in rest), None))
    caption = f"<b>{html.escape(shown_name(title))}</b>"
    if score is not None and baseline_score is not None:
        caption += f"<br>score {score:.4g}, baseline {baseline_score:.4g}"
    style = "border-collapse:collapse;border:none;margin:0.5em 0"
    return f"<table style='{style}'><caption style='{_CELL};text-align:left'>{caption}</caption>{''.join(rows)}</table>"


def _row_html(name: str, value: float, largest: Optional[float]) -> str:
    width = 0.0 if largest is None else 100.0 * abs(value) / largest
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
