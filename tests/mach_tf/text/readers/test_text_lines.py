from __future__ import annotations

import pytest

from mach_tf.data.textfile import TextFile
from mach_tf.text.readers.record import Fault
from mach_tf.text.readers.text_lines import check_utf8, next_block, next_lines, peek_lines


def _file(folder, data: bytes) -> TextFile:
    path = folder / "file"
    path.write_bytes(data)
    return TextFile(str(path))


def test_line_ends_and_the_byte_order_mark_are_left_out(tmp_path):
    with _file(tmp_path, b"\xef\xbb\xbfa\r\n\xef\xbb\xbfb\r\r\n\nc") as file:
        blocks = [next_block(file, 1000) for _ in range(3)]
    assert [block.lines for block in blocks] == [["a", "\ufeffb\r", ""], ["c"], []]
    assert [block.first for block in blocks] == [1, 4, 5]


def test_lines_have_their_numbers_whatever_the_blocks(tmp_path):
    with _file(tmp_path, b"".join(b"%d\n" % number for number in range(1, 500))) as file:
        assert peek_lines(file, 40).lines[:3] == peek_lines(file, 2000).lines[:3] == ["1", "2", "3"]
        found = []
        for turn in range(1000):
            block = next_lines(file, 3) if turn % 2 else next_block(file, 30)
            found += [(number, int(line)) for number, line in enumerate(block.lines, block.first)]
    assert found == [(number, number) for number in range(1, 500)]


def test_only_line_feeds_end_lines(tmp_path):
    text = "a\x0b\x0c\x1c\x85\u2028\u2029\rb"
    with _file(tmp_path, f"{text}\n".encode()) as file:
        assert next_block(file, 1000).lines == [text]


def test_a_byte_that_is_not_utf8_is_named(tmp_path):
    with _file(tmp_path, "gut\nschön\n".encode("latin-1")) as file:
        block = next_block(file, 1000)
    assert block.broken
    check_utf8(block.lines[0])
    with pytest.raises(Fault, match=r"text must be UTF-8 \(got the byte 0xf6 at position 3, in 'sch\\\\xf6n'\)"):
        check_utf8(block.lines[1])
