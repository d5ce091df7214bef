from __future__ import annotations

import gzip

import pytest

from mach_tf.errors import InputError
from mach_tf.text.readers.settings import InputSettings
from tests.mach_tf.text.readers.reading import read

LINES = InputSettings("lines")


def _write(folder, texts: bytes, labels: bytes):
    (folder / "texts.txt").write_bytes(texts)
    (folder / "labels.txt").write_bytes(labels)
    return folder / "texts.txt", folder / "labels.txt"


@pytest.mark.parametrize("n_bytes", [1, 1 << 20])
def test_lines_belong_together(tmp_path, n_bytes):
    texts, labels = _write(tmp_path, "\ufeffone, a\r\nzwei ö\r\n".encode(), b"\xef\xbb\xbf3 x\r\ny  3\r\n")
    assert read(texts, LINES, labels, n_bytes) == ([(1, ("one, a",), ("3", "x")), (2, ("zwei ö",), ("y", "3"))], [])


def test_each_file_may_be_compressed_and_labels_may_have_a_separator(tmp_path):
    texts, labels = _write(tmp_path, gzip.compress(b"one\ntwo"), b"a b; c\nd\n")
    settings = InputSettings("auto", label_separator=";")
    assert [record.labels for record in read(texts, settings, labels)[0]] == [("a b", "c"), ("d",)]


def test_bad_lines_name_their_file(tmp_path):
    texts, labels = _write(tmp_path, b"one\n \nthree\nfour\n\xff\nsix\n", b"a\nb\n\n\xff\ne\n\xff x\n")
    records, bad_lines = read(texts, LINES, labels)
    assert [record.line for record in records] == [1]
    assert [(line.path, line.line) for line in bad_lines] == [
        (str(texts), 2),
        (str(labels), 3),
        (str(labels), 4),
        (str(texts), 5),
        (str(labels), 6),
    ]
    assert bad_lines[1].problem == "a record must have a label (got none)."


@pytest.mark.parametrize(("n_texts", "n_labels"), [(5, 4), (4, 5), (5000, 4000), (4000, 5000)])
@pytest.mark.parametrize("n_bytes", [1, 1 << 20])
def test_files_of_different_lengths_are_refused(tmp_path, n_texts, n_labels, n_bytes):
    texts, labels = _write(tmp_path, b"one\n" * n_texts, b"a\n" * n_labels)
    with pytest.raises(InputError, match=f"must have equally many lines .got {n_texts} and {n_labels}"):
        read(texts, LINES, labels, n_bytes)


def test_texts_alone(tmp_path):
    texts, _ = _write(tmp_path, b"one\n\nthree", b"")
    records, bad_lines = read(texts, InputSettings("lines", labels_optional=True))
    assert [record.texts for record in records] == [("one",), ("three",)]
    assert [line.line for line in bad_lines] == [2]
