"""Finds labels by what a user calls them: an id, a key or a name, matched exactly; near matches are for messages."""

from __future__ import annotations

import difflib
from collections.abc import Sequence
from typing import Optional

from mach_tf import arguments
from mach_tf.errors import InputError

_ID_PREFIX = "id:"
_NEAREST = 3
# Comparing a text with more of them takes seconds.
_MOST_COMPARED = 20_000


class LabelIndex:
    """The labels of a model by id, key and name.

    Example:
      >>> index = LabelIndex(3, names=["cat", "pet", "Dog"])
      >>> index.find("pet", "labels"), index.find("id:0", "labels"), index.nearest("dog")
      ([1], [0], ["'Dog'"])
    """

    def __init__(
        self, n_labels: int, names: Optional[Sequence[str]] = None, keys: Optional[Sequence[str]] = None
    ) -> None:
        """Keeps what labels are called.

        Args:
          n_labels: K.
          names, keys: the name and the key of each label; None if there are none.
        """
        self.n_labels = n_labels
        self._places: dict[str, list[int]] = {}
        for texts in (keys, names):
            for place, text in enumerate(texts or ()):
                found = self._places.setdefault(text, [])
                if not found or found[-1] != place:
                    found.append(place)

    def find(self, item: object, argument: str, advice: str = "") -> list[int]:
        """Returns the labels that an item names: that of the id, or all with the key or name.

        Args:
          item: an id, also as text, "id:3" for one beyond doubt, or a key or name.
          argument: the name of the argument that it was given for.
          advice: what to do, the last sentence of the message.

        Raises:
          InputError: there is no such label, or the item is the id of one and the name of another.
        """
        text = str(item)
        named = self._places.get(text, []) if isinstance(item, str) else []
        label = self._id(text if named else text.removeprefix(_ID_PREFIX))
        if named and label is not None and label not in named:
            raise InputError(
                f"{argument} must be unambiguous (got {text!r}, which is a label id and the name of label {named[0]}). Give "
                f"{_ID_PREFIX}{text} or {_ID_PREFIX}{named[0]}."
            )
        if named:
            return list(named)
        if label is None:
            known = " or names or keys of labels" if self.has_names else ""
            near = self.nearest(text)
            meant = f" Did you mean {' or '.join(near)}?" if near else ""
            raise InputError(
                f"{argument} must hold label ids in [0, {self.n_labels}){known} (got {text!r:.60}).{meant} {advice}".rstrip()
            )
        return [label]

    def one(self, item: object, argument: str, advice: str = "") -> int:
        """Returns the one label that an item names; arguments and errors as of `find`, and if several have the name."""
        found = self.find(item, argument, advice)
        if len(found) > 1:
            shown = " or ".join(f"{_ID_PREFIX}{label}" for label in found[:_NEAREST])
            raise InputError(
                f"{argument} must be unambiguous (got {str(item)!r:.60}, the name of {len(found)} labels). Give {shown}."
            )
        return found[0]

    @property
    def has_names(self) -> bool:
        """Whether labels have keys or names."""
        return bool(self._places)

    def split(self, text: str) -> list[str]:
        """Returns the items of a list with commas; names that contain commas are kept whole unless all their parts are labels.

        Example:
          >>> LabelIndex(2, ["Bach, Johann", "tea"]).split("tea,Bach, Johann")
          ['tea', 'Bach, Johann']
        """
        parts = [part for part in text.split(",") if part.strip()]
        items: list[str] = []
        place = 0
        while place < len(parts):
            ends = range(len(parts), place + 1, -1)
            joined = (end for end in ends if ",".join(parts[place:end]).strip() in self._places)
            is_known = self._is_known(parts[place].strip())
            end = place + 1 if is_known else next(joined, place + 1)
            items.append(",".join(parts[place:end]).strip())
            place = end
        return items

    def nearest(self, text: str) -> list[str]:
        """Returns the names and keys that are most like a text, at most three, as a message shows them."""
        folded = text.casefold().strip()
        if not folded:
            return []
        same = [known for known in self._places if known.casefold() == folded]
        containing = sorted((known for known in self._places if folded in known.casefold()), key=len)
        compared = list(self._places)
        if len(compared) > _MOST_COMPARED:
            compared = [known for known in compared if known[:1].casefold() == folded[0]][:_MOST_COMPARED]
        by_folded = {known.casefold(): known for known in reversed(compared)}
        alike = [by_folded[known] for known in difflib.get_close_matches(folded, by_folded, _NEAREST)]
        found = dict.fromkeys([*same, *containing, *alike])
        return [arguments.shown(known) for known in list(found)[:_NEAREST]]

    def _is_known(self, item: str) -> bool:
        return item in self._places or self._id(item.removeprefix(_ID_PREFIX)) is not None

    def _id(self, text: str) -> Optional[int]:
        digits = text if text.isascii() and text.isdigit() and len(text) < 19 else "-1"
        return int(digits) if 0 <= int(digits) < self.n_labels else None
