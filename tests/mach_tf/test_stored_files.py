from __future__ import annotations

import hashlib

import pytest

from mach_tf.errors import InputError
from mach_tf.stored_files import StoredFile


def test_all_files_but_one_are_described(tmp_path):
    (tmp_path / "below").mkdir()
    (tmp_path / "below" / "data").write_bytes(b"weights")
    (tmp_path / "list.json").write_bytes(b"{}")
    digest = hashlib.sha256(b"weights").hexdigest()
    assert StoredFile.all_in(str(tmp_path), "list.json") == {"below/data": StoredFile(7, digest)}


@pytest.mark.parametrize(("size", "digest"), [(-1, "0" * 64), (3, "0" * 63), (3, "G" * 64)])
def test_impossible_descriptions_are_refused(size, digest):
    with pytest.raises(InputError, match="a file must have a size and a SHA-256"):
        StoredFile(size, digest)
