"""What labels are called: by their key, as the training data do, and by their name, as people do."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple, Optional


class LabelTitles(NamedTuple):
    """The keys and names of labels, by id; each is None if it is not known.

    Example:
      >>> titles = LabelTitles(names=["cat", "dog"])
      >>> titles.key(1), titles.name(1), LabelTitles().name(1)
      ('dog', 'dog', '1')
    """

    names: Optional[Sequence[str]] = None
    keys: Optional[Sequence[str]] = None

    def name(self, label: int) -> str:
        """Returns the name of a label; without one its key."""
        return self.key(label) if self.names is None else self.names[label]

    def key(self, label: int) -> str:
        """Returns the key of a label; without one its name, and without both its id in decimal."""
        known = self.names if self.keys is None else self.keys
        return str(label) if known is None else known[label]

    def parts(self, label: int) -> dict[str, str]:
        """Returns what is known of a label: "key", "name", both or neither."""
        known = {"key": self.keys, "name": self.names}
        return {part: texts[label] for part, texts in known.items() if texts is not None}
