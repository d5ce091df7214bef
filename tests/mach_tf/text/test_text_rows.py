from __future__ import annotations

import numpy as np
import pytest

from mach_tf.errors import InputError
from mach_tf.text.text_rows import text_rows

FIELDS = ("title", "body.text")


class Frame:
    """What of a DataFrame is used, without pandas."""

    columns = ("title", "body.text", "id")

    def __iter__(self):
        return iter(self.columns)

    def to_dict(self, orient):
        assert orient == "records"
        return [{"title": "A", "body.text": "B", "id": 1}, {"title": "C", "body.text": None, "id": 2}]


@pytest.mark.parametrize(
    ("texts", "rows"),
    [
        ("A", [["A", ""]]),
        (["A", ""], [["A", ""], ["", ""]]),
        ({"title": "A", "body.text": "B", "id": 3}, [["A", "B"]]),
        ([{"title": "A", "body": {"text": "B"}}, {"title": None, "body": None}], [["A", "B"], ["", ""]]),
        ([("A", "B"), ["C", "D"], "E"], [["A", "B"], ["C", "D"], ["E", ""]]),
        (np.array(["A", "B"]), [["A", ""], ["B", ""]]),
        ((text for text in "AB"), [["A", ""], ["B", ""]]),
        (np.array([["A", "B"]], object), [["A", "B"]]),
        (Frame(), [["A", "B"], ["C", ""]]),
        ([], []),
    ],
)
def test_every_form_gives_one_text_per_field(texts, rows):
    assert text_rows(texts, FIELDS) == rows


@pytest.mark.parametrize(
    ("texts", "message"),
    [
        (3, r"texts must be a list of texts, one per point \(got 3\)"),
        (b"A", "texts must be a list of texts"),
        (None, "texts must be a list of texts"),
        ({"A", "B"}, "texts must be a list of texts"),
        ({"title": ["A"], "body.text": ["B"]}, r"a text must be a string \(got \['A'\] in title\)"),
        (
            ["A", b"B"],
            r"a text, a mapping of fields to texts, or 2 text\(s\), of title, body\.text \(got b'B' for point 1\)",
        ),
        ([("A",)], r"got \('A',\) for point 0"),
        ([("A", 3)], "for point 0"),
        ([float("nan")], "got nan for point 0"),
        (["A", {"title": "A"}], r"texts, point 1: a record must have the field body\.text \(got the fields title\)"),
        ([{"title": 3, "body.text": ""}], r"texts, point 0: a text must be a string \(got 3 in title\)"),
    ],
)
def test_what_is_no_text_is_refused_by_its_point(texts, message):
    with pytest.raises(InputError, match=message):
        text_rows(texts, FIELDS)
