from __future__ import annotations

import os

import pytest

from mach_tf.errors import InputError
from mach_tf.serving.contents import FILE, ServableContents

CONTENTS = ServableContents("demo", 5, 3, "logit_mean", "int8", 0.5, ["sparse"], True, "abc", {"tensorflow": "2"})


@pytest.fixture
def directory(tmp_path):
    (tmp_path / "variables").mkdir()
    (tmp_path / "variables" / "data").write_bytes(b"weights")
    CONTENTS.write(str(tmp_path))
    return tmp_path


def test_what_is_written_is_read(directory):
    found = ServableContents.read(str(directory))
    assert list(found.files) == ["variables/data"]
    assert ServableContents(**{**found.__dict__, "files": {}}) == CONTENTS
    found.check(str(directory))


@pytest.mark.parametrize(
    ("content", "message"),
    [(None, "is missing"), (b"weight", r"must have 7 bytes \(got 6\)"), (b"Weights", "is not the file")],
)
def test_damage_is_named(directory, content, message):
    path = directory / "variables" / "data"
    path.unlink() if content is None else path.write_bytes(content)
    with pytest.raises(InputError, match=rf"variables.data {message}.*export the model again"):
        ServableContents.read(str(directory)).check(str(directory))


def test_an_edited_description_is_refused(directory):
    path = directory / FILE
    path.write_text(path.read_text().replace('"int8"', '"int4"'))
    with pytest.raises(InputError, match="does not fit its sha256"):
        ServableContents.read(str(directory))


def test_a_directory_without_a_servable_is_refused(tmp_path):
    with pytest.raises(InputError, match=f"{os.path.join('', FILE)}.*mach-export"):
        ServableContents.read(str(tmp_path))
