"""The options of `mach_tf.preprocess` that hold for texts alone: how records are read, and which terms become features."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Sequence
from typing import Any, Optional

from mach_tf import arguments
from mach_tf.choices import INPUT_FORMATS
from mach_tf.errors import InputError
from mach_tf.hashing import MAX_ID
from mach_tf.text.readers.settings import InputSettings
from mach_tf.text_spec import TextField, TextSpec

# Stands for the fields of a format that names none, while options are checked.
_ANY_FIELD = "text"


@dataclasses.dataclass(frozen=True)
class TextOptions:
    """The options of a conversion of texts.

    Attributes:
      input_format: one of INPUT_FORMATS; "auto" recognises it from the name and the first bytes of each file.
      text_fields: the fields that hold text, one or several, by name, or by number from 0 in a table without a header; empty
        for formats that have one text.
      text_weights: one weight per text field, which multiplies the counts of its terms; empty for 1 each.
      fields_apart: whether the same word in two fields is two terms.
      label_field: the field that holds the labels, or several of them.
      label_separator: the text between two labels of a field; None for that of the format.
      label_indicators: whether each label field is a label, its name, and holds 1 for the records that have it; without
        label_field, all columns of a table that hold no text are.
      min_label_count: labels with fewer training points are left out.
      word_ngrams, char_ngrams: the shortest and the longest n-gram of words, and of characters inside words; (0, 0) for none.
      min_document_frequency: terms in fewer training points are left out.
      max_document_fraction: terms in a larger fraction of the training points are left out.
      max_vocabulary: the number of terms at most; the most frequent ones are kept.

    Example:
      >>> TextOptions(text_fields="title", word_ngrams=(1, 3))
      TextOptions(text_fields=('title',), word_ngrams=(1, 3))
    """

    input_format: str = INPUT_FORMATS[0]
    text_fields: tuple[str, ...] = ()
    text_weights: tuple[float, ...] = ()
    fields_apart: bool = False
    label_field: tuple[str, ...] = ()
    label_separator: Optional[str] = None
    label_indicators: bool = False
    min_label_count: int = 1
    word_ngrams: tuple[int, int] = TextSpec.word_ngrams
    char_ngrams: tuple[int, int] = TextSpec.char_ngrams
    min_document_frequency: int = TextSpec.min_document_frequency
    max_document_fraction: float = TextSpec.max_document_fraction
    max_vocabulary: int = TextSpec.max_vocabulary

    def __post_init__(self) -> None:
        arguments.choice(self.input_format, "input_format", INPUT_FORMATS)
        # What a format cannot use is told where the format is known.
        reading = InputSettings(
            text_fields=tuple(_items(self.text_fields)),
            label_fields=tuple(_items(self.label_field)),
            label_separator=self.label_separator,
            label_indicators=arguments.switch(self.label_indicators, "label_indicators"),
        )
        checked: dict[str, Any] = {
            "text_fields": reading.text_fields,
            "label_field": reading.label_fields,
            "text_weights": tuple(map(_number, _items(self.text_weights))),
            "fields_apart": arguments.switch(self.fields_apart, "fields_apart"),
            "min_label_count": arguments.whole_number(self.min_label_count, "min_label_count", 1, MAX_ID),
            "word_ngrams": tuple(map(_number, _items(self.word_ngrams))),
            "char_ngrams": tuple(map(_number, _items(self.char_ngrams))),
        }
        for name, value in checked.items():
            object.__setattr__(self, name, value)
        if self.text_weights and len(self.text_weights) != len(self.text_fields):
            raise InputError(
                f"text_weights must hold one weight per text field (got {len(self.text_weights)} for "
                f"{len(self.text_fields)} text_fields). Name the fields in text_fields, in the same order."
            )
        # Which also gives numbers of other types their own.
        spec = self.spec(self.text_fields or (_ANY_FIELD,))
        for field in dataclasses.fields(TextSpec):
            if hasattr(self, field.name):
                object.__setattr__(self, field.name, getattr(spec, field.name))
        object.__setattr__(self, "text_weights", tuple(field.weight for field in spec.fields if self.text_weights))

    def __repr__(self) -> str:
        return f"{type(self).__name__}({', '.join(f'{name}={value!r}' for name, value in self.given.items())})"

    @property
    def given(self) -> dict[str, Any]:
        """The options that differ from their defaults, by name."""
        values = {field.name: (getattr(self, field.name), field.default) for field in dataclasses.fields(self)}
        return {name: value for name, (value, default) in values.items() if value != default}

    @property
    def reading(self) -> InputSettings:
        """The format of the records, and where their texts and labels stand."""
        return InputSettings(
            self.input_format,
            self.text_fields,
            self.label_field,
            self.label_separator,
            label_indicators=self.label_indicators,
        )

    def spec(self, fields: Sequence[str]) -> TextSpec:
        """Returns how texts become terms.

        Args:
          fields: the names of the text fields, in the order in which texts are given.
        """
        weights = self.text_weights or (1.0,) * len(fields)
        return TextSpec(
            tuple(TextField(name, weight, self.fields_apart) for name, weight in zip(fields, weights)),
            self.word_ngrams,
            self.char_ngrams,
            self.min_document_frequency,
            self.max_document_fraction,
            self.max_vocabulary,
        )


def _items(value: Any) -> list[Any]:
    """Returns the items of an argument that may be one item; None has none."""
    if value is None:
        return []
    return list(value) if isinstance(value, Iterable) and not isinstance(value, (str, bytes)) else [value]


def _number(value: Any) -> Any:
    """Returns the number that a flag's text holds; other values as they are, to be refused where numbers are checked."""
    if not isinstance(value, str):
        return value
    try:
        return int(value) if value.isdecimal() else float(value)
    except ValueError:
        return value
