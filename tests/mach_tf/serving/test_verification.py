from __future__ import annotations

import dataclasses
import json

import pytest

from mach_tf.errors import InputError
from mach_tf.serving import verification
from tests.mach_tf.serving.test_contents import CONTENTS


@pytest.fixture
def directory(tmp_path):
    for name in ("saved_model.pb", "README.md"):
        (tmp_path / name).write_text(name)
    CONTENTS.write(str(tmp_path))
    return tmp_path


def test_a_whole_servable_is_called_so(directory):
    found = verification.verify(str(directory))
    assert found.is_whole and str(found) == f"{directory} is whole: its 2 files are as servable.json says."
    assert json.loads(json.dumps(found.to_json())) == dataclasses.asdict(found)


def test_the_folder_of_the_versions_is_told_from_a_version(tmp_path):
    folder = tmp_path / "books"
    folder.mkdir()
    for number in ("2", "10"):
        (folder / number).mkdir()
        CONTENTS.write(str(folder / number))
    with pytest.raises(InputError, match=rf"is the folder above\. Give {folder}/10\."):
        verification.verify(str(folder))


def test_every_problem_is_named(directory):
    (directory / "README.md").unlink()
    (directory / "saved_model.pb").write_text("saved_model.pc")
    reported = []
    found = verification.verify(str(directory), reported.append)
    assert reported == found.problems and len(reported) == 2 and not found.is_whole
    assert str(found).endswith("is damaged: 2 problem(s).")


def test_a_damaged_description_is_a_problem(directory):
    (directory / "servable.json").write_text("{")
    (problem,) = verification.verify(str(directory)).problems
    assert "servable.json" in problem
