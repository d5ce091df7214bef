"""Typing errors: two neighbouring letters exchanged, or one left out. The first letter stays, as readers miss errors inside of words."""

from __future__ import annotations

_SHORTEST = 4


def typos(word: str) -> list[str]:
    """Returns the words that one typing error makes of a word; none of a word with fewer than four letters.

    Example:
      >>> typos("wave")
      ['wvae', 'waev', 'wve', 'wae', 'wav']
    """
    if len(word) < _SHORTEST:
        return []
    exchanged = [word[:i] + word[i + 1] + word[i] + word[i + 2 :] for i in range(1, len(word) - 1)]
    shortened = [word[:i] + word[i + 1 :] for i in range(1, len(word))]
    return [new for new in dict.fromkeys([*exchanged, *shortened]) if new != word]
