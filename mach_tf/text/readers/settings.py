"""What a user says about files of texts with labels."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from typing import Any, Optional

from mach_tf import arguments
from mach_tf.choices import AUTO, INPUT_FORMATS
from mach_tf.errors import InputError
from mach_tf.record_layout import RecordLayout

# The name of the text in formats whose records hold one text without a name.
TEXT = "text"
LINES = "lines"
# Formats whose fields have names or numbers, and those whose labels a user may separate.
WITH_FIELDS = ("jsonl", "csv", "tsv", "parquet")
WITH_SEPARATOR = (*WITH_FIELDS, LINES)


@dataclasses.dataclass(frozen=True)
class InputSettings:
    """The format of files of texts, and where their texts and labels stand.

    Attributes:
      format: one of INPUT_FORMATS; "auto" recognises it from the name and the first bytes of the file.
      text_fields: the fields with texts, in order: names, for JSON Lines and Parquet also of nested fields ("article.title"), or
        numbers of columns, counted from 0, of CSV and TSV without a header. A format with one text has one field, "text" if none
        is named.
      label_fields: the fields with labels, likewise.
      label_separator: what separates the labels in one string; None for one label per string (with `lines`, for blanks).
      labels_optional: whether to accept records without labels.
      label_indicators: whether each label field is a label, its name, and holds 1 for the records that have it.
      trained: the names of those attributes above that nobody gave and that are therefore those of the training data. A format
        that cannot use them ignores them.
    """

    format: str = AUTO
    text_fields: tuple[str, ...] = ()
    label_fields: tuple[str, ...] = ()
    label_separator: Optional[str] = None
    labels_optional: bool = False
    label_indicators: bool = False
    trained: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        """Raises InputError for a setting that breaks a rule."""
        arguments.choice(self.format, "input_format", INPUT_FORMATS)
        object.__setattr__(self, "text_fields", _field_names(self.text_fields, "text_fields"))
        # Named in messages as users know it.
        object.__setattr__(self, "label_fields", _field_names(self.label_fields, "label_field"))
        both = sorted({*self.text_fields} & {*self.label_fields})
        if both:
            raise InputError(f"A field must hold either texts or labels (got {both[0]!r} for both).")
        if self.label_separator is not None and (not isinstance(self.label_separator, str) or not self.label_separator):
            raise InputError(
                f"label_separator must be one or more characters (got {arguments.shown(self.label_separator)}). "
                "Leave it out if each string is one label."
            )
        arguments.switch(self.label_indicators, "label_indicators")
        if self.label_indicators and self.label_separator is not None:
            raise InputError(
                "label_separator must be left out with label_indicators, as the names of the fields are the labels (got "
                f"{arguments.shown(self.label_separator)})."
            )
        if self.format != AUTO:
            self.usable(self.format).check_format(self.format)

    def completed(self, text_fields: tuple[str, ...], layout: Optional[RecordLayout]) -> InputSettings:
        """Returns these settings with those of the training data in place of what is not given, except for the format.

        Args:
          text_fields: the text fields of the training data.
          layout: how its records were read; None if that is not known.
        """
        found: dict[str, Any] = {} if self.text_fields else {"text_fields": text_fields}
        names = self.text_fields or text_fields
        # Another label field need not be written in the same way.
        if layout is not None and not (self.label_fields or self.label_indicators):
            found["label_fields"] = tuple(field for field in layout.label_fields if field not in names)
            # Without names of fields, all columns of another file would be labels.
            found["label_indicators"] = (
                layout.label_indicators and self.label_separator is None and bool(found["label_fields"])
            )
            if self.label_separator is None:
                found["label_separator"] = layout.label_separator
        return dataclasses.replace(self, **found, trained=(*self.trained, *found))

    def given(self, name: str) -> Any:
        """Returns the value of an attribute if somebody gave it, otherwise its default."""
        return getattr(InputSettings if name in self.trained else self, name)

    def usable(self, name: str) -> InputSettings:
        """Returns these settings without those of the training data that a format cannot use."""
        changes: dict[str, Any] = {}
        if name not in WITH_FIELDS:
            changes = {"text_fields": self.text_fields[:1], "label_fields": (), "label_indicators": False}
        if name not in WITH_SEPARATOR:
            changes["label_separator"] = None
        changes = {key: value for key, value in changes.items() if key in self.trained and value != getattr(self, key)}
        return dataclasses.replace(self, **changes) if changes else self

    def check_format(self, name: str) -> None:
        """Raises InputError for a setting that a format cannot use."""
        if name not in WITH_FIELDS and self.label_fields:
            raise InputError(
                f"label_field must be left out with input_format={name}, whose labels have no field's name."
            )
        if name not in WITH_FIELDS and self.label_indicators:
            raise InputError(f"label_indicators must be left out with input_format={name}, which has no fields.")
        if name not in WITH_FIELDS and len(self.text_fields) > 1:
            raise InputError(
                f"text_fields must have one name with input_format={name}, which has one text per record (got "
                f"{arguments.shown(self.text_fields)})."
            )
        if name not in WITH_SEPARATOR and self.label_separator is not None:
            raise InputError(
                f"label_separator must be left out with input_format={name}, which says how labels are written."
            )


def default_fields_sentence(names: Sequence[str]) -> str:
    """Returns a sentence for messages about a file without a text field that nobody named."""
    return f"text_fields are {', '.join(names)} by default, as in training; name others that stand for them."


def _field_names(values: Any, name: str) -> tuple[str, ...]:
    names = tuple(arguments.name_list(values, name, what="field"))
    if "" in names:
        raise InputError(f"{name} must name fields (got an empty name). Leave it out, or give names.")
    twice = sorted({field for field in names if names.count(field) > 1})
    if twice:
        raise InputError(f"{name} must name each field once (got {twice[0]!r} twice).")
    return names
