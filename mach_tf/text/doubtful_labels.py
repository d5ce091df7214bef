"""What labels look as if they were read wrongly, though they break no rule."""

from __future__ import annotations

import re
from collections.abc import Collection, Sequence
from typing import Optional

from mach_tf.arguments import shown

_SEPARATORS = (";", "|", ",")
_INDICATORS = {"0", "1"}
# What most labels look like if lists were written as text, fastText's prefix was kept, or commas stand behind labels.
_ODD = (
    (re.compile(r"""[\[{(].*['"].*[\]})]"""), "look like lists"),
    (re.compile("__label__.+"), "begin with '__label__'"),
    (re.compile(".*[,;]"), "end with a separator"),
)


def doubts(labels: Collection[str], label_fields: Sequence[str], label_separator: Optional[str]) -> list[str]:
    """Returns sentences that say what is doubtful about labels, and name the argument that would change it.

    Labels look as if they were several if dividing them at a separator leaves fewer labels than there were; this holds for
    "tea;milk" beside "tea" and "milk", and not for names such as "Bach, Johann" and "Haydn, Joseph".

    Args:
      labels: the labels of the training points.
      label_fields: the fields that they were read from; none for formats without fields.
      label_separator: what divides them in a field; None for nothing.

    Example:
      >>> doubts(["tea;milk", "tea", "milk"], ["tags"], None)
      ["1 of 3 labels contain ';', such as 'tea;milk'; if it divides labels, of which 2 would be left, give label_separator=';'."]
      >>> doubts(["Bach, Johann", "Haydn, Joseph"], ["tags"], None), doubts(["0", "1"], ["tags"], None)
      ([], [])
    """
    found = []
    if len(label_fields) > 1 and set(labels) == _INDICATORS:
        found.append(
            f"The only labels are '0' and '1', in {len(label_fields)} label fields; if each field stands for a label that a point "
            "has or not, give label_indicators=True, which takes the names of the fields for labels."
        )
    for pattern, what in _ODD:
        odd = [label for label in labels if pattern.fullmatch(label)]
        if 2 * len(odd) > len(labels):
            found.append(
                f"{len(odd):,} of {len(labels):,} labels {what}, such as {shown(odd[0])}; if that is no part of their names, write the labels "
                "of a record with a separator between them, without anything else."
            )
    if found or not label_fields or label_separator:
        return found
    for separator in _SEPARATORS:
        joined = [label for label in labels if separator in label]
        parts = {part.strip() for label in labels for part in label.split(separator)} - {""} if joined else set()
        if joined and len(parts) < len(labels):
            found.append(
                f"{len(joined):,} of {len(labels):,} labels contain {separator!r}, such as {shown(joined[0])}; if it divides labels, "
                f"of which {len(parts):,} would be left, give label_separator={separator!r}."
            )
            break
    return found
