from __future__ import annotations

import csv
import io

import pytest

from mach_tf.errors import InputError
from mach_tf.text.readers.settings import InputSettings
from tests.mach_tf.text.readers.reading import problem, read, read_text

CSV = InputSettings("csv", ("title", "text"), ("tags",), ";")
ROWS = [
    ["id", "title", "tags", "text"],
    ["1", "Lasers, pulsed", "optics;lasers", 'a "short"\npulse'],
    ["2", "", "7; 9223372036854775808", "Künstliche 知能\t👩‍🔬"],
]
EXPECTED = [
    (2, ("Lasers, pulsed", 'a "short"\npulse'), ("optics", "lasers")),
    (4, ("", "Künstliche 知能\t👩‍🔬"), ("7", "9223372036854775808")),
]


def _written(rows, delimiter=",", end="\n", quoting=csv.QUOTE_MINIMAL) -> str:
    text = io.StringIO()
    csv.writer(text, delimiter=delimiter, lineterminator=end, quoting=quoting).writerows(rows)
    return text.getvalue()


@pytest.mark.parametrize("end", ["\n", "\r\n"])
@pytest.mark.parametrize("mark", ["", "\ufeff"])
@pytest.mark.parametrize("quoting", [csv.QUOTE_MINIMAL, csv.QUOTE_ALL])
@pytest.mark.parametrize("form", ["csv", "tsv"])
def test_rows_are_what_was_written(tmp_path, end, mark, quoting, form):
    text = mark + _written(ROWS, "," if form == "csv" else "\t", end, quoting)
    settings = InputSettings(form, ("title", "text"), ("tags",), ";")
    assert read_text(tmp_path, text, settings) == (EXPECTED, [])
    assert read_text(tmp_path, text, settings, n_bytes=5) == (EXPECTED, [])


def test_columns_by_number_have_no_header(tmp_path):
    settings = InputSettings("csv", ("1", "3"), ("2",), ";")
    assert read_text(tmp_path, _written(ROWS[1:]), settings)[0] == [(line - 1, *rest) for line, *rest in EXPECTED]


def test_a_header_may_hold_numbers(tmp_path):
    settings = InputSettings("csv", ("0",), ("1",))
    assert read_text(tmp_path, "0,1\na,x\n", settings)[0] == [(2, ("a",), ("x",))]
    assert read_text(tmp_path, "1,0\nx,a\n", settings)[0] == [(2, ("a",), ("x",))]
    assert read_text(tmp_path, "a,x\n", settings)[0] == [(1, ("a",), ("x",))]


def test_labels_may_have_several_columns(tmp_path):
    settings = InputSettings("csv", ("text",), ("p", "q", "r"))
    records, bad_lines = read_text(tmp_path, "text,p,q,r\na,x,,y\nb,,x;z,\nc,,,\n", settings)
    assert [record.labels for record in records] == [("x", "y"), ("x;z",)]
    assert [line.problem for line in bad_lines] == ["a record must have a label (got none in p, q, r)."]


def test_semicolons_are_found_by_the_names_of_the_columns(tmp_path):
    assert read_text(tmp_path, "text;tags\na, b;x\n", InputSettings("csv", ("text",), ("tags",)))[0] == [
        (2, ("a, b",), ("x",))
    ]


@pytest.mark.parametrize(
    ("row", "message"),
    [
        ("a,b", "a row must have the 3 columns of the header (got 2)."),
        ("a,b,x,d", "a row must have the 3 columns of the header (got 4)."),
        (
            'a,"b,x',
            "a cell that begins with a quote must end with one, in at most 1,048,576 lines (got no end of 'a,\"b,x').",
        ),
        ('a,"b"c,x', "must end at the next single one; write quotes inside it twice (got 'c,x' behind the quote)."),
        (",,x", "a record must have text (got none in title, text)."),
        ("a,b,", "a record must have a label (got none in tags)."),
        ("a,b,x\x1by", "a label must have no control characters"),
        ('a,b,"x\ny"', "a label must have no control characters"),
    ],
)
def test_bad_rows_are_told(tmp_path, row, message):
    assert message in problem(tmp_path, f"title,text,tags\n{row}\n", CSV)


def test_bytes_that_are_not_utf8_cost_their_row_alone(tmp_path):
    data = "text,tags\nä,1\n".encode() + "ä,2\n".encode("latin-1") + "ä,3\n".encode()
    records, bad_lines = read_text(tmp_path, data, InputSettings("csv", ("text",), ("tags",)))
    assert [record.line for record in records] == [2, 4]
    assert [line.problem for line in bad_lines] == [
        r"text must be UTF-8 (got the byte 0xe4 at position 0, in '\\xe4,2')."
    ]


@pytest.mark.parametrize(
    ("text", "settings", "message"),
    [
        ("a,b\n1,2\n", CSV, "first row: there must be a column 'title' .got 'a', 'b'.. Name the columns of the header"),
        ("title,text,tags,text\n", CSV, "first row: a column must be named once .got 'text' twice"),
        (
            "a,b\n",
            InputSettings("csv", ("0",), ("5",)),
            "there must be a column 5 .got 2 columns, numbered from 0: 'a', 'b'",
        ),
        ('"a,b\n', CSV, "first row: a cell that begins with a quote must end with one"),
        ("\n\n", CSV, "first row: there must be a row .got only empty lines"),
        (b"\xff,b\n", CSV, "first row: text must be UTF-8"),
    ],
)
def test_files_without_the_columns_are_refused(tmp_path, text, settings, message):
    with pytest.raises(InputError, match=message):
        read_text(tmp_path, text, settings)


def test_columns_of_labels_may_be_missing_if_labels_are_optional(tmp_path):
    settings = InputSettings("csv", ("text",), ("tags",), labels_optional=True)
    assert read_text(tmp_path, "id,text\n1,a\n", settings)[0] == [(2, ("a",), ())]
    assert read_text(tmp_path, "id,text,tags\n1,a,x\n", settings)[0] == [(2, ("a",), ("x",))]


def test_a_cell_of_many_lines_is_read(tmp_path):
    cell = "one line, with a comma\n" * 20_000
    text = _written([["text", "tags"], [cell, "x"], ["b", "y"]])
    records, _ = read_text(tmp_path, text, InputSettings("csv", ("text",), ("tags",)), n_bytes=1 << 14)
    assert [record.texts for record in records] == [(cell,), ("b",)]
    assert records[1].line == 20_003


@pytest.mark.parametrize(
    ("form", "content", "advice"),
    [
        ("csv", "text|tags\na b|x\n", "The columns are separated by '|': write them with commas or tabs."),
        ("csv", "text\ttags\na b\tx\n", r"The columns are separated by '\t': give input_format=tsv."),
        ("tsv", "text,tags\na b,x\n", "The columns are separated by ',': give input_format=csv."),
        ("csv", "sep=;\ntext;tags\na b;x\n", "The header stands in line 2: remove the lines before it (tail -n +2 "),
        (
            "tsv",
            "# by x\n\ntext\ttags\na b\tx\n",
            "The header stands in line 3: remove the lines before it (tail -n +3 ",
        ),
        ("csv", "Text,tags\na b,x\n", "Did you mean 'Text'? Name the columns of the header"),
        ("csv", "body,tags\na b,x\n", "Name the columns of the header, or give numbers from 0 if there is none."),
    ],
)
def test_a_column_that_is_not_found_is_told_with_what_to_do(tmp_path, form, content, advice):
    with pytest.raises(InputError) as raised:
        read_text(tmp_path, content, InputSettings(form, ("text",), ("tags",)))
    assert "there must be a column 'text'" in str(raised.value) and advice in str(raised.value)


def test_a_format_whose_header_was_found_is_not_doubted(tmp_path):
    (tmp_path / "a.csv").write_text("text,tags\na b,\n")
    _, bad_lines = read(tmp_path / "a.csv", InputSettings("auto", ("text",), ("tags",)))
    assert [str(line) for line in bad_lines] == [
        f"{tmp_path}/a.csv, line 2: a record must have a label (got none in tags)."
    ]
