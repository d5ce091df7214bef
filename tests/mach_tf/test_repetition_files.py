"""A repetition's files are listed, and what is missing, altered or foreign is named."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys

import pytest

from mach_tf import files, repetition_files
from mach_tf.errors import InputError
from mach_tf.manifest import ModelManifest
from mach_tf.repetition_files import RepetitionFiles
from tests.helpers import model_directory

REMEDY = r"partly copied: copy .*repetition-001 again, or remove it and train again\.$"


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    path = str(tmp_path_factory.mktemp("model"))
    model_directory.write(path, repetitions=2)
    return path


@pytest.fixture
def model(whole, tmp_path):
    shutil.copytree(whole, tmp_path / "model")
    return tmp_path / "model"


def check(model, verify="sizes"):
    repetition_files.check(str(model), ModelManifest.read(str(model)), 1, verify)


def test_every_file_is_listed_with_its_size_and_hash(whole):
    directory = os.path.join(whole, "repetition-001")
    stored = RepetitionFiles.read(directory)
    assert stored.origin == ModelManifest.read(whole).origin(1)
    present = {
        os.path.relpath(os.path.join(parent, name), directory)
        for parent, _, names in os.walk(directory)
        for name in names
    }
    assert set(stored.files) == present - {"repetition.json"}
    for name, file in stored.files.items():
        path = os.path.join(directory, name)
        assert (file.bytes, file.sha256) == (os.path.getsize(path), files.sha256(path))


def test_it_is_written_last(whole):
    directory = os.path.join(whole, "repetition-001")
    times = [
        os.stat(os.path.join(parent, name)).st_mtime_ns for parent, _, names in os.walk(directory) for name in names
    ]
    assert os.stat(os.path.join(directory, "repetition.json")).st_mtime_ns == max(times)


@pytest.mark.parametrize("verify", ["sizes", "full"])
def test_a_whole_one_has_no_problem(whole, verify):
    check(whole, verify)
    assert repetition_files.unlisted(whole, range(2)) == ""


def test_a_missing_and_a_cut_file_are_named(model):
    os.remove(model / "repetition-001/variables/variables.index")
    os.truncate(model / "repetition-001/saved_model.pb", 100)
    found = list(repetition_files.problems(str(model), ModelManifest.read(str(model)), 1))
    assert len(found) == 2
    assert "saved_model.pb must have" in " ".join(found) and "(got 100)" in " ".join(found)
    assert "variables.index is missing. The repetition is damaged" in " ".join(found)
    with pytest.raises(InputError, match=REMEDY):
        check(model)


def test_a_flipped_bit_is_found_by_the_full_check(model):
    path = model / "repetition-001/fingerprint.pb"
    data = bytearray(path.read_bytes())
    data[5] ^= 1
    path.write_bytes(data)
    check(model)
    with pytest.raises(InputError, match=f"fingerprint.pb must have the SHA-256 .*{REMEDY}"):
        check(model, "full")


def test_a_foreign_one_is_named_by_its_list(model):
    shutil.rmtree(model / "repetition-001")
    shutil.copytree(model / "repetition-000", model / "repetition-001")
    with pytest.raises(InputError, match="repetition-001 is of another training"):
        check(model)


def test_one_of_an_earlier_version_is_said_to_be_unlisted(model):
    os.remove(model / "repetition-001/repetition.json")
    check(model, "full")
    said = repetition_files.unlisted(str(model), range(2))
    assert "repetition-001 has no repetition.json: an earlier version of mach_tf wrote it" in said
    os.truncate(model / "repetition-001/variables/variables.data-00000-of-00001", 700)
    with pytest.raises(InputError, match=f"must have more than .*got 700.*{REMEDY}"):
        check(model)
    shutil.rmtree(model / "repetition-001/variables")
    with pytest.raises(InputError, match=f"variables.index is missing.*{REMEDY}"):
        check(model)


@pytest.mark.parametrize(
    "change",
    [
        lambda v: v.update(schema_version=2),
        lambda v: v.update(files=[]),
        lambda v: v.update(files={}),
        lambda v: v["files"].pop("saved_model.pb"),
        lambda v: v["files"]["saved_model.pb"].update(bytes=-1),
        lambda v: v["files"]["saved_model.pb"].update(bytes=1e400),
        lambda v: v["files"]["saved_model.pb"].update(sha256="x"),
        lambda v: v["files"].update({"../../outside": v["files"]["saved_model.pb"]}),
        lambda v: v["files"].update({"/etc/passwd": v["files"]["saved_model.pb"]}),
        lambda v: v["files"].update({"nul\0": v["files"]["saved_model.pb"]}),
    ],
)
def test_a_damaged_list_is_named(model, change):
    path = model / "repetition-001/repetition.json"
    value = json.loads(path.read_text())
    change(value)
    path.write_text(json.dumps(value))
    with pytest.raises(InputError, match=f"repetition.json .*{REMEDY}"):
        check(model)


def test_an_unknown_check_is_refused(whole):
    with pytest.raises(InputError, match=r"verify must be one of sizes, full .got 'hashes'"):
        check(whole, "hashes")


def test_no_tensorflow_is_needed():
    code = "import sys, mach_tf.repetition_files; sys.exit('tensorflow' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_the_fingerprint_is_of_the_manifest_and_of_the_weights(model):
    before = repetition_files.fingerprint(str(model), 2)
    assert before == repetition_files.fingerprint(str(model), 2) and len(before) == 3
    with open(model / "repetition-001" / "variables" / "variables.index", "ab") as file:
        file.write(b"x")
    after = repetition_files.fingerprint(str(model), 2)
    assert after[:2] == before[:2] and after[2] != before[2]
