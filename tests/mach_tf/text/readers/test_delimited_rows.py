from __future__ import annotations

import csv
import random
import re

import pytest

from mach_tf.text.readers import delimited_rows
from mach_tf.text.readers.delimited_rows import RowSplitter
from mach_tf.text.readers.record import Fault
from mach_tf.text.readers.text_lines import LineBlock


def _rows(text: str, delimiter: str = ",", lines_per_block: int = 1000, broken: bool = False):
    splitter = RowSplitter(delimiter)
    lines, rows = text.split("\n"), []
    if not lines[-1]:
        lines.pop()
    for begin in range(0, len(lines), lines_per_block):
        rows += splitter.rows(LineBlock(1 + begin, lines[begin : begin + lines_per_block], broken))
    rows += splitter.rows(LineBlock(1 + len(lines), [], broken))
    return [(row.line, "fault" if isinstance(row.cells, Fault) else row.cells) for row in rows]


@pytest.mark.parametrize("lines_per_block", [1, 2, 1000])
def test_quoted_cells_hold_delimiters_line_breaks_and_quotes(lines_per_block):
    text = 'a,"b, ""c""",d\n"1\n\n2\n",,"""\n"""\n"",x,\n\nplain,"",5" screen\n'
    assert _rows(text, lines_per_block=lines_per_block) == [
        (1, ["a", 'b, "c"', "d"]),
        (2, ["1\n\n2\n", "", '"\n"']),
        (7, ["", "x", ""]),
        (9, ["plain", "", '5" screen']),
    ]


def test_a_row_of_one_empty_cell_is_written_with_quotes():
    assert _rows('""\n\n""\n') == [(1, [""]), (3, [""])]


@pytest.mark.parametrize("lines_per_block", [1, 3, 1000])
@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ('a,"b\nc,d\ne,f', [(1, "fault"), (2, ["c", "d"]), (3, ["e", "f"])]),
        ('a,"b" c\nd,e', [(1, "fault"), (2, ["d", "e"])]),
        ('"a\nb" c,d\ne', [(1, "fault"), (2, ['b" c', "d"]), (3, ["e"])]),
        ('"a', [(1, "fault")]),
        ('a,"', [(1, "fault")]),
    ],
)
def test_a_fault_of_quotes_costs_one_line(text, expected, lines_per_block):
    assert _rows(text, lines_per_block=lines_per_block) == expected


def test_quotes_that_are_never_closed_do_not_take_the_whole_file(monkeypatch):
    monkeypatch.setattr(delimited_rows, "MAX_LINE_BYTES", 100)
    rows = _rows('"a,b\n' + "c,d\n" * 50, lines_per_block=10)
    assert rows == [(1, "fault"), *((line, ["c", "d"]) for line in range(2, 52))]


@pytest.mark.parametrize(("last", "faults"), [("", 5_000), ('x"y\n', 5_000), ('x"\n', 0), ("x\n", 5_000)])
def test_many_open_cells_take_linear_time(last, faults):
    """Each of these lines ends in an open cell, whether it begins in one or not."""
    rows = _rows('x","\n' * 5_000 + last, lines_per_block=1_000)
    assert sum(cells == "fault" for _, cells in rows) == faults
    assert len(rows) == (1 if last == 'x"\n' else 5_000 + bool(last))


def test_a_row_has_a_number_of_lines_that_memory_can_hold(monkeypatch):
    monkeypatch.setattr(delimited_rows, "MAX_ROW_LINES", 20)
    assert _rows('"' + "a\n" * 19 + '",b\n')[0][1] == ["a\n" * 19, "b"]
    assert _rows('"' + "a\n" * 20 + '",b\n')[:2] == [(1, "fault"), (2, ["a"])]


def test_bytes_that_are_not_utf8_are_found_in_rows_that_go_on_in_a_whole_block():
    splitter = RowSplitter(",")
    assert list(splitter.rows(LineBlock(1, ['"\udce4'], True))) == []
    (row,) = splitter.rows(LineBlock(2, ['",b'], False))
    assert isinstance(row.cells, Fault)


def test_bytes_that_are_not_utf8_are_faults_of_their_row():
    assert _rows('a,b\n\udce4,c\n"x\n\udce4",d\ne,f', broken=True) == [
        (1, ["a", "b"]),
        (2, "fault"),
        (3, "fault"),
        (5, ["e", "f"]),
    ]


@pytest.mark.parametrize("seed", range(20))
def test_rows_are_those_of_pythons_csv_module(seed):
    generator = random.Random(seed)
    for _ in range(200):
        text = "".join(
            generator.choice(('"', '"', ",", "\n", "a", " ", '""', ',"', '",', "\x0b", "ä")) for _ in range(20)
        )
        rows = [cells for _, cells in _rows(text, lines_per_block=generator.choice((1, 3, 1000)))]
        expected = []
        try:
            for cells in csv.reader(re.findall(r".*\n|.+", text), strict=True):
                expected.append(cells)
        except csv.Error:
            expected.append("fault")
        # Lines of blanks are no rows here.
        expected = [
            cells for cells in expected if cells == "fault" or (cells and not (len(cells) == 1 and cells[0].isspace()))
        ]
        blank = [cells for cells in rows if len(cells) == 1 and cells[0].isspace()]
        if not blank:
            assert rows[: len(expected)] == expected[: len(rows)], repr(text)
        if "fault" not in expected and not blank:
            assert rows == expected, repr(text)


def test_a_long_cell_with_many_quotes_is_read():
    cell = 'he said ""x"" and\n' * 100_000
    assert _rows(f'1,"{cell}",2\n', lines_per_block=1_000_000)[0][1][1] == cell.replace('""', '"')
