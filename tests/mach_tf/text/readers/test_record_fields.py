from __future__ import annotations

import pytest

from mach_tf.text.readers.record import Fault
from mach_tf.text.readers.record_fields import RecordFields, split_labels
from mach_tf.text.readers.settings import InputSettings


def _read(record, labels=("tags",), texts=("text",), separator=None, optional=False):
    fields = RecordFields(InputSettings("jsonl", texts, labels, separator, optional))
    found = fields.read(record)
    return list(found[0]), list(found[1])


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (["x", "y"], ["x", "y"]),
        ([3, 18446744073709551615, "z"], ["3", "18446744073709551615", "z"]),
        ("x", ["x"]),
        (7, ["7"]),
        ([], []),
        (None, []),
        ("", []),
        (["a;b"], ["a;b"]),
    ],
)
def test_labels_are_strings_or_whole_numbers(value, expected):
    assert _read({"text": "a", "tags": value}) == (["a"], expected)


@pytest.mark.parametrize("value", [1.0, True, [None], [["x"]], [1.5], {"x": 1}, [{"x": 1}], [False]])
def test_other_labels_are_refused(value):
    with pytest.raises(Fault, match=r"a label must be a string or a whole number \(got .* in tags\)"):
        _read({"text": "a", "tags": value})


def test_negative_numbers_are_no_labels():
    with pytest.raises(Fault, match=r"must not be negative \(got -1 in tags\)"):
        _read({"text": "a", "tags": [3, -1]})


@pytest.mark.parametrize("value", [1, 1.5, True, ["a"], {"a": "b"}])
def test_texts_are_strings(value):
    with pytest.raises(Fault, match=r"a text must be a string \(got .* in text\)"):
        _read({"text": value, "tags": ["x"]})


@pytest.mark.parametrize(
    ("record", "message"),
    [
        ({"text": ["a", "b"], "tags": 1}, "in text); join its parts into one string."),
        ({"text": {"en": "a", "de": "b"}, "tags": 1}, "name a field of the object, such as text.en or text.de."),
        ({"text": "a", "tags": [{"name": "x", "id": 3}]}, "such as tags.name or tags.id."),
        ({"text": "a", "tags": {"name": "x"}}, "such as tags.name."),
        ({"text": [1], "tags": 1}, "(got [1] in text)."),
        ({"text": {}, "tags": 1}, "(got {} in text)."),
    ],
)
def test_a_remedy_is_named_for_lists_and_objects(record, message):
    with pytest.raises(Fault) as raised:
        _read(record)
    assert str(raised.value).endswith(message)


@pytest.mark.parametrize("record", [{"a": {}}, {"a": {"b": {}}}, {"a": [{"b": {"c": "x"}}, {"b": {}}]}])
def test_nested_labels_may_be_missing_if_labels_are_optional(record):
    record["text"] = "a"
    assert _read(record, labels=("a.b.c",), optional=True) == (["a"], [])
    with pytest.raises(Fault, match=r"must have the field"):
        _read(record, labels=("a.b.c",))


def test_null_is_an_empty_text():
    assert _read({"a": None, "b": "b", "tags": 1}, texts=("a", "b"))[0] == ["", "b"]


def test_dots_lead_to_nested_fields():
    record = {"doc": {"title": "t", "meta": {"tags": [1, 2]}}, "doc.title": "literal"}
    assert _read(record, texts=("doc.title",), labels=("doc.meta.tags",)) == (["literal"], ["1", "2"])
    del record["doc.title"]
    assert _read(record, texts=("doc.title",), labels=("doc.meta.tags",)) == (["t"], ["1", "2"])
    assert _read({"doc": None, "text": "a", "tags": 1}, texts=("doc.title", "text"))[0] == ["", "a"]


def test_dots_lead_into_lists_of_labels():
    record = {"text": "a", "subjects": [{"uri": "x"}, {"uri": "y"}, {"uri": ["z", 3]}]}
    assert _read(record, labels=("subjects.uri",))[1] == ["x", "y", "z", "3"]
    with pytest.raises(Fault, match=r"the list on the way to subjects.uri must hold objects"):
        _read({"text": "a", "subjects": ["x"]}, labels=("subjects.uri",))
    with pytest.raises(Fault, match=r"a text must be a string|must have the field"):
        _read({"text": [{"a": "x"}], "tags": 1}, texts=("text.a",))


def test_several_label_fields_follow_each_other():
    assert _read({"text": "a", "p": "x", "q": ["y", "x"]}, labels=("p", "q"))[1] == ["x", "y", "x"]


def test_a_missing_field_is_named_with_those_that_are_there():
    with pytest.raises(Fault, match=r"must have the field text \(got the fields title, tags\)"):
        _read({"title": "a", "tags": []})
    with pytest.raises(Fault, match="must have the field tags"):
        _read({"text": "a"})
    with pytest.raises(Fault, match=r"must have the field tags.uri \(got the fields text, tags\)"):
        _read({"text": "a", "tags": {"url": 1}}, labels=("tags.uri",))


def test_missing_labels_are_none_if_they_are_optional():
    assert _read({"text": "a"}, optional=True) == (["a"], [])
    assert _read({"text": "a"}, labels=("x.y",), optional=True) == (["a"], [])


@pytest.mark.parametrize(
    ("text", "separator", "expected"),
    [
        ("a;b", None, ["a;b"]),
        ("a;b", ";", ["a", "b"]),
        (" a ; ;b;", ";", ["a", "b"]),
        ("a b  c", " ", ["a", "b", "c"]),
        ("a||b", "||", ["a", "b"]),
        ("  ", None, []),
    ],
)
def test_strings_of_labels_are_split(text, separator, expected):
    assert split_labels(text, separator) == expected


@pytest.mark.parametrize(
    ("record", "message"),
    [
        ({"text": "a", "tags": 3.0}, "(got 3.0 in tags); write it as 3."),
        ({"text": "a", "tags": 3.5}, "(got 3.5 in tags)."),
        ({"text": {"0": "a", "1": "b"}, "tags": 1}, "(pandas: to_json(FILE, orient='records', lines=True))."),
    ],
)
def test_what_pandas_writes_is_told_with_what_to_do(record, message):
    with pytest.raises(Fault) as raised:
        _read(record)
    assert str(raised.value).endswith(message)
