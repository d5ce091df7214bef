from __future__ import annotations

import pytest

from mach_tf.errors import InputError
from mach_tf.record_layout import RecordLayout
from mach_tf.text.readers.settings import InputSettings


def test_lists_of_fields_become_tuples():
    settings = InputSettings("csv", ["title", 3], ["tags"])
    assert settings.text_fields == ("title", "3")
    assert settings.label_fields == ("tags",)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"format": "xml"}, "input_format must be one of auto, bow, jsonl"),
        ({"text_fields": "title"}, "text_fields must be a list of texts"),
        ({"text_fields": ("a", "")}, "text_fields must name fields"),
        ({"text_fields": ("a", "a")}, "text_fields must name each field once .got 'a' twice"),
        ({"label_fields": ("b", "b")}, "label_field must name each field once .got 'b' twice"),
        ({"text_fields": ("a",), "label_fields": ("a",)}, "either texts or labels .got 'a' for both"),
        ({"label_separator": ""}, "label_separator must be one or more characters"),
        ({"format": "annif", "label_fields": ("a",)}, "label_field must be left out with input_format=annif"),
        ({"format": "lines", "text_fields": ("a", "b")}, "text_fields must have one name with input_format=lines"),
        ({"format": "fasttext", "label_separator": ";"}, "label_separator must be left out with input_format=fasttext"),
    ],
)
def test_wrong_settings_are_refused(arguments, message):
    with pytest.raises(InputError, match=message):
        InputSettings(**arguments)


@pytest.mark.parametrize("name", ["jsonl", "csv", "tsv", "parquet"])
def test_formats_with_fields_take_all_settings(name):
    InputSettings(name, ("a", "b"), ("c", "d"), ";").check_format(name)


@pytest.mark.parametrize(
    ("given", "layout", "expected"),
    [
        ({}, None, (("a",), (), None, False)),
        ({}, RecordLayout("auto", (), ("x", "y"), ";"), (("a",), ("x", "y"), ";", False)),
        ({"text_fields": ("x",)}, RecordLayout("auto", (), ("x", "y"), ";"), (("x",), ("y",), ";", False)),
        ({"label_separator": ","}, RecordLayout("auto", (), ("x",), ";"), (("a",), ("x",), ",", False)),
        ({"label_fields": ("z",)}, RecordLayout("auto", (), ("x",), ";"), (("a",), ("z",), None, False)),
        ({}, RecordLayout("auto", (), ("x", "y"), None, True), (("a",), ("x", "y"), None, True)),
        ({"text_fields": ("x",)}, RecordLayout("auto", (), ("x",), None, True), (("x",), (), None, False)),
        ({"label_separator": ","}, RecordLayout("auto", (), ("x",), None, True), (("a",), ("x",), ",", False)),
    ],
)
def test_what_is_not_given_is_that_of_the_training_data(given, layout, expected):
    found = InputSettings(**given).completed(("a",), layout)
    assert (found.text_fields, found.label_fields, found.label_separator, found.label_indicators) == expected
    assert not set(given) & set(found.trained)
    assert all(found.given(name) == value for name, value in given.items())


@pytest.mark.parametrize("form", ["annif", "fasttext", "lines"])
def test_a_format_ignores_what_it_cannot_use_of_the_training_data(form):
    settings = InputSettings().completed(("a", "b"), RecordLayout("auto", (), ("x",), ";"))
    found = settings.usable(form)
    found.check_format(form)
    assert found.text_fields == ("a",) and found.label_fields == ()
    assert settings.usable("csv") == settings
