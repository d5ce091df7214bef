"""The flags of texts are the options of texts: the same names and defaults."""

from __future__ import annotations

import dataclasses

import pytest
from absl import flags

from mach_tf.programs import text_flags
from mach_tf.text.options import TextOptions
from mach_tf.text.readers.settings import InputSettings
from tests.helpers import programs


@pytest.fixture
def defined():
    """The flags of a program that has them all."""
    programs.forget_flags()
    before = set(flags.FLAGS)
    text_flags.define_reading()
    text_flags.define_vocabulary()
    names = set(flags.FLAGS) - before
    yield names
    for name in names:
        delattr(flags.FLAGS, name)


def test_every_option_is_a_flag_with_its_default(defined):
    assert defined == {field.name for field in dataclasses.fields(TextOptions)}
    flags.FLAGS(["program"])
    assert TextOptions(**text_flags.values()) == TextOptions()


def test_values_are_those_of_the_command_line(defined):
    flags.FLAGS(["program", "--text_fields=title,content", "--text_weights=2,1", "--char_ngrams=3,5", "--fields_apart"])
    options = TextOptions(**text_flags.values())
    assert options.given == {
        "text_fields": ("title", "content"),
        "text_weights": (2.0, 1.0),
        "char_ngrams": (3, 5),
        "fields_apart": True,
    }


def test_a_program_that_reads_no_labels_has_no_flags_for_them():
    programs.forget_flags()
    before = set(flags.FLAGS)
    text_flags.define_reading(labels=False)
    names = set(flags.FLAGS) - before
    flags.FLAGS(["program", "--text_fields=a"])
    assert names == set(text_flags.values()) == {"input_format", "text_fields"}
    for name in names:
        delattr(flags.FLAGS, name)


def test_settings_are_how_files_are_read(defined):
    flags.FLAGS(["program", "--input_format=csv", "--text_fields=0,2", "--label_field=3", "--label_separator=;"])
    assert text_flags.settings() == InputSettings("csv", ("0", "2"), ("3",), ";", labels_optional=True)
