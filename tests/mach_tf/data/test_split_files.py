from __future__ import annotations

import pathlib

import pytest

from mach_tf.data import split_files
from mach_tf.data.libsvm import TextInput


@pytest.mark.parametrize(
    ("files", "expected"),
    [
        ("b1", [("b1",)]),
        (pathlib.Path("b1"), [("b1",)]),
        ("b*", [("b1",), ("b2",)]),
        (["c", "b*"], [("c",), ("b1",), ("b2",)]),
        (("b*", ["c", "d"]), [("b1", "c"), ("b2", "d")]),
        (("c", "d"), [("c", "d")]),
        ([("c", "d"), "b2", (["b1"], ["b2"])], [("c", "d"), ("b2",), ("b1", "b2")]),
    ],
)
def test_files_of_a_split(tmp_path, monkeypatch, files, expected):
    monkeypatch.chdir(tmp_path)
    for name in ("b2", "b1", "c", "d"):
        (tmp_path / name).touch()
    assert split_files.text_inputs("train", files) == [TextInput(*names) for names in expected]
