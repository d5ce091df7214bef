from __future__ import annotations

import pytest

from mach_tf.errors import InputError
from mach_tf.serving.service.token_file import read_token


def test_the_token_is_read_without_blanks_around_it(tmp_path):
    (tmp_path / "token").write_text(" s3cret\n")
    assert read_token(str(tmp_path / "token")) == "s3cret"


def test_a_missing_file_is_named(tmp_path):
    with pytest.raises(InputError, match=r"^token_file must be an existing file"):
        read_token(str(tmp_path / "token"))


@pytest.mark.parametrize("content", ["", " \n", "two words", "café"])
def test_what_is_no_token_is_refused(tmp_path, content):
    (tmp_path / "token").write_text(content)
    with pytest.raises(InputError, match="must hold a token"):
        read_token(str(tmp_path / "token"))
