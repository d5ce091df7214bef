"""What is recognised, against files that the standard library writes; text is not."""

from __future__ import annotations

import bz2
import gzip
import io
import lzma
import pickle
import tarfile
import zipfile

import numpy as np
import pytest
import scipy.sparse

from mach_tf import file_kinds

MEMBERS = ["d/train.txt", "d/test.txt", "d/readme", "d/more"]


def make_zip(members):
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as archive:
        # ZipInfo has a fixed date: the bytes are in the names of tests, which all processes must agree on.
        archive.writestr(zipfile.ZipInfo("d/"), b"")
        for name in members:
            archive.writestr(zipfile.ZipInfo(name), b"1 2 3\n")
    return file.getvalue()


def make_tar(members, mode="w", format=tarfile.PAX_FORMAT):
    file = io.BytesIO()
    with tarfile.open(fileobj=file, mode=mode, format=format) as archive:
        for name in members:
            info = tarfile.TarInfo(name)
            info.size = 6
            archive.addfile(info, io.BytesIO(b"1 2 3\n"))
    return file.getvalue()


def make_npz():
    file = io.BytesIO()
    scipy.sparse.save_npz(file, scipy.sparse.eye(3, format="csr"))
    return file.getvalue()


def make_npy():
    file = io.BytesIO()
    np.save(file, np.eye(3))
    return file.getvalue()


def recognise(tmp_path, content, decompressed=False):
    path = tmp_path / "a file"
    path.write_bytes(content)
    return file_kinds.recognise(content[:512], str(path), decompressed)


@pytest.mark.parametrize(
    ("content", "name"),
    [
        (make_zip(MEMBERS[:1]), "a zip archive of d/train.txt"),
        (make_zip(MEMBERS[:2]), "a zip archive of d/train.txt and d/test.txt"),
        (make_zip(MEMBERS), "a zip archive of d/train.txt, d/test.txt, d/readme and others"),
        (make_zip(["bad\nname"]), "a zip archive of bad?name"),
        (make_zip(MEMBERS)[:60], "a zip archive that is cut off or damaged"),
        (make_npz(), "a NumPy .npz file of indices.npy, indptr.npy, format.npy and others"),
        (make_tar(MEMBERS[:2]), "a tar archive of d/train.txt and d/test.txt"),
        (make_tar(MEMBERS, format=tarfile.GNU_FORMAT), "a tar archive of d/train.txt, d/test.txt, d/readme and others"),
        (make_tar(MEMBERS)[:700], "a tar archive of d/train.txt"),
        (make_npy(), "a NumPy array"),
        (gzip.compress(b"1 2 3\n", mtime=0), "a file compressed by gzip"),
        (bz2.compress(b"1 2 3\n"), "a file compressed by bzip2"),
        (lzma.compress(b"1 2 3\n"), "a file compressed by xz"),
        (lzma.compress(b"1 2 3\n", format=lzma.FORMAT_ALONE), "a file compressed by lzma"),
        (b"\x28\xb5\x2f\xfd\x04\x00", "a file compressed by Zstandard"),
        (pickle.dumps([1, 2], 2), "a Python pickle"),
        (pickle.dumps([1, 2], 5), "a Python pickle"),
        ("1 2 3\n".encode("utf-16"), "text in UTF-16"),
        (b"\n <!DOCTYPE html><p>", "a web page"),
        (b"\x01\x00\x02", "binary data"),
    ],
)
def test_what_is_not_text_is_named(tmp_path, content, name):
    kind = recognise(tmp_path, content)
    assert kind is not None and kind.name == name
    assert kind.advice.endswith(".") and "{" not in kind.advice


@pytest.mark.parametrize(
    "text", [b"", b"3 4 5\n", b"0,1 1:2\n", b"PK 1", b"\xef\xbb\xbf3 4 5", "ö".encode(), b"x" * 600, b"1 2 3\n\x00\n"]
)
def test_text_is_not_named(tmp_path, text):
    assert recognise(tmp_path, text) is None


def test_the_advice_is_a_command_that_a_shell_reads(tmp_path):
    assert recognise(tmp_path, make_zip(MEMBERS)).advice == (
        f"Give the text in it by its path, '{tmp_path}/a file'/MEMBER, or extract it (unzip '{tmp_path}/a file')."
    )
    assert f"(gunzip -c '{tmp_path}/a file' > FILE)" in recognise(tmp_path, gzip.compress(b"")).advice


def test_what_is_inside_a_compressed_file(tmp_path):
    """The file on disk is the compressed one; the first bytes are those after decompression."""
    path = tmp_path / "archive.tar.gz"
    path.write_bytes(make_tar(MEMBERS[:2], "w:gz"))
    kind = file_kinds.recognise(make_tar(MEMBERS[:2])[:512], str(path), decompressed=True)
    assert kind.name == "a tar archive of d/train.txt and d/test.txt"
    assert recognise(tmp_path, gzip.compress(b"x"), True) == (
        "a file compressed by gzip, inside another compression",
        "Decompress it once, and give the result.",
    )


def test_a_large_archive_is_not_read_to_its_end(tmp_path, monkeypatch):
    monkeypatch.setattr(file_kinds, "_SEARCHED_BYTES", 1000)
    assert recognise(tmp_path, make_tar(MEMBERS[:3])).name == "a tar archive of d/train.txt, d/test.txt and others"


def test_members_of_a_pipe_are_not_read():
    assert file_kinds.recognise(make_zip(MEMBERS)[:512], "/dev/stdin").name == "a zip archive"


def test_a_workbook_is_told_to_be_saved_as_csv(tmp_path):
    path = tmp_path / "a.xlsx"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("[Content_Types].xml", "")
        archive.writestr("xl/workbook.xml", "")
    kind = file_kinds.recognise(path.read_bytes(), str(path))
    assert kind.name == "an Excel workbook" and "CSV (UTF-8)" in kind.advice
