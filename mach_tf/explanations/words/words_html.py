"""A text with its words coloured, as a piece of HTML that needs neither a script nor the network, for notebooks.

A word that raises the score has a solid underline on a blue ground, one that lowers it a dashed underline on orange; the
ground is the stronger, and the underline the thicker, the larger the attribution is. Hovering over a word or focusing it
shows the number above the text.
"""

from __future__ import annotations

import html

import numpy as np

from mach_tf.explanations.words.displayed_text import (
    DisplayedField,
    displayed_fields,
    hidden_note,
    rest_note,
    strengths,
)
from mach_tf.explanations.words.word_attributions import WordAttributions
from mach_tf.visible_text import shown_name

_SHOWN_CHARACTERS = 5_000
# Every word shows its number under the pointer. Without a script each focusable word is a stop of the tab key, so only the
# strongest ones are.
_FOCUSABLE = 20
# Colours are translucent over the notebook's own ground, so that they suit its light and its dark theme.
_STYLE = """
.mach-words{position:relative;max-width:60em;margin:.3em 0;line-height:1.75}
.mach-words-read{opacity:.7;font-size:.9em;min-height:1.75em}
.mach-words-text{white-space:pre-wrap;overflow-wrap:anywhere;max-height:16em;overflow:auto;unicode-bidi:isolate}
.mach-words-field{opacity:.7;font-size:.9em;margin-top:.3em}
.mach-words span[title]{border-radius:2px;padding:.05em 0}
.mach-words .for{background:rgba(61,133,198,calc(.5*var(--s)));border-bottom:calc(1px + 2px*var(--s)) solid #3d85c6}
.mach-words .against{background:rgba(217,105,44,calc(.5*var(--s)));border-bottom:calc(1px + 2px*var(--s)) dashed #d9692c}
.mach-words span[title]:focus{outline:2px solid #3d85c6;outline-offset:1px}
.mach-words span[title]:hover::after,.mach-words span[title]:focus::after{content:attr(title);position:absolute;left:0;
top:0;font-size:.9em;line-height:1.75;padding:0 .4em;max-width:100%;overflow:hidden;white-space:nowrap;text-overflow:ellipsis;
background:#1a2230;color:#fff;border-radius:4px;z-index:1}
""".replace("\n", "")


def words_html(words: WordAttributions, title: str) -> str:
    """Returns a text with its words coloured by attribution.

    Args:
      words: the text and the attributions of its words.
      title: the label, for screen readers.

    Returns:
      HTML in which the text is escaped.
    """
    part = strengths(words.values)
    focusable = set(np.argsort(-part, kind="stable")[:_FOCUSABLE].tolist())
    several = len(words.text.fields) > 1
    fields = []
    for field in displayed_fields(words.text, _SHOWN_CHARACTERS):
        if several and not field.pieces:
            continue
        heading = f"<div class='mach-words-field'>{html.escape(field.name)}</div>" if several else ""
        fields.append(f"{heading}{_field_html(field, words.values, part, focusable, title)}")
    legend = (
        "<span class='for' title='raises the score' style='--s:.5'>raises</span> or "
        "<span class='against' title='lowers the score' style='--s:.5'>lowers</span> the score; point at a word for its number"
    )
    rest = rest_note(words)
    return (
        f"<div class='mach-words'><style>{_STYLE}</style><div class='mach-words-read' aria-hidden='true'>{legend}</div>"
        f"{''.join(fields)}{f'<div><i>{html.escape(rest)}</i></div>' if rest else ''}</div>"
    )


def describe(value: float) -> str:
    """Returns an attribution in words.

    Example:
      >>> describe(-0.25)
      '-0.25, lowers the score'
    """
    return f"{value:+.3g}, {'raises' if value > 0 else 'lowers'} the score" if value else "0, no part in the score"


def _field_html(field: DisplayedField, values: np.ndarray, part: np.ndarray, focusable: set[int], title: str) -> str:
    pieces = [
        html.escape(piece.text)
        if piece.word is None
        else _word_html(piece.text, float(values[piece.word]), float(part[piece.word]), piece.word in focusable)
        for piece in field.pieces
    ]
    note = hidden_note(field, values)
    label = html.escape(f"{field.name}: words coloured by their part in the score of {shown_name(title)}")
    return (
        f"<div class='mach-words-text' role='group' tabindex='0' dir='auto' aria-label='{label}'>{''.join(pieces)}"
        f"{f' <i>{html.escape(note)}</i>' if note else ''}</div>"
    )


def _word_html(text: str, value: float, strength: float, focusable: bool) -> str:
    if not value:
        return html.escape(text)
    number = html.escape(f"{text}: {describe(value)}")
    style = f" class='{'for' if value > 0 else 'against'}' style='--s:{strength:.2f}'" if strength else ""
    return f"<span title='{number}'{style}{' tabindex=0' if focusable and strength else ''}>{html.escape(text)}</span>"
