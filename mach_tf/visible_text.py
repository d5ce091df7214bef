"""Makes any text fit to be shown: control characters become visible, and what is too long is cut, with a note.

A text may hold anything. Control characters would move a terminal's cursor or recolour it, and characters that set the
direction of writing would reorder what stands after them, so each is replaced by a sign for it. Line feeds and tabs stay.
"""

from __future__ import annotations

import re

# Control pictures of U+0000 to U+001F and U+007F.
_PICTURES = {code: chr(0x2400 + code) for code in range(0x20) if chr(code) not in "\t\n"} | {0x7F: "\u2421"}
# Longer names are shown by their beginning and their end.
_NAME_CHARACTERS = 120
# C1 controls, line and paragraph separators, marks and overrides of direction, and lone surrogates.
_OTHERS = re.compile("[\x80-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069\ud800-\udfff]")


def visible(text: str) -> str:
    """Returns the text with every control character replaced by a visible sign.

    Example:
      >>> visible("a\\x1b[31mb\\u202ec")
      'a␛[31mb<U+202E>c'
    """
    text = text.replace("\r\n", "\n").translate(_PICTURES)
    return _OTHERS.sub(lambda match: f"<U+{ord(match[0]):04X}>", text)


def on_one_line(text: str) -> str:
    """Returns the text without control characters, also without line feeds and tabs.

    Example:
      >>> on_one_line("a\\nb\\u202ec")
      'a␊b<U+202E>c'
    """
    return visible(text).replace("\n", "\u240a").replace("\t", "\u2409")


def shown_name(name: str) -> str:
    """Returns the name of a feature or a label as a table shows it: on one line, without control characters, not too long."""
    return on_one_line(shortened(name, _NAME_CHARACTERS))


def shortened(text: str, limit: int) -> str:
    """Returns the text, or its beginning and end with a note of what was left out between them if it is longer than `limit`.

    Example:
      >>> shortened("a" * 500 + "z", 40)
      'aaaaaaaaaaaaaaaaaaaaaaaaaaaaaa[… 461 characters …]aaaaaaaaaz'
    """
    if len(text) <= limit:
        return text
    tail = limit // 4
    head = limit - tail
    return f"{text[:head]}[… {len(text) - limit:,} characters …]{text[-tail:]}"
