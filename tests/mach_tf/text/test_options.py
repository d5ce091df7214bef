from __future__ import annotations

import re

import pytest

from mach_tf.errors import InputError
from mach_tf.text.options import TextOptions
from mach_tf.text_spec import TextField, TextSpec


def test_one_item_stands_for_a_list_of_one_and_texts_of_flags_for_numbers():
    assert TextOptions(text_fields="title") == TextOptions(text_fields=["title"]) == TextOptions(text_fields=("title",))
    assert TextOptions(label_field=3).label_field == ("3",)
    assert TextOptions(word_ngrams=["1", "3"]).word_ngrams == (1, 3)
    assert TextOptions(text_fields=["a", "b"], text_weights=["2", "0.5"]).text_weights == (2.0, 0.5)


def test_the_spec_has_the_fields_in_their_order_and_the_settings_of_terms():
    options = TextOptions(text_fields=["a", "b"], text_weights=[2, 1], fields_apart=True, char_ngrams=(3, 5))
    expected = TextSpec((TextField("a", 2.0, True), TextField("b", 1.0, True)), char_ngrams=(3, 5))
    assert options.spec(["a", "b"]) == expected
    assert TextOptions().spec(["text"]) == TextSpec((TextField("text"),))


def test_given_are_the_options_that_differ_from_their_defaults():
    assert TextOptions(word_ngrams=(1, 2), text_fields=()).given == {}
    options = TextOptions(max_vocabulary=9, text_fields="a")
    assert options.given == {"text_fields": ("a",), "max_vocabulary": 9}
    assert repr(options) == "TextOptions(text_fields=('a',), max_vocabulary=9)"


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"input_format": "xml"}, "input_format must be one of auto, bow, jsonl, csv,"),
        ({"text_fields": [""]}, "text_fields must name fields (got an empty name)."),
        ({"text_fields": ["a", "a"]}, "text_fields must name each field once (got 'a' twice)."),
        ({"label_field": [b"a"]}, "label_field must hold texts (got b'a' at position 0)."),
        ({"text_fields": "a", "label_field": "a"}, "A field must hold either texts or labels (got 'a' for both)."),
        ({"text_weights": [1]}, "text_weights must hold one weight per text field (got 1 for 0 text_fields). Name"),
        ({"text_fields": ["a"], "text_weights": ["x"]}, "the weight of text field a must be a finite number (got 'x')"),
        ({"text_fields": ["a"], "text_weights": [0]}, "The weight of text field a must be from"),
        ({"label_separator": ""}, "label_separator must be one or more characters (got '')."),
        ({"min_label_count": 0}, "min_label_count must be at least 1 (got 0)."),
        ({"word_ngrams": 2}, "word_ngrams must be two numbers"),
        ({"word_ngrams": ["1", "x"]}, "word_ngrams must be two numbers"),
        ({"word_ngrams": (0, 0)}, "word_ngrams and char_ngrams must not both be (0, 0)"),
        ({"max_document_fraction": 1.5}, "max_document_fraction must be at most 1.0 (got 1.5)."),
        ({"fields_apart": 1}, "fields_apart must be True or False (got 1)."),
    ],
)
def test_refusals_name_the_option(options, message):
    with pytest.raises(InputError, match=re.escape(message)):
        TextOptions(**options)
