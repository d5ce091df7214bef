"""The header, and the advice for text that has none or another one."""

from __future__ import annotations

import gzip
import subprocess

import pytest

from mach_tf.data import text_header
from mach_tf.data.libsvm import TextReader
from mach_tf.data.text_header import FEATURES_ONLY, JOINT, LABELS_ONLY, read_header
from mach_tf.data.textfile import TextFile
from mach_tf.errors import InputError


def header_of(path, *forms):
    with TextFile(str(path)) as file:
        return read_header(file, *forms)


def refusal(tmp_path, content, *forms):
    path = tmp_path / "points.txt"
    path.write_bytes(content)
    with pytest.raises(InputError) as raised:
        header_of(path, *forms)
    return str(raised.value).replace(str(path), "PATH")


@pytest.mark.parametrize("line", ["3 10 5", "3  10\t5 ", " 3 10 5", "0003 10 5"])
@pytest.mark.parametrize("end", ["\n", "\r\n", ""])
def test_numbers_are_read(tmp_path, line, end):
    (tmp_path / "a").write_bytes(f"{line}{end}".encode())
    assert header_of(tmp_path / "a", JOINT) == [3, 10, 5]


@pytest.mark.parametrize(("line", "numbers"), [("3 10", [3, 10]), ("3 10 5", [3, 10, 5])])
def test_either_of_two_forms(tmp_path, line, numbers):
    (tmp_path / "a").write_text(f"{line}\n")
    assert header_of(tmp_path / "a", JOINT, FEATURES_ONLY) == numbers


def test_both_forms_are_named_if_neither_fits(tmp_path):
    assert "the header must be 3 or 2 numbers below 2^31, 'points features labels' or 'points features' (got 'x')" in (
        refusal(tmp_path, b"x\n", JOINT, FEATURES_ONLY)
    )


@pytest.mark.parametrize(
    ("content", "advice"),
    [
        (b"\xef\xbb\xbf3 10 5\n", "remove it (sed -i '1s/^\\xEF\\xBB\\xBF//' PATH)."),
        (b"3 10 5\r0 1:1\r", "convert them (tr '\\r' '\\n' < PATH > FILE)."),
        (b"3,10,5\n", "Separate the numbers by blanks alone."),
        (b"3; 10; 5\n", "Separate the numbers by blanks alone."),
        (b"%%MatrixMarket matrix coordinate\n", "scipy.io.mmread"),
        (b'{"labels": [1]}\n', "It seems to be JSON"),
        (b"3 10\n", "Two numbers are the header of the split form"),
        (b"3 10 5 2\n", "Check that it is the right file."),
        (b"-3 10 5\n", "Check that it is the right file."),
        (b"title\n", "Check that it is the right file."),
        (b"A history of tea\n", "If it holds texts, give input_format"),
    ],
)
def test_what_the_file_seems_to_be(tmp_path, content, advice):
    message = refusal(tmp_path, content, JOINT)
    assert message.startswith("PATH, line 1: the header must be 3 numbers below 2^31, 'points features labels' (got ")
    assert advice in message


def test_the_joint_form_where_the_split_form_is_expected(tmp_path):
    assert "Three numbers are the header of the joint form" in refusal(tmp_path, b"3 10 5\n", FEATURES_ONLY)


@pytest.mark.parametrize(
    ("content", "forms", "header"),
    [
        (b"0,1 1:1 4:0.5\n2 2:1\n5 5:2\n", JOINT, "3 6 6"),
        (b"1:1 4:0.5\n0 2:1", JOINT, "2 5 1"),
        (b" 1:1\n", JOINT, "1 2 0"),
        (b"3\n0 1:1\n", JOINT, None),
        (b"1:1 4:0.5\n2:1\n", FEATURES_ONLY, "2 5"),
        (b"3:1 1:1\n2:1\n", LABELS_ONLY, "2 4"),
        (b"+1 1:1\n-1 2:1\n", JOINT, "POINTS FEATURES LABELS"),
        (b"1.0 1:1\n", JOINT, "POINTS FEATURES LABELS"),
        (b"0 1:1\n0 x\n", JOINT, "POINTS FEATURES LABELS"),
    ],
)
def test_libsvm_text_gets_the_header_to_prepend(tmp_path, content, forms, header):
    message = refusal(tmp_path, content, forms)
    assert (f'prepend one ("(echo {header}; cat PATH) > FILE")' in message) is (header is not None)
    assert ("which are at least these" in message) is (header is not None and header[0].isdigit())


@pytest.mark.parametrize("compress", [bytes, gzip.compress])
def test_the_command_makes_text_that_is_read(tmp_path, compress):
    path = tmp_path / "a file"
    path.write_bytes(compress(b"0,1 1:1 4:0.5\n2 2:1\n5 5:2\n"))
    with pytest.raises(InputError) as raised:
        TextReader(str(path))
    command = str(raised.value).split('"')[1]
    subprocess.run(command, shell=True, cwd=tmp_path, check=True)
    assert TextReader(str(tmp_path / "FILE")).header == (3, 6, 6)


def test_a_large_file_is_not_counted(tmp_path, monkeypatch):
    monkeypatch.setattr(text_header, "_COUNTED_BYTES", 10)
    assert "(echo POINTS FEATURES LABELS; cat PATH)" in refusal(tmp_path, b"0,1 1:1 4:0.5\n2 2:1\n", JOINT)


@pytest.mark.parametrize("content", [b"0 10 5\n", b"3 0 5\n"])
def test_a_header_of_nothing_is_refused(tmp_path, content):
    assert "a file must have at least one point and one feature" in refusal(tmp_path, content, JOINT)
