from __future__ import annotations

import gzip
import json

import pytest

from mach_tf.errors import InputError
from mach_tf.text.readers.label_names import LabelNames, read_label_names


def _read(folder, data: str | bytes) -> LabelNames:
    path = folder / "names"
    path.write_bytes(data.encode() if isinstance(data, str) else data)
    return read_label_names(str(path))


def test_keys_with_names(tmp_path):
    names = _read(
        tmp_path, "\ufeffurn:1\tOptics\r\n<http://a.org/2>\tKünstliche Intelligenz\r\n\r\nx y\t 3.14 \t12.3\n"
    )
    assert names.by_position is None
    assert names.by_key == {"urn:1": "Optics", "http://a.org/2": "Künstliche Intelligenz", "x y": "3.14"}


def test_a_name_per_line(tmp_path):
    names = _read(tmp_path, "optics\r\n\r\nlasers")
    assert names.by_key is None
    assert names.by_position == ["optics", "", "lasers"]


def test_the_repositorys_file_of_labels(tmp_path):
    lines = [{"uid": "B0", "title": "A book\nabout x"}, {"uid": "B1", "title": ""}, {"uid": "B2", "title": "ü"}]
    data = gzip.compress("\n".join(map(json.dumps, lines)).encode())
    assert _read(tmp_path, data).by_position == ["A book about x", "", "ü"]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("a\tx\na\ty\n", "line 2: a label must have one name .got 'x' and 'y' for 'a'"),
        ("a\tx\nb\n", "line 2: a line must be a key, a tab and a name .got 'b'"),
        ("a\tx\nb\tc\td\te\n", "line 2: a line must be a key, a tab and a name"),
        ("a\tx\n\ty\n", "line 2: the key of a label must not be empty"),
        ("a\tx\nb\t\n", "line 2: the name of a label must not be empty"),
        ("a\nb\tc\n", "line 2: the name of a label must have no control characters"),
        ("a\nb\x1b[31m\n", "line 2: the name of a label must have no control characters"),
        ("a\u2028b\n", "line 1: the name of a label must have no control characters"),
        (b"a\n\xff\n", "line 2: text must be UTF-8"),
        ('{"title": "a"}\n{"name": "b"}\n', 'line 2: a line must have the field "title"'),
        ('{"title": "a"}\n{"title": \n', "line 2: a line must be one JSON object"),
        ("a\n" + "x" * 1001 + "\n", "line 2: the name of a label must have at most 1000 characters"),
        ("", "line 1: there must be a name .got an empty file"),
    ],
)
def test_bad_lines_are_refused(tmp_path, text, message):
    with pytest.raises(InputError, match=message):
        _read(tmp_path, text)


def test_equal_lines_are_one(tmp_path):
    assert _read(tmp_path, "a\tx\na\tx\n").by_key == {"a": "x"}
