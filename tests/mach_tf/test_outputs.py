from __future__ import annotations

import os
import zipfile

import pytest

from mach_tf import outputs
from mach_tf.errors import InputError


@pytest.fixture
def places(tmp_path):
    """An input file, a model directory and a dataset directory."""
    for name in ("input.txt", "model/model.json", "model/repetition-000/variables/variables.index", "model/mine.txt"):
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(name)
    for name in ("label_names.txt", "label_keys.txt", "feature_names.txt", "document_frequencies.npy"):
        (tmp_path / "model" / name).write_text(name)
    for name in ("dataset.json", "train-00000-of-00001.tfrecord", "label_names.txt"):
        (tmp_path / "data").mkdir(exist_ok=True)
        (tmp_path / "data" / name).write_text(name)
    return tmp_path


READ = [
    "input.txt",
    "model/model.json",
    "model/repetition-000/variables/variables.index",
    "model/label_keys.txt",
    "model/document_frequencies.npy",
    "data/dataset.json",
    "data/train-00000-of-00001.tfrecord",
    "data/label_names.txt",
]


@pytest.mark.parametrize("name", READ)
@pytest.mark.parametrize("way", ["itself", "symbolic link", "hard link", "other words"])
def test_an_output_that_is_an_input_is_refused(places, monkeypatch, name, way):
    inputs = [str(places / "input.txt"), str(places / "model"), str(places / "data"), None]
    output = places / "out"
    if way == "symbolic link":
        output.symlink_to(name)
    elif way == "hard link":
        os.link(places / name, output)
    elif way == "other words":
        monkeypatch.chdir(places / "data")
        output = os.path.join("..", name)
    else:
        output = places / name
    with pytest.raises(InputError, match="must not be an input, which it would replace"):
        outputs.check([str(places / "fine"), str(output)], inputs)


@pytest.mark.parametrize("name", ["new.txt", "model/mine.txt", "data/new.txt", "/dev/null"])
def test_what_is_not_read_may_be_written(places, name):
    inputs = [str(places / "model"), str(places / "data"), None, str(places / "missing"), "/dev/null"]
    outputs.check([str(places / name)], inputs)


def test_an_archive_is_an_input_if_a_file_in_it_is(tmp_path):
    with zipfile.ZipFile(tmp_path / "a.zip", "w") as archive:
        archive.writestr("E/x.txt", "x")
    with pytest.raises(InputError, match="must not be an input, which it would replace"):
        outputs.check([str(tmp_path / "a.zip")], [f"{tmp_path}/a.zip/E/x.txt"])
    with pytest.raises(InputError, match="must hold no input"):
        outputs.check_directory(str(tmp_path), [f"{tmp_path}/a.zip/E/x.txt"])


def test_a_directory_is_no_output_file(places):
    with pytest.raises(InputError, match="must be a file to write, but it is a directory"):
        outputs.check([str(places / "model")], [])


@pytest.mark.parametrize("way", ["itself", "link to the input", "link to the directory"])
def test_a_directory_that_is_replaced_holds_no_input(places, way):
    directory, path = places / "data", places / "data" / "label_names.txt"
    if way == "link to the input":
        path = places / "link"
        path.symlink_to(os.path.join("data", "label_names.txt"))
    elif way == "link to the directory":
        directory = places / "link"
        directory.symlink_to("data")
    with pytest.raises(InputError, match="must hold no input"):
        outputs.check_directory(str(directory), [None, str(path)])
    outputs.check_directory(str(places / "dat"), [None, str(path)])
