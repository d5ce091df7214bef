"""Random UTF-8 texts of every kind of character, broken ones included."""

from __future__ import annotations

import functools
import random
import sys
import unicodedata

# Characters with a behaviour of their own: sigmas, dotted capital I, ligatures, Hangul, Arabic forms of up to 18 letters, zero-width ones,
# marks in front of others, a byte order mark, NUL, line ends, noncharacters and private use.
_SPECIAL = (
    "ΣσςϹΟİıſẞßﬁ½™Åé각ᄀᆫﷺﷲ٣\u200b\u200c\u200d\u2060\ufeff\u00ad\u0345\u0338\u034f\u20e3\0\r\n\t\x7f\u0085\u2028\ufffd\ufffe\ufdd0"
    "\U0010ffff\ue000\U000e0041<>~:' "
)
_EMOJI = ["👩\u200d💻", "🇩🇪", "✊🏽", "❤\ufe0f", "1\ufe0f\u20e3", "😀"]


@functools.cache
def _pools() -> list[list[str]]:
    assigned = [c for c in map(chr, range(sys.maxunicode + 1)) if unicodedata.category(c) not in ("Cn", "Cs")]
    return [
        assigned,
        [c for c in assigned if unicodedata.combining(c)],
        [c for c in assigned if unicodedata.bidirectional(c) in ("R", "AL")],
        [c for c in assigned if unicodedata.decomposition(c)],
        [c for c in assigned if c.lower() != c],
        [c for c in assigned if ord(c) < 0x250],
        [chr(i) for i in range(128)],
        list("abcDEF 12"),
        list(_SPECIAL),
        _EMOJI,
    ]


def random_text(generator: random.Random) -> bytes:
    """Returns a text of up to some 60 characters; every tenth one is broken UTF-8."""
    pools = generator.sample(_pools(), generator.randint(1, 4))
    text = "".join(generator.choice(generator.choice(pools)) for _ in range(generator.randint(0, 30)))
    encoded = (text + generator.choice(["", text, " " + text])).encode()
    if generator.random() < 0.1:
        broken = bytearray(encoded)
        for _ in range(generator.randint(1, 5)):
            place = generator.randint(0, len(broken))
            broken[place : place + generator.randint(0, 1)] = bytes([generator.randint(0x80, 0xFF)])
        encoded = bytes(broken)
    if any(unicodedata.category(c) == "Cn" and c not in _SPECIAL for c in encoded.decode(errors="replace")):
        # Broken bytes may spell a character that this Python does not know, while the package's table does.
        return random_text(generator)
    return encoded
