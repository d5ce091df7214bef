from __future__ import annotations

import pytest

from preprocess.labelled_files import Record, package_of, records
from preprocess.python_files import SourceFile
from preprocess.python_points import PythonFile


@pytest.mark.parametrize(
    ("name", "package"),
    [
        ("python3.11/xml/parsers/expat.py", "xml.parsers"),
        ("site-packages/numpy/__init__.py", "numpy"),
        ("python3.11/abc.py", ""),
        ("abc.py", ""),
    ],
)
def test_the_package_is_the_folder_of_the_file(name, package):
    assert package_of(name) == package


def test_packages_count_their_training_files():
    names = [f"lib/many/{i}.py" for i in range(10)] + [f"lib/few/{i}.py" for i in range(9)] + ["lib/alone.py"]
    sources = [SourceFile(name, name, "train") for name in names]
    sources += [SourceFile("t", f"lib/{package}/t.py", "test") for package in ("many", "few")]
    found = records(sources, [PythonFile("x", [])] * len(sources), "package")
    assert [record.labels for record in found["train"]] == ["many"] * 10
    assert found["test"] == [Record("lib/many/t.py", "x", "many")] and found["valid"] == []


def test_files_without_text_or_labels_or_meaning_are_left_out():
    sources = [SourceFile(name, f"lib/{name}.py", "valid") for name in "abcd"]
    parsed = [PythonFile("x", ["os"]), PythonFile("", ["os"]), PythonFile("x", []), None]
    assert records(sources, parsed, "imports")["valid"] == [Record("lib/a.py", "x", ["os"])]
