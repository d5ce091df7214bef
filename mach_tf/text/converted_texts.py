"""The result of a conversion of texts, which `mach_tf.preprocess` returns and print() shows as tables."""

from __future__ import annotations

import dataclasses
from typing import Any, Callable

from mach_tf.data.converted import Converted
from mach_tf.text.text_summary import TextSummary


@dataclasses.dataclass(frozen=True)
class ConvertedTexts(Converted):
    """A dataset made of texts and labels; its `str()` is a table of the splits, and one of what was kept and left out.

    Attributes:
      text: what was kept and left out.
    """

    text: TextSummary = dataclasses.field(default_factory=lambda: TextSummary(0, 0, 0, 0, 0, 0, ()))

    def to_json(self) -> dict[str, Any]:
        """Returns counts, skipped lines and times as JSON values."""
        return {**super().to_json(), "text": self.text.to_json()}

    def report(self, reworded: Callable[[str], str] = str) -> str:
        """Returns the tables and the counts; `reworded` changes what names arguments."""
        unnamed, untrained = self.text.unnamed_labels, self.text.untrained_labels
        notes = f"{unnamed:,} label(s) have no name in label_names, and stand under their keys.\n" if unnamed else ""
        if untrained:
            notes += f"{untrained:,} label(s) of label_names have no training point; they keep their ids, and a model can only guess them.\n"
        return reworded(f"{self.text}\n{notes}\n") + super().report(reworded)
