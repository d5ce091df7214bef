"""What a bad line's message says: the rule, what stands there, and what was probably meant."""

from __future__ import annotations

import pytest

from mach_tf.data import libsvm
from mach_tf.data.bad_line import BadLine, show


@pytest.mark.parametrize(
    ("line", "shown"),
    [
        ("0, 1 0:1", "got '0, 1', with a blank after a comma"),
        ("0,\t1 0:1", "got '0, 1', with a blank after a comma"),
        ("2,0, 1 0:1", "got '2,0, 1', with a blank after a comma"),
        ("0, ", "got '0,', with a blank after a comma"),
        (",0 0:1", "got ',0')"),
        ("0 3: .50", "got '3: .50', with a blank after the colon"),
        ("0 3:", "got '3:')"),
        ("0 3:0,5", "got '3:0,5', with a comma for the decimal point"),
        ("0 1:1 # doc", "got '#'; the format has no comments"),
        ("0 qid:7 1:1", "got 'qid:7'; the format has no query ids"),
        ("0 1 1:1", "got '1'; labels are separated by commas alone"),
        ("0 1:1 7", "got '7')"),
        ("0 9:1", "got '9:1'; ids count from 0"),
        ("0 10:1", "got '10:1')"),
        ("4 1:1", "got '4'; ids count from 0"),
        ("3,5 1:1", "got '5')"),
    ],
)
@pytest.mark.parametrize("before", ["", "0 1:1\n"])
@pytest.mark.parametrize("end", ["\n", "\r\n"])
def test_what_was_meant(line, shown, before, end):
    block = libsvm.TextBlock("file", f"{before}{line}{end}1 2:1\n".encode(), 0, libsvm.Header(3, 9, 4))
    (bad,) = libsvm.parse(block).bad_lines
    assert bad.line == 3 if before else 2
    assert shown in str(bad) and str(bad).endswith(").")


def test_it_reads_as_a_sentence():
    assert str(BadLine("a.txt", 3, "a rule (got 'x').")) == "a.txt, line 3: a rule (got 'x')."


def test_quotations_are_short():
    assert show(b"a\n") == "'a'" and len(show(b"\xff" * 500)) < 70
