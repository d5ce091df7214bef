"""The flags of programs that read texts: where a record's texts and labels stand, and which terms become features."""

from __future__ import annotations

import dataclasses
from typing import Any

from absl import flags

from mach_tf.choices import INPUT_FORMATS
from mach_tf.hashing import MAX_ID
from mach_tf.text.options import TextOptions
from mach_tf.text.readers.settings import InputSettings

# They belong to the program that calls these functions, whose --help lists them.
flags.disclaim_key_flags()

_DEFAULTS = TextOptions()


def define_reading(labels: bool = True) -> None:
    """Defines --input_format and --text_fields.

    Args:
      labels: whether the program reads labels, and has --label_field and --label_separator.
    """
    flags.DEFINE_enum(
        "input_format",
        _DEFAULTS.input_format,
        INPUT_FORMATS,
        "Reads files of this format: bags of words of the repository (bow), JSON Lines, CSV or TSV, the TSV corpora of Annif, "
        "fastText's lines, two files of parallel lines, or Parquet. auto recognises it from a file's name and first bytes.",
    )
    flags.DEFINE_list(
        "text_fields",
        [],
        "Takes the text from these fields, separated by commas: names of columns or JSON keys, nested ones with dots "
        "(metadata.title), or column numbers from 0 in a table without a header.",
    )
    if labels:
        flags.DEFINE_list(
            "label_field",
            [],
            "Takes the labels from this field; several fields are separated by commas. Fields are named as in --text_fields.",
        )
        flags.DEFINE_string(
            "label_separator",
            None,
            "Divides a text that holds several labels at this separator. Set it if the labels of a point stand in one column.",
        )
        flags.DEFINE_bool(
            "label_indicators",
            _DEFAULTS.label_indicators,
            "Takes the name of each --label_field for a label, which the points have that hold 1 in this field. Without --label_field, all "
            "columns of a table that hold no text are labels. Set it for tables of zeros and ones.",
        )


def define_vocabulary() -> None:
    """Defines the flags that choose terms and labels."""
    flags.DEFINE_list(
        "text_weights",
        [],
        "Multiplies the counts of each text field's terms by these weights, separated by commas in the order of --text_fields; 1 "
        "each by default. Raise the weight of a title, say.",
    )
    flags.DEFINE_bool(
        "fields_apart",
        _DEFAULTS.fields_apart,
        "Makes the same word in two text fields two terms, so that a word of the title differs from one of the content.",
    )
    flags.DEFINE_integer(
        "min_label_count",
        _DEFAULTS.min_label_count,
        "Leaves out labels with fewer training points than this.",
        lower_bound=1,
        upper_bound=MAX_ID,
    )
    flags.DEFINE_list(
        "word_ngrams",
        [str(n) for n in _DEFAULTS.word_ngrams],
        "Makes terms of this many words in a row: the shortest and the longest, separated by a comma; 0,0 makes none.",
    )
    flags.DEFINE_list(
        "char_ngrams",
        [str(n) for n in _DEFAULTS.char_ngrams],
        "Makes terms of this many characters in a row inside words: the shortest and the longest, separated by a comma; 0,0 makes "
        "none. Use them where words are compounded or not separated, as in German, Finnish or Chinese: 3,5, say.",
    )
    flags.DEFINE_integer(
        "min_document_frequency",
        _DEFAULTS.min_document_frequency,
        "Leaves out terms that occur in fewer training points than this.",
        lower_bound=1,
        upper_bound=MAX_ID,
    )
    flags.DEFINE_float(
        "max_document_fraction",
        _DEFAULTS.max_document_fraction,
        "Leaves out terms that occur in a larger fraction of the training points than this, from 0 to 1, which are often words "
        "without content; 1 keeps all.",
        lower_bound=0,
        upper_bound=1,
    )
    flags.DEFINE_integer(
        "max_vocabulary",
        _DEFAULTS.max_vocabulary,
        "Keeps at most this many terms, those that occur in the most training points.",
        lower_bound=1,
        upper_bound=MAX_ID,
    )


def settings() -> InputSettings:
    """Returns how files are read, by the flags of `define_reading`; labels are optional."""
    found = flags.FLAGS
    return InputSettings(
        found.input_format,
        tuple(found.text_fields),
        tuple(found.label_field),
        found.label_separator,
        labels_optional=True,
        label_indicators=found.label_indicators,
    )


def values() -> dict[str, Any]:
    """Returns the values of the flags that the program has, by the names of the fields of TextOptions."""
    names = [field.name for field in dataclasses.fields(TextOptions)]
    return {name: flags.FLAGS[name].value for name in names if name in flags.FLAGS}
