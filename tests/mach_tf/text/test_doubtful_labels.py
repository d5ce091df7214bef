"""Labels that look as if they were read wrongly are told; others are not."""

from __future__ import annotations

import pytest

import mach_tf
from mach_tf.text.doubtful_labels import doubts


@pytest.mark.parametrize("separator", [";", "|", ","])
def test_a_separator_that_was_not_given_is_named(separator):
    labels = [f"tea{separator}milk", "tea", "milk", f"milk {separator} tea"]
    (sentence,) = doubts(labels, ["tags"], None)
    assert sentence.startswith(f"2 of 4 labels contain {separator!r}") and f"label_separator={separator!r}" in sentence
    assert doubts(labels, ["tags"], "/") == [] and doubts(labels, [], None) == []


@pytest.mark.parametrize("labels", [[], ["a"], ["Bach, Johann", "Haydn, Joseph", "Bach, Anna"], ["http://a/1,2"]])
def test_labels_that_merely_contain_a_character_are_not_doubted(labels):
    assert doubts(labels, ["tags"], None) == []


def test_columns_of_zeros_and_ones_are_told_to_hold_no_names():
    (sentence,) = doubts(["0", "1"], ["cats", "dogs"], None)
    assert "'0' and '1', in 2 label fields" in sentence
    assert doubts(["0", "1"], ["class"], None) == [] and doubts(["0", "1", "2"], ["a", "b"], None) == []


@pytest.mark.parametrize(
    ("content", "fields", "expected"),
    [
        ("text,tags\na b,tea;milk\na b,tea\na b,milk\n", "tags", "1 of 3 labels contain ';'"),
        ("text,tea,milk\na b,1,0\na b,0,1\n", ["tea", "milk"], "The only labels are '0' and '1'"),
    ],
)
def test_the_report_of_a_conversion_has_the_doubts(tmp_path, content, fields, expected):
    (tmp_path / "a.csv").write_text(content)
    options = {"text_fields": "text", "label_field": fields, "progress": False}
    done = mach_tf.preprocess(tmp_path / "out", train=tmp_path / "a.csv", **options)
    assert expected in str(done) and expected in done.to_json()["notes"][0]
    assert expected.upper() in done.report(str.upper)


@pytest.mark.parametrize(
    ("labels", "sentence"),
    [
        (["['x', 'y']", "['x']"], "2 of 2 labels look like lists"),
        (['["x"]', "y", '["z", "x"]'], "2 of 3 labels look like lists"),
        (["__label__a", "__label__b"], "2 of 2 labels begin with '__label__'"),
        (["a,", "b,", "c"], "2 of 3 labels end with a separator"),
    ],
)
@pytest.mark.parametrize("fields", [["tags"], []])
def test_labels_that_were_written_with_something_else_are_told(labels, sentence, fields):
    (found,) = doubts(labels, fields, None)
    assert found.startswith(sentence) and "write the labels of a record with a separator" in found


@pytest.mark.parametrize("labels", [["Inc.,", "b", "c"], ["[x]", "[y]"], ["(a)", "b"], ["__label__", "a"]])
def test_names_with_such_characters_are_not_doubted(labels):
    assert doubts(labels, ["tags"], None) == []
