"""Where texts and labels stood in the files of training texts, as manifests record it: other files are read likewise."""

from __future__ import annotations

import dataclasses
from typing import Optional

from mach_tf import arguments
from mach_tf.choices import AUTO, INPUT_FORMATS
from mach_tf.errors import InputError


@dataclasses.dataclass(frozen=True)
class RecordLayout:
    """How the records of training texts were read; the names of their text fields are those of the TextSpec.

    Attributes:
      format: one of INPUT_FORMATS: the format that the user gave, or "auto" if the files show it by themselves.
      mistaken_for: the formats that the files seem to have although they have `format`: such files have it too.
      label_fields: the fields with labels; empty for formats whose labels have no field's name.
      label_separator: what separates the labels in one string; None for one label per string.
      label_indicators: whether each label field is a label, and holds 1 for the points that have it.

    Example:
      >>> RecordLayout(label_fields=("tags",), label_separator=";").format
      'auto'
    """

    format: str = AUTO
    mistaken_for: tuple[str, ...] = ()
    label_fields: tuple[str, ...] = ()
    label_separator: Optional[str] = None
    label_indicators: bool = False

    def __post_init__(self) -> None:
        arguments.choice(self.format, "format", INPUT_FORMATS)
        for name in self.mistaken_for:
            arguments.choice(name, "mistaken_for", INPUT_FORMATS)
        if self.label_separator == "" or "" in self.label_fields:
            raise InputError("label_fields and label_separator must not be empty texts")
